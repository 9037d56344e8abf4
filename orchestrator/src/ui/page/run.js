// One run: facts, live curves, pictures by step, configuration with who set what, log.

import { chart, controls } from "./chart.js";
import { ask, h, short, show, took } from "./dom.js";

/** Shows the run in `dir`, if it is still `current` when it has come; gives back what stops it. */
export async function run(view, dir, current) {
  const about = { dir };
  const [detail, curves, log] = await Promise.all([
    ask("run", about).then((answer) => answer.json()),
    ask("curves", about).then((answer) => answer.json()),
    ask("log", about).then((answer) => answer.text()),
  ]);
  if (!current()) return () => {};
  const drawing = { smooth: 0, log: false };
  const charts = h("div", { class: "charts" });
  const draw = () => show(charts, grouped(curves).map(([title, series]) => chart(series, { title, ...drawing })));
  const state = h("span", { class: "state", "data-state": detail.state }, detail.state);
  const lines = h("pre", { class: "log", tabindex: 0 }, log);
  const gone = h("p", { class: "problem", role: "alert", hidden: true }, "This run is no longer there. What is shown was read before.");
  const follow = () => (lines.scrollTop = lines.scrollHeight);
  draw();
  show(
    view,
    h("h1", {}, dir, " ", state),
    gone,
    facts(detail),
    Object.keys(detail.run.figures).length > 0 ? [h("h2", {}, "Figures"), figures(detail.run.figures)] : null,
    detail.evaluations.length > 0 ? [h("h2", {}, "Evaluations"), evaluations(detail.evaluations)] : null,
    h("h2", {}, "Curves"),
    controls(drawing, draw),
    charts,
    detail.pictures.length > 0 ? [h("h2", {}, "Pictures"), pictures(dir, detail.pictures)] : null,
    h("h2", {}, "Configuration"),
    ...configuration(detail),
    h("h2", {}, "Log"),
    lines,
  );
  follow();
  const last = Math.max(-1, ...Object.values(curves).flatMap((points) => points.slice(-1).map(([step]) => step)));
  const after = last >= 0 ? { after: last } : {};
  const source = new EventSource(`/api/watch?${new URLSearchParams({ dir, ...after })}`);
  const lose = (lost) => {
    gone.hidden = !lost;
    state.hidden = lost;
  };
  // It is refused when the run is asked for again, after the server was lost and found.
  source.addEventListener("error", () => source.readyState === EventSource.CLOSED && lose(true));
  source.addEventListener("message", (event) => {
    const news = JSON.parse(event.data);
    lose(!news.state);
    if (!news.state) return;
    for (const row of news.rows) {
      for (const [name, found] of Object.entries(row)) {
        if (name !== "step" && typeof found === "number") put((curves[name] ??= []), [row.step, found]);
      }
    }
    if (news.rows.length > 0) draw();
    state.textContent = news.state;
    state.dataset.state = news.state;
    if (news.log !== lines.textContent) {
      lines.textContent = news.log;
      follow();
    }
  });
  return () => source.close();
}

/** Adds a point to a curve. One of its step is replaced: rows come again when the server was lost and found. */
function put(points, point) {
  let [low, high] = [0, points.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (points[middle][0] < point[0]) low = middle + 1;
    else high = middle;
  }
  points.splice(low, points[low]?.[0] === point[0] ? 1 : 0, point);
}

/** Metrics with a common beginning, such as loss and loss/dsm, in one chart. */
function grouped(curves) {
  const groups = new Map();
  for (const [name, points] of Object.entries(curves)) {
    const title = name.split("/")[0];
    groups.set(title, [...(groups.get(title) ?? []), { name, points }]);
  }
  return [...groups];
}

function facts(detail) {
  const { run, code, machine } = detail;
  const words = {
    started: [detail.started, detail.seconds == null ? null : took(detail.seconds)].filter(Boolean).join(", "),
    cause: run.status.cause,
    overrides: run.words,
    command: machine.command?.join(" "),
    tags: run.labels.tags.join(" "),
    note: run.labels.notes,
    code: code.commit && `${code.commit} (${code.branch})${code.dirty ? ", with uncommitted changes" : ""}`,
    machine: [machine.host, machine.cpu, machine.cores && `${machine.cores} cores`, ...(machine.gpus ?? [])].filter(Boolean).join(", "),
    checkpoints: detail.checkpoints.join(", "),
  };
  const rows = Object.entries(words).filter(([, text]) => text);
  return h("table", { class: "facts" }, rows.map(([name, text]) => h("tr", {}, h("th", { scope: "row" }, name), h("td", {}, text))));
}

function figures(values) {
  const rows = Object.entries(values).map(([name, found]) => h("tr", {}, h("th", { scope: "row" }, name), h("td", { class: "number" }, short(found))));
  return h("table", { class: "facts" }, rows);
}

/** A line for each, with the figures of all. */
function evaluations(all) {
  const names = [...new Set(all.flatMap((one) => Object.keys(one.figures)))];
  const heading = (name, more) => h("th", { scope: "col", ...more }, name);
  const figure = (found) => h("td", { class: "number" }, found === undefined ? "" : short(found));
  const head = h("tr", {}, heading("directory"), heading("state"), names.map((name) => heading(name, { class: "number" })), heading("overrides"));
  const row = (one) => h("tr", {}, h("td", {}, one.dir), h("td", {}, one.state), names.map((name) => figure(one.figures[name])), h("td", {}, one.words));
  const rows = all.map(row);
  return h("div", { class: "wide" }, h("table", { class: "config" }, head, rows));
}

/** The address of a picture. */
export const picture = (dir, path) => `/api/picture?${new URLSearchParams({ dir, path })}`;

/** What came at the end, and previews one at a time by a slider over their steps. */
export function pictures(dir, paths) {
  const previews = paths.filter((path) => path.includes("previews/"));
  const others = paths.filter((path) => !path.includes("previews/"));
  const shown = others.map((path) => h("figure", {}, h("img", { src: picture(dir, path), alt: path }), h("figcaption", {}, path)));
  if (previews.length > 0) {
    const image = h("img", { alt: "preview" });
    const caption = h("figcaption");
    const slider = h("input", { type: "range", min: 0, max: previews.length - 1, value: previews.length - 1, "aria-label": "step" });
    const choose = () => {
      const path = previews[Number(slider.value)];
      image.src = picture(dir, path);
      caption.textContent = `step ${/(\d+)\.png$/.exec(path)?.[1] ?? path}`;
    };
    slider.addEventListener("input", choose);
    choose();
    shown.push(h("figure", { class: "previews" }, image, slider, caption));
  }
  return h("div", { class: "pictures" }, shown);
}

function configuration(detail) {
  const rows = Object.entries(detail.config).map(([key, found]) => ({
    key,
    row: h("tr", {}, h("td", {}, key), h("td", {}, typeof found === "string" ? found : JSON.stringify(found)), h("td", {}, detail.origins[key] ?? "")),
  }));
  const search = h("input", { type: "search", placeholder: "key", "aria-label": "keys" });
  search.addEventListener("input", () => rows.forEach(({ key, row }) => (row.hidden = !key.includes(search.value))));
  const head = h("tr", {}, ["key", "value", "set by"].map((name) => h("th", { scope: "col" }, name)));
  return [search, h("div", { class: "wide" }, h("table", { class: "config origins" }, head, rows.map(({ row }) => row)))];
}
