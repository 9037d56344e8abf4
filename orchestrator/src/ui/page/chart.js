// Lines over steps, as SVG: smoothed, on equal distances or equal factors, with the values under the pointer.

import { apart, h, short, svg } from "./dom.js";

const WIDTH = 640;
const HEIGHT = 260;
const LEFT = 58;
const RIGHT = 10;
const TOP = 10;
const BOTTOM = 26;
/** Letters that have room on the left. */
const LETTERS = 8;
/** Colours that are told apart also by those who see few, after Okabe and Ito (2008). */
const COLOURS = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#8a8f98"];
/** Dashes, for the lines of which the colours are taken. */
const DASHES = [null, "7 3", "2 3", "9 3 2 3"];
/** Values beyond have no place, as the distance of two may be beyond all numbers; those below its inverse are as zero. */
const HUGE = 1e300;
/** Values that lie closer, as a share of their size, are one: they differ in digits that are nobody's. */
const CLOSE = 1e-12;

/** How the line of a series looks. */
function strokes(number) {
  return { stroke: COLOURS[number % COLOURS.length], "stroke-dasharray": DASHES[Math.floor(number / COLOURS.length) % DASHES.length] };
}

/** A piece of the line of a series, to stand before its name. */
export function swatch(number) {
  return svg("svg", { class: "swatch", viewBox: "0 0 26 8", "aria-hidden": "true" }, svg("line", { x1: 0, x2: 26, y1: 4, y2: 4, ...strokes(number) }));
}

/** Values, or the means that stand behind them, smoothed by an exponential mean that counts its beginning rightly; 0 leaves them. */
export function smoothed(points, weight) {
  let mean = 0;
  let share = 0;
  return points.map(([x, value, mid = value]) => {
    const y = weight > 0 ? mid : value;
    mean = weight * mean + (1 - weight) * y;
    share = weight * share + (1 - weight);
    return [x, mean / share];
  });
}

/** Round values between two bounds. */
function ticks(low, high, count) {
  const rough = (high - low) / count;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5].map((factor) => factor * power).find((step) => step >= rough) ?? 10 * power;
  const first = Math.ceil(low / step);
  const length = Math.max(0, Math.floor(high / step) - first + 1);
  return Array.from({ length }, (_, at) => (first + at) * step);
}

/** What is written beside the levels: as powers of ten where there is no room for all digits, and they tell as much. */
function written(levels) {
  const texts = apart(levels);
  if (texts.every((text) => text.length <= LETTERS)) return texts;
  const powers = levels.map((level) => (level === 0 ? "0" : Number(level.toPrecision(4)).toExponential()));
  return new Set(powers).size === texts.length ? powers : texts;
}

/** What is drawn of an axis with these values. Those that are all one stand in the middle: of twice their size, or of a decade. */
function bounds(values, margin, log = false) {
  let [low, high] = [Infinity, -Infinity];
  for (const value of values) {
    low = Math.min(low, value);
    high = Math.max(high, value);
  }
  const size = log ? 1 : Math.max(Math.abs(low), Math.abs(high));
  if (high - low <= Math.max(CLOSE * size, 1 / HUGE)) {
    const around = size > 1 / HUGE ? size / 2 : 0.5;
    return [low - around, high + around];
  }
  return [low - margin * (high - low), high + margin * (high - low)];
}

/** A chart of series [{name, points: [[x, y]]}], also [x, y, mean] where a point stands for several; options: title, smooth (0 to 1), log. */
export function chart(series, { title, smooth = 0, log = false }) {
  const place = (y) => (log ? Math.log10(y) : y);
  const fits = (y) => Math.abs(y) <= HUGE && (!log || y >= 1 / HUGE);
  const drawn = series.map(({ points }) => smoothed(points.filter(([, y]) => fits(y)), smooth));
  const all = drawn.flat();
  if (all.length === 0) return h("figure", {}, h("figcaption", {}, `${title}: no values`));
  const [x0, x1] = bounds(all.map(([x]) => x), 0);
  const [y0, y1] = bounds(all.map(([, y]) => place(y)), 0.04, log);
  const across = (x) => LEFT + ((x - x0) / (x1 - x0)) * (WIDTH - LEFT - RIGHT);
  const down = (y) => HEIGHT - BOTTOM - ((place(y) - y0) / (y1 - y0)) * (HEIGHT - TOP - BOTTOM);
  const level = (tick) => HEIGHT - BOTTOM - ((tick - y0) / (y1 - y0)) * (HEIGHT - TOP - BOTTOM);
  const [levels, steps] = [ticks(y0, y1, 5), ticks(x0, x1, 6)];
  const labels = written(levels.map((tick) => (log ? 10 ** tick : tick)));
  const grid = [
    ...levels.map((tick, at) => [
      svg("line", { class: "grid", x1: LEFT, x2: WIDTH - RIGHT, y1: level(tick), y2: level(tick) }),
      svg("text", { class: "tick end", x: LEFT - 6, y: level(tick) + 4 }, labels[at]),
    ]),
    ...steps.map((tick) => svg("text", { class: "tick middle", x: across(tick), y: HEIGHT - 8 }, short(tick))),
  ].flat();
  const lines = drawn.map((points, number) => {
    const places = points.map(([x, y]) => `${across(x).toFixed(1)},${down(y).toFixed(1)}`);
    // A line without a length is not seen.
    if (places.length > 0 && places.every((place) => place === places[0])) {
      const [cx, cy] = places[0].split(",");
      return svg("circle", { class: "dot", cx, cy, r: 3.5, fill: strokes(number).stroke });
    }
    return svg("polyline", { points: places.join(" "), class: "line", ...strokes(number) });
  });
  const rule = svg("line", { class: "rule", y1: TOP, y2: HEIGHT - BOTTOM, visibility: "hidden" });
  const box = svg("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-label": title }, grid, lines, rule);
  const names = series.map(({ name }, number) => {
    const found = h("b");
    return { row: h("span", {}, swatch(number), `${name} `, found), found };
  });
  const caption = h("figcaption", {}, h("strong", {}, title), h("em"), names.map(({ row }) => row));
  const at = caption.querySelector("em");
  box.addEventListener("pointermove", (event) => {
    const place = box.getBoundingClientRect();
    const x = x0 + (((event.clientX - place.left) / place.width) * WIDTH - LEFT) * ((x1 - x0) / (WIDTH - LEFT - RIGHT));
    const nearest = drawn.map((points) => points.reduce((best, point) => (Math.abs(point[0] - x) < Math.abs(best[0] - x) ? point : best), points[0] ?? [NaN, NaN]));
    const known = nearest.find(([step]) => Number.isFinite(step));
    rule.setAttribute("visibility", "visible");
    for (const side of ["x1", "x2"]) rule.setAttribute(side, across(known[0]));
    at.textContent = ` step ${short(known[0])}`;
    names.forEach(({ found }, number) => (found.textContent = short(nearest[number][1])));
  });
  box.addEventListener("pointerleave", () => {
    rule.setAttribute("visibility", "hidden");
    at.textContent = "";
    names.forEach(({ found }) => (found.textContent = ""));
  });
  return h("figure", { class: "chart" }, caption, box);
}

/** How curves are drawn: a slider and a box, and what to do when they change. */
export function controls(state, changed) {
  const slider = h("input", { type: "range", min: 0, max: 0.99, step: 0.01, value: state.smooth, "aria-label": "smoothing" });
  slider.addEventListener("input", () => {
    state.smooth = Number(slider.value);
    changed();
  });
  const box = h("input", { type: "checkbox", checked: state.log });
  box.addEventListener("change", () => {
    state.log = box.checked;
    changed();
  });
  return h("p", { class: "controls" }, h("label", {}, "smoothing ", slider), h("label", {}, box, " equal factors"));
}
