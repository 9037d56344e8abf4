// The page: what is shown follows from the address, so that every view can be linked and gone back to.

import { address, parse } from "./address.js";
import { compare } from "./compare.js";
import { h, show } from "./dom.js";
import { conditions, select } from "./filter.js";
import { listen } from "./keyboard.js";
import { latest } from "./list.js";
import { run } from "./run.js";
import { sweep } from "./sweep.js";
import { Table } from "./table.js";

/** How often the list is asked for again while it is shown, in milliseconds. */
const AGAIN = 5000;
/** What the history of the browser keeps with addresses that say all that is set. */
const WHOLE = { whole: true };

const view = document.getElementById("view");
const filter = document.getElementById("filter");
const problem = document.getElementById("problem");
const keys = document.getElementById("keys");
const comparison = h("a", { href: "#/compare", hidden: true });
const marks = new Set();
const table = new Table({ open: (dir) => go({ view: "run", dir }), marks, changed: written });
let list = null;
/** The conditions that hold: the last that could be read. */
let held = [];
let place = { view: "list" };
let leave = () => {};
/** How often the address has changed: what was asked for under an earlier one is no longer shown. */
let turn = 0;

function complain(error) {
  problem.hidden = !error;
  problem.textContent = error ? String(error.message ?? error) : "";
}

const whole = (place) => address(place, { where: filter.value, marks, ...table.settings() });

/** Shows another view. */
function go(place) {
  if (whole(place) === location.hash) return;
  history.pushState(WHOLE, "", whole(place));
  route();
}

/** Writes what is set into the address, and offers to compare what is marked. */
function written() {
  comparison.hidden = marks.size < 2;
  comparison.textContent = `compare ${marks.size}`;
  history.replaceState(WHOLE, "", whole(place));
}

/** Reads the list. Runs that are gone are marked no longer; gives these back. */
async function read() {
  list = await latest();
  const gone = [...marks].filter((dir) => !list.dirs.has(dir));
  for (const dir of gone) marks.delete(dir);
  if (gone.length > 0) written();
  return gone;
}

function listed() {
  try {
    held = conditions(list, filter.value);
    complain(null);
  } catch (error) {
    complain(error);
  }
  return select(list, held);
}

/** The list, which is asked for again at once if it is `old`; gives back what stops it. */
function home(current, old) {
  let timer = setTimeout(again, old ? 0 : AGAIN);
  async function again() {
    try {
      await read();
      if (current()) table.renew(list, listed());
    } catch (error) {
      if (current()) complain(error);
    }
    if (current()) timer = setTimeout(again, AGAIN);
  }
  show(view, table.element);
  table.fill(list, listed());
  table.restore();
  return () => clearTimeout(timer);
}

async function together(gone, current) {
  if (marks.size > 1) await compare(view, [...marks], current);
  else show(view, h("p", { class: "quiet" }, "Mark two runs or more in the list to compare them."));
  if (current() && gone.length > 0) complain(`no longer there: ${gone.join(", ")}`);
}

async function route() {
  const mine = ++turn;
  const current = () => mine === turn;
  leave();
  leave = () => {};
  complain(null);
  try {
    const { set, ...wanted } = parse(location.hash, history.state?.whole);
    place = wanted;
    document.body.dataset.view = place.view;
    if (set) {
      filter.value = set.where;
      marks.clear();
      for (const dir of set.marks) marks.add(dir);
      table.set(set);
    }
    written();
    const old = list !== null;
    const gone = old && place.view !== "compare" ? [] : await read();
    if (!current()) return;
    if (place.view === "run") {
      const stop = await run(view, place.dir, current);
      if (!current()) return stop();
      leave = stop;
    } else if (place.view === "compare") await together(gone, current);
    else if (place.view === "sweep") sweep(view, list, listed());
    else leave = home(current, old);
    window.scrollTo(0, 0);
  } catch (error) {
    if (!current()) return;
    show(view);
    complain(error);
  }
}

filter.addEventListener("input", () => {
  if (place.view === "run" || place.view === "compare") return go({ view: "list" });
  if (!list) return;
  if (place.view === "sweep") sweep(view, list, listed());
  else table.fill(list, listed());
  written();
});

function acts() {
  const everywhere = {
    "/": () => filter.focus(),
    "?": () => keys.showModal(),
    c: () => marks.size > 1 && go({ view: "compare" }),
    s: () => go({ view: "sweep" }),
  };
  const run = place.view === "list" && table.current();
  if (!run) return everywhere;
  const [next, previous] = [() => table.move(1), () => table.move(-1)];
  const there = { Enter: () => table.open(run.dir), x: () => table.mark(run.dir) };
  return { ...everywhere, ...there, j: next, ArrowDown: next, k: previous, ArrowUp: previous };
}

listen({ dialog: keys, acts, back: () => place.view !== "list" && go({ view: "list" }) });
document.getElementById("actions").append(comparison, h("a", { href: "#/sweep" }, "sweep"), h("button", { onclick: () => keys.showModal() }, "?"));
window.addEventListener("hashchange", route);
route();
