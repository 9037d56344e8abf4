// Values of runs by key, and conditions on them, as `exp ls` has them.

const OWN = {
  dir: (run) => run.dir,
  state: (run) => run.state,
  date: (run) => run.date,
  tag: (run) => run.tags,
  note: (run) => run.note,
  step: (run) => run.step,
  seconds: (run) => run.seconds,
  cause: (run) => run.cause,
  overrides: (run) => run.words,
};

/** The value of a key: a word about the run, a figure, a setting, or its newest metric. */
export function value(list, run, key) {
  if (key in OWN) return OWN[key](run);
  if (key in run.figures) return run.figures[key];
  const place = list.places.get(key);
  if (place !== undefined && run.config[place] != null) return run.config[place];
  return run.last[key];
}

/** The runs that fulfil all conditions of a text; throws on a word that is none. */
export function select(list, text) {
  const conditions = (text.match(/\S+/g) ?? []).map(parse);
  return list.runs.filter((run) => conditions.every((condition) => holds(condition, value(list, run, condition.key))));
}

function parse(word) {
  const found = /^([^=<>!]+)(!=|<=|>=|<|>|=)(.*)$/.exec(word);
  if (!found) throw new Error(`"${word}" is no condition: write KEY=VALUE, with =, !=, <, <=, > or >=`);
  const [, key, relation, wanted] = found;
  return { key, relation, wanted };
}

function holds({ key, relation, wanted }, found) {
  if (key === "date" && found != null) {
    // A year, a month or a day is equal to all its times.
    const time = wanted.replace("T", " ");
    return holds({ relation, wanted: `on ${time}` }, `on ${found.slice(0, time.length)}`);
  }
  const number = Number(wanted);
  const isNumber = wanted !== "" && !Number.isNaN(number);
  const equal = (one) => {
    if (typeof one === "number" && isNumber) return one === number;
    const text = typeof one === "string" ? one : JSON.stringify(one);
    return text === wanted;
  };
  const among = (one) => (Array.isArray(one) ? one.some(equal) : false) || equal(one);
  if (found == null) return relation === "!=";
  if (relation === "=") return among(found);
  if (relation === "!=") return !among(found);
  const [a, b] = typeof found === "number" && isNumber ? [found, number] : [String(found), wanted];
  if (typeof found === "number" && !isNumber) return false;
  return { "<": a < b, "<=": a <= b, ">": a > b, ">=": a >= b }[relation];
}

/** Runs in the order of a key, those without a value last. */
export function sorted(list, runs, key, falling) {
  const values = new Map(runs.map((run) => [run, key === "date" ? run.started : value(list, run, key)]));
  const sign = falling ? -1 : 1;
  return [...runs].sort((one, other) => {
    const [a, b] = [values.get(one), values.get(other)];
    if (a == null || b == null) return (a == null) - (b == null);
    if (typeof a === "number" && typeof b === "number") return sign * (a - b);
    return sign * String(a).localeCompare(String(b));
  });
}
