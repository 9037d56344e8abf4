// What many runs found: every run as a line over its settings, a figure over two of them, and how much each matters.

import { h, short, show, svg } from "./dom.js";
import { value } from "./filter.js";

const WIDTH = 900;
const HEIGHT = 300;
/** Settings that have an axis, beyond which none can be read. */
const AXES = 9;
/** How wide a letter is below an axis. */
const LETTER = 6;

/** Shows the runs by a figure. */
export function sweep(view, list, runs) {
  const counts = new Map();
  for (const name of runs.flatMap((run) => Object.keys(run.figures))) counts.set(name, (counts.get(name) ?? 0) + 1);
  const figures = [...counts].sort(([, a], [, b]) => b - a).map(([name]) => name);
  const choice = { figure: figures.find((name) => !list.explaining.includes(name)) ?? figures[0] };
  const place = h("div");
  const pick = (name, options) => {
    const box = h("select", {}, options.map((one) => h("option", { selected: one === choice[name] }, one)));
    box.addEventListener("change", () => {
      choice[name] = box.value;
      draw();
    });
    return box;
  };
  const draw = () => {
    const known = runs.filter((run) => Number.isFinite(run.figures[choice.figure]));
    const distinct = (key) => new Set(known.map((run) => JSON.stringify(value(list, run, key)))).size;
    const ranked = importance(list, known, list.keys.filter((key) => distinct(key) > 1), choice.figure);
    const keys = ranked.map(({ key }) => key);
    if (keys.length === 0) {
      show(place, h("p", {}, "These runs have no figures yet, or no settings in which they differ."));
      return;
    }
    if (!keys.includes(choice.x)) choice.x = keys[0];
    if (!keys.includes(choice.y)) choice.y = keys[1] ?? keys[0];
    show(
      place,
      h("h2", {}, "Every run as a line"),
      parallel(list, known, keys.slice(0, AXES), choice.figure),
      h("h2", {}, "How much each setting matters"),
      h("p", { class: "quiet" }, "The share of the spread of the figure's ranks that the setting alone explains (correlation ratio over at most five groups)."),
      bars(ranked),
      h("h2", {}, "The figure over two settings"),
      h("p", { class: "quiet" }, "The mean of the runs that have both values."),
      h("p", { class: "controls" }, h("label", {}, "across ", pick("x", keys)), h("label", {}, "down ", pick("y", keys))),
      heat(list, known, choice),
    );
  };
  draw();
  show(view, h("h1", {}, `${runs.length} runs`), h("p", { class: "controls" }, h("label", {}, "figure ", pick("figure", figures))), place);
}

/** Where values lie between 0 and 1: numbers by size, or by factor where they are wide apart; words by their order. */
function scale(values) {
  const found = values.filter((one) => one != null);
  const numbers = found.every((one) => typeof one === "number");
  if (!numbers) {
    const words = [...new Set(found.map((one) => JSON.stringify(one)))].sort();
    const place = (one) => (words.length > 1 ? words.indexOf(JSON.stringify(one)) / (words.length - 1) : 0.5);
    return { place, ends: [short(JSON.parse(words[0])), short(JSON.parse(words.at(-1)))] };
  }
  const [low, high] = [Math.min(...found), Math.max(...found)];
  const log = low > 0 && high > 50 * low;
  const at = (one) => (log ? Math.log(one) : one);
  const place = (one) => (high > low ? (at(one) - at(low)) / (at(high) - at(low)) : 0.5);
  return { place, ends: [short(low), short(high)] };
}

/** From low to high, readable on light and dark and by those who see few colours. */
const shade = (share) => `color-mix(in oklab, #d55e00 ${(100 * share).toFixed(0)}%, #0072b2)`;

function parallel(list, runs, keys, figure) {
  const names = [...keys, figure];
  const scales = names.map((key) => scale(runs.map((run) => value(list, run, key))));
  const across = (at) => 60 + (at * (WIDTH - 120)) / Math.max(1, names.length - 1);
  const down = (share) => HEIGHT - 40 - share * (HEIGHT - 80);
  // As many as have room between two axes.
  const letters = Math.min(22, Math.floor((across(1) - across(0)) / LETTER));
  const last = scales.length - 1;
  const lines = runs.map((run) => {
    const points = names.map((key, at) => {
      const found = value(list, run, key);
      return found == null ? null : `${across(at)},${down(scales[at].place(found))}`;
    });
    const colour = shade(scales[last].place(run.figures[figure]));
    return svg("polyline", { points: points.filter(Boolean).join(" "), stroke: colour, class: "thread" }, svg("title", {}, `${run.dir}  ${figure} ${short(run.figures[figure])}`));
  });
  const axes = names.map((key, at) => [
    svg("line", { class: "axis", x1: across(at), x2: across(at), y1: down(0), y2: down(1) }),
    svg("text", { class: "tick middle", x: across(at), y: HEIGHT - 6 }, key.length > letters ? `…${key.slice(1 - letters)}` : key, svg("title", {}, key)),
    svg("text", { class: "tick middle", x: across(at), y: down(0) + 15 }, scales[at].ends[0]),
    svg("text", { class: "tick middle", x: across(at), y: down(1) - 8 }, scales[at].ends[1]),
  ]);
  return h("div", { class: "wide" }, svg("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, class: "parallel", role: "img", "aria-label": "runs over their settings" }, lines, axes.flat()));
}

/** The correlation ratio of the ranks of the figure, over groups of a setting's values; the most first. */
function importance(list, runs, keys, figure) {
  const order = runs.map((run) => run.figures[figure]).sort((a, b) => a - b);
  // Equal figures have the mean of their ranks.
  const ranks = new Map(order.map((found) => [found, (order.indexOf(found) + order.lastIndexOf(found)) / 2]));
  const rank = new Map(runs.map((run) => [run, ranks.get(run.figures[figure])]));
  const mean = (runs.length - 1) / 2;
  const spread = runs.reduce((sum, run) => sum + (rank.get(run) - mean) ** 2, 0);
  const share = (key) => {
    const values = runs.map((run) => value(list, run, key));
    const { place } = scale(values);
    const distinct = new Set(values.map((one) => JSON.stringify(one)));
    const group = (one) => (distinct.size <= 5 ? JSON.stringify(one) : Math.min(4, Math.floor(5 * place(one))));
    const groups = new Map();
    runs.forEach((run, at) => {
      const key = group(values[at]);
      groups.set(key, [...(groups.get(key) ?? []), rank.get(run)]);
    });
    const between = [...groups.values()].reduce((sum, ranks) => sum + ranks.length * (ranks.reduce((a, b) => a + b, 0) / ranks.length - mean) ** 2, 0);
    return spread > 0 ? between / spread : 0;
  };
  return keys.map((key) => ({ key, share: share(key) })).sort((a, b) => b.share - a.share);
}

function bars(ranked) {
  const row = ({ key, share }) => {
    const bar = h("i", { class: "bar" });
    bar.style.width = `${(100 * share).toFixed(1)}%`;
    return h("tr", {}, h("th", { scope: "row" }, key), h("td", { class: "track" }, bar), h("td", { class: "number" }, `${(100 * share).toFixed(0)} %`));
  };
  return h("table", { class: "bars" }, ranked.map(row));
}

function heat(list, runs, { figure, x, y }) {
  const distinct = (key) => {
    const found = new Map(runs.map((run) => [JSON.stringify(value(list, run, key) ?? null), value(list, run, key)]));
    const number = (one) => (typeof one === "number" ? one : NaN);
    return [...found].sort(([a, one], [b, other]) => number(one) - number(other) || a.localeCompare(b)).map(([text]) => text);
  };
  const [columns, rows] = [distinct(x), distinct(y)];
  if (columns.length * rows.length > 2500) return h("p", { class: "quiet" }, "These settings have too many values for a table.");
  const cells = new Map();
  for (const run of runs) {
    const key = [x, y].map((name) => JSON.stringify(value(list, run, name) ?? null)).join("\n");
    cells.set(key, [...(cells.get(key) ?? []), run.figures[figure]]);
  }
  const means = new Map([...cells].map(([key, found]) => [key, found.reduce((a, b) => a + b, 0) / found.length]));
  const { place } = scale([...means.values()]);
  const cell = (column, row) => {
    const found = means.get(`${column}\n${row}`);
    const one = h("td", { class: "number" }, found === undefined ? "" : short(found));
    if (found !== undefined) {
      one.style.background = shade(place(found));
      one.style.color = "white";
    }
    return one;
  };
  const name = (text) => short(JSON.parse(text));
  return h(
    "div",
    { class: "wide" },
    h(
      "table",
      { class: "heat" },
      h("tr", {}, h("th"), columns.map((column) => h("th", { scope: "col" }, name(column)))),
      rows.map((row) => h("tr", {}, h("th", { scope: "row" }, name(row)), columns.map((column) => cell(column, row)))),
    ),
  );
}
