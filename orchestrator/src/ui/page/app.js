// The page: what is shown follows from the address, so that every view can be linked and gone back to.
//
//   #/            all runs, or those that fulfil the conditions
//   #/run/DIR     one run
//   #/compare     the marked runs
//   #/sweep       the listed runs by a figure

import { compare } from "./compare.js";
import { ask, h, local, show } from "./dom.js";
import { select } from "./filter.js";
import { run } from "./run.js";
import { sweep } from "./sweep.js";
import { Table } from "./table.js";

/** How often the list is asked for again while it is shown, in milliseconds. */
const AGAIN = 5000;

const view = document.getElementById("view");
const filter = document.getElementById("filter");
const actions = document.getElementById("actions");
const problem = document.getElementById("problem");
const keys = document.getElementById("keys");
const marks = new Set();
let list = null;
let table = null;
let leave = () => {};
/** How often the address has changed: what was asked for under an earlier one is no longer shown. */
let turn = 0;

async function read() {
  const found = await (await ask("runs")).json();
  found.places = new Map(found.keys.map((key, at) => [key, at]));
  for (const run of found.runs) run.date = local(run.started);
  list = found;
}

function complain(error) {
  problem.hidden = !error;
  problem.textContent = error ? String(error.message ?? error) : "";
}

function listed() {
  try {
    complain(null);
    return select(list, filter.value);
  } catch (error) {
    complain(error);
    return table?.runs ?? list.runs;
  }
}

function drawActions() {
  const link = (href, text) => h("a", { href }, text);
  show(actions, marks.size > 1 ? link("#/compare", `compare ${marks.size}`) : null, link("#/sweep", "sweep"), h("button", { onclick: () => keys.showModal() }, "?"));
}

function fill() {
  const runs = listed();
  table.fill(runs);
  table.count.textContent = runs.length === list.runs.length ? `${runs.length} runs` : `${runs.length} of ${list.runs.length} runs`;
}

function home(current) {
  const open = (run) => (location.hash = `#/run/${encodeURIComponent(run.dir)}`);
  const make = () => {
    const before = table;
    table = new Table(list, { open, marks, changed: drawActions });
    if (before) Object.assign(table, { order: before.order, cursor: before.cursor });
    show(view, table.element);
    fill();
  };
  make();
  const timer = setInterval(async () => {
    const known = JSON.stringify(list.keys);
    const count = list.runs.length;
    await read().catch(complain);
    if (!current()) return;
    if (JSON.stringify(list.keys) !== known || (count === 0 && list.runs.length > 0)) make();
    else {
      table.list = list;
      fill();
    }
  }, AGAIN);
  return () => clearInterval(timer);
}

async function route() {
  const mine = ++turn;
  const current = () => mine === turn;
  leave();
  leave = () => {};
  complain(null);
  const [, name, rest] = /^#\/([^/]*)\/?(.*)$/.exec(location.hash) ?? [null, "", ""];
  document.body.dataset.view = name || "list";
  try {
    if (!list) await read();
    if (!current()) return;
    drawActions();
    if (name === "run") {
      const stop = await run(view, decodeURIComponent(rest), current);
      if (!current()) return stop();
      leave = stop;
    } else if (name === "compare") await compare(view, [...marks], current);
    else if (name === "sweep") sweep(view, list, listed());
    else leave = home(current);
    window.scrollTo(0, 0);
  } catch (error) {
    if (current()) complain(error);
  }
}

filter.addEventListener("input", () => {
  if (location.hash.startsWith("#/run") || location.hash.startsWith("#/compare")) location.hash = "#/";
  else if (location.hash.startsWith("#/sweep")) sweep(view, list, listed());
  else if (table) fill();
});

document.addEventListener("keydown", (event) => {
  const typing = event.target.matches("input:not([type=checkbox]), select, textarea");
  if (event.key === "Escape") {
    if (typing) event.target.blur();
    else if (!keys.open) location.hash = "#/";
    return;
  }
  if (typing || event.ctrlKey || event.metaKey || event.altKey) return;
  const onList = document.body.dataset.view === "list" && table?.current();
  const acts = {
    "/": () => filter.focus(),
    "?": () => keys.showModal(),
    c: () => marks.size > 1 && (location.hash = "#/compare"),
    s: () => (location.hash = "#/sweep"),
    j: () => onList && table.move(1),
    ArrowDown: () => onList && table.move(1),
    k: () => onList && table.move(-1),
    ArrowUp: () => onList && table.move(-1),
    Enter: () => onList && table.open(table.current()),
    x: () => onList && table.mark(table.current()),
  };
  if (acts[event.key]) {
    event.preventDefault();
    acts[event.key]();
  }
});

window.addEventListener("hashchange", route);
route();
