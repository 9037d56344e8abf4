// Lines over steps, as SVG: smoothed, on equal distances or equal factors, with the values under the pointer.

import { h, short, svg } from "./dom.js";

const WIDTH = 640;
const HEIGHT = 260;
const LEFT = 58;
const RIGHT = 10;
const TOP = 10;
const BOTTOM = 26;
/** Colours that are told apart also by those who see few, after Okabe and Ito (2008). */
export const COLOURS = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#8a8f98"];

export const colour = (number) => COLOURS[number % COLOURS.length];

/** Values smoothed by an exponential mean that counts its beginning rightly; 0 leaves them. */
export function smoothed(points, weight) {
  let mean = 0;
  let share = 0;
  return points.map(([x, y]) => {
    mean = weight * mean + (1 - weight) * y;
    share = weight * share + (1 - weight);
    return [x, mean / share];
  });
}

/** Round values between two bounds. */
function ticks(low, high, count) {
  const rough = (high - low) / count;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((step) => step >= rough);
  const found = [];
  for (let n = Math.ceil(low / step); n * step <= high; n += 1) found.push(n * step);
  return found;
}

function bounds(values, margin) {
  let [low, high] = [Infinity, -Infinity];
  for (const value of values) {
    low = Math.min(low, value);
    high = Math.max(high, value);
  }
  if (low === high) return [low - 0.5 * (Math.abs(low) || 1), high + 0.5 * (Math.abs(high) || 1)];
  return [low - margin * (high - low), high + margin * (high - low)];
}

/** A chart of series [{name, points: [[x, y]]}]; options: title, smooth (0 to 1), log. */
export function chart(series, { title, smooth = 0, log = false }) {
  const place = (y) => (log ? Math.log10(y) : y);
  const drawn = series.map(({ points }) =>
    smoothed(points.filter(([, y]) => Number.isFinite(place(y))), smooth),
  );
  const all = drawn.flat();
  if (all.length === 0) return h("figure", {}, h("figcaption", {}, `${title}: no values`));
  const [x0, x1] = bounds(all.map(([x]) => x), 0);
  const [y0, y1] = bounds(all.map(([, y]) => place(y)), 0.04);
  const across = (x) => LEFT + ((x - x0) / (x1 - x0)) * (WIDTH - LEFT - RIGHT);
  const down = (y) => HEIGHT - BOTTOM - ((place(y) - y0) / (y1 - y0)) * (HEIGHT - TOP - BOTTOM);
  const label = (tick) => short(log ? 10 ** tick : tick);
  const level = (tick) => HEIGHT - BOTTOM - ((tick - y0) / (y1 - y0)) * (HEIGHT - TOP - BOTTOM);
  const grid = [
    ...ticks(y0, y1, 5).map((tick) => [
      svg("line", { class: "grid", x1: LEFT, x2: WIDTH - RIGHT, y1: level(tick), y2: level(tick) }),
      svg("text", { class: "tick end", x: LEFT - 6, y: level(tick) + 4 }, label(tick)),
    ]),
    ...ticks(x0, x1, 6).map((tick) => svg("text", { class: "tick middle", x: across(tick), y: HEIGHT - 8 }, short(tick))),
  ].flat();
  const lines = drawn.map((points, number) => {
    const path = points.map(([x, y]) => `${across(x).toFixed(1)},${down(y).toFixed(1)}`).join(" ");
    return svg("polyline", { points: path, stroke: colour(number), class: "line" });
  });
  const rule = svg("line", { class: "rule", y1: TOP, y2: HEIGHT - BOTTOM, visibility: "hidden" });
  const box = svg("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-label": title }, grid, lines, rule);
  const names = series.map(({ name }, number) => {
    const mark = h("i");
    mark.style.background = colour(number);
    const found = h("b");
    return { row: h("span", {}, mark, `${name} `, found), found };
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
