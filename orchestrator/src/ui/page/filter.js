// Values of runs by key, and conditions on them, as `exp ls` has them.

import { nearest } from "./nearest.js";

/** Words about the run itself. */
const OWN = {
  dir: (run) => run.dir,
  state: (run) => run.state,
  date: (run) => run.date || undefined,
  tag: (run) => run.tags,
  note: (run) => run.note ?? undefined,
  step: (run) => run.step ?? undefined,
  seconds: (run) => run.seconds ?? undefined,
  cause: (run) => run.cause ?? undefined,
  overrides: (run) => run.words,
};

/** Other names of some, by which tables, JSON and configurations call them. */
const ALSO = { run: "dir", started: "date", took: "seconds", tags: "tag", notes: "note" };

/** The value of a key: a word about the run, a figure, a setting, or its newest metric; undefined if it has none. */
export function value(list, run, key) {
  if (Object.hasOwn(OWN, key)) return OWN[key](run);
  if (Object.hasOwn(run.figures, key)) return run.figures[key];
  if (run.frozen && Object.hasOwn(list.common, key)) return list.common[key];
  const at = list.places.get(key);
  if (at !== undefined && !run.lacks.includes(at)) return run.config[at];
  // JSON has no number for what is not finite.
  return run.last[key] === null ? "NaN" : run.last[key];
}

/** The conditions of a text; throws on a word that is none, and on a key that no run has. */
export function conditions(list, text) {
  const found = (text.match(/\S+/g) ?? []).map(parse);
  const names = new Set([...Object.keys(OWN), ...list.figures, ...list.keys, ...Object.keys(list.common), ...list.metrics]);
  const wrong = found.find(({ key }) => list.runs.length > 0 && !names.has(key));
  if (!wrong) return found;
  const meant = nearest(wrong.key, names);
  throw new Error(`${wrong.key}: no run has such a key${meant ? `; did you mean ${meant}?` : ""}`);
}

/** The runs that fulfil all conditions. */
export function select(list, conditions) {
  return list.runs.filter((run) => conditions.every((condition) => holds(condition, value(list, run, condition.key))));
}

function parse(word) {
  const found = /^([^=<>!]+)(!=|<=|>=|<|>|==?)(.*)$/.exec(word);
  if (!found) throw new Error(`"${word}" is no condition: write KEY=VALUE, with =, !=, <, <=, > or >=`);
  const [, key, relation, wanted] = found;
  return { key: Object.hasOwn(ALSO, key) ? ALSO[key] : key, relation: relation === "==" ? "=" : relation, wanted };
}

function holds({ key, relation, wanted }, found) {
  if (key === "date" && found !== undefined) {
    // A year, a month or a day is equal to all its times.
    const time = wanted.replace("T", " ");
    return holds({ relation, wanted: `on ${time}` }, `on ${found.slice(0, time.length)}`);
  }
  const number = Number(wanted);
  const isNumber = wanted !== "" && !Number.isNaN(number);
  const equal = (one) => {
    if (typeof one === "number" && isNumber) return one === number;
    const text = typeof one === "string" ? one : JSON.stringify(one);
    return text === wanted || (text === "NaN" && wanted.toLowerCase() === "nan");
  };
  const among = (one) => (Array.isArray(one) ? one.some(equal) : false) || equal(one);
  if (found === undefined) return relation === "!=";
  if (relation === "=") return among(found);
  if (relation === "!=") return !among(found);
  // Null is equal or unequal, and has no order.
  if (found === null) return false;
  const [a, b] = typeof found === "number" && isNumber ? [found, number] : [String(found), wanted];
  if (typeof found === "number" && !isNumber) return false;
  return { "<": a < b, "<=": a <= b, ">": a > b, ">=": a >= b }[relation];
}

/** Runs in the order of a key, those without a value last; of equal ones the newest first, whatever their order was before. */
export function sorted(list, runs, key, falling) {
  const values = new Map(runs.map((run) => [run, key === "date" ? run.started : value(list, run, key)]));
  const sign = falling ? -1 : 1;
  return [...runs].sort((one, other) => {
    const [a, b] = [values.get(one), values.get(other)];
    if (a == null || b == null) return (a == null) - (b == null) || newest(one, other);
    const order = typeof a === "number" && typeof b === "number" ? a - b : String(a).localeCompare(String(b));
    return sign * order || newest(one, other);
  });
}

function newest(one, other) {
  const [a, b] = [one, other].map((run) => `${run.started ?? ""} ${run.dir}`);
  return a < b ? 1 : -(a > b);
}
