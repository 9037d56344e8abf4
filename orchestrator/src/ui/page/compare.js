// Several runs side by side: curves over each other, only what differs of their configuration, their pictures.

import { toRun } from "./address.js";
import { chart, controls, swatch } from "./chart.js";
import { apart, ask, h, show } from "./dom.js";
import { pictures } from "./run.js";

/** Shows the runs in `dirs`, if they are still `current` when they have come. */
export async function compare(view, dirs, current) {
  const about = (dir) => ({ dir });
  const [details, curves] = await Promise.all([
    Promise.all(dirs.map((dir) => ask("run", about(dir)).then((answer) => answer.json()))),
    Promise.all(dirs.map((dir) => ask("curves", about(dir)).then((answer) => answer.json()))),
  ]);
  if (!current()) return;
  const names = [...new Set(curves.flatMap((curve) => Object.keys(curve)))];
  const drawing = { smooth: 0, log: false };
  const charts = h("div", { class: "charts" });
  const draw = () => {
    const series = (name) => dirs.map((dir, at) => ({ name: dir, points: curves[at][name] ?? [] }));
    show(charts, names.map((name) => chart(series(name), { title: name, ...drawing })));
  };
  draw();
  const heads = dirs.map((dir, at) => h("th", { scope: "col" }, swatch(at), h("a", { href: toRun(dir) }, dir)));
  const section = (title, tables, texts = full) => {
    const rows = differing(tables);
    if (rows.length === 0) return null;
    const cells = ({ key, found }) => h("tr", {}, h("td", {}, key), texts(found).map((text) => h("td", {}, text)));
    return [h("h2", {}, title), h("div", { class: "wide" }, h("table", { class: "config" }, h("tr", {}, h("th"), heads.map((head) => head.cloneNode(true))), rows.map(cells)))];
  };
  show(
    view,
    h("h1", {}, `${dirs.length} runs`),
    section("Configuration", details.map(({ config }) => config)),
    section("Code", details.map(({ code }) => code)),
    section("Machine", details.map(({ machine: { started, command, ...machine } }) => machine)),
    section("Figures", details.map(({ run }) => run.figures), apart),
    h("h2", {}, "Curves"),
    controls(drawing, draw),
    charts,
    details.some((detail) => detail.pictures.length > 0) ? h("h2", {}, "Pictures") : null,
    dirs.map((dir, at) => (details[at].pictures.length > 0 ? [h("h3", {}, dir), pictures(dir, details[at].pictures)] : null)).flat(),
  );
}

/** Values as they are written: by its quotes the text "1" is told from the number, and "null" from none. */
const full = (values) => values.map((one) => (one === undefined ? "" : JSON.stringify(one)));

/** The keys whose values are not all the same. */
function differing(tables) {
  const keys = [...new Set(tables.flatMap((table) => Object.keys(table)))];
  return keys
    .map((key) => ({ key, found: tables.map((table) => table[key]) }))
    .filter(({ found }) => new Set(found.map((one) => JSON.stringify(one))).size > 1);
}
