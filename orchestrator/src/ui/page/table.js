// The table of runs. Only the rows in view are elements, so that ten thousand runs scroll as ten do.

import { h, local, short, show, took } from "./dom.js";
import { sorted, value } from "./filter.js";

const ROW = 28;
/** Rows beyond the view, so that a quick scroll finds them there. */
const SPARE = 12;
const FIRST = ["dir", "state", "date", "seconds", "step"];

/** A table of runs; `open(run)` is called for the one that is chosen. */
export class Table {
  constructor(list, { open, marks, changed }) {
    Object.assign(this, { list, open, marks, changed, cursor: 0, runs: [] });
    this.order = { key: "date", falling: true };
    this.columns = [...FIRST, ...frequent(list), ...chosen(list).slice(0, 4), "tag", "overrides"];
    this.head = h("thead");
    this.body = h("tbody");
    this.table = h("table", { class: "runs" }, this.head, this.body);
    this.scroller = h("div", { class: "scroller", tabindex: 0, onscroll: () => this.draw() }, this.table);
    this.element = h("section", {}, this.chooser(), this.scroller);
    new ResizeObserver(() => this.draw()).observe(this.scroller);
  }

  /** Shows these runs. */
  fill(runs) {
    this.runs = sorted(this.list, runs, this.order.key, this.order.falling);
    this.cursor = Math.min(this.cursor, Math.max(0, this.runs.length - 1));
    this.draw();
  }

  /** Moves the cursor by some rows, and what is in view with it. */
  move(by) {
    this.cursor = Math.max(0, Math.min(this.runs.length - 1, this.cursor + by));
    const top = this.cursor * ROW;
    const { scrollTop, clientHeight } = this.scroller;
    if (top < scrollTop) this.scroller.scrollTop = top;
    else if (top + 2 * ROW > scrollTop + clientHeight) this.scroller.scrollTop = top + 2 * ROW - clientHeight;
    this.draw();
  }

  /** The run at the cursor. */
  current() {
    return this.runs[this.cursor];
  }

  mark(run) {
    if (!this.marks.delete(run.dir)) this.marks.add(run.dir);
    this.draw();
    this.changed();
  }

  sort(key) {
    const falling = this.order.key === key ? !this.order.falling : key === "date";
    this.order = { key, falling };
    this.fill(this.runs);
  }

  draw() {
    const { scrollTop, clientHeight } = this.scroller;
    const first = Math.max(0, Math.floor(scrollTop / ROW) - SPARE);
    const last = Math.min(this.runs.length, Math.ceil((scrollTop + clientHeight) / ROW) + SPARE);
    const arrow = (key) => (this.order.key === key ? (this.order.falling ? " ↓" : " ↑") : "");
    const heading = (key) => h("th", { scope: "col" }, h("button", { onclick: () => this.sort(key) }, NAMES[key] ?? key, arrow(key)));
    const headed = JSON.stringify([this.columns, this.order]);
    // Drawn anew only when it changes: a button keeps the focus.
    if (headed !== this.headed) show(this.head, h("tr", {}, h("th", { class: "mark" }), this.columns.map(heading)));
    this.headed = headed;
    const gap = (rows) => {
      const row = h("tr", { "aria-hidden": "true" });
      row.style.height = `${rows * ROW}px`;
      return row;
    };
    const rows = this.runs.slice(first, last).map((run, at) => this.row(run, first + at));
    show(this.body, gap(first), rows, gap(this.runs.length - last));
  }

  row(run, at) {
    const box = h("input", { type: "checkbox", checked: this.marks.has(run.dir), "aria-label": `mark ${run.dir}` });
    box.addEventListener("click", (event) => {
      event.stopPropagation();
      this.mark(run);
    });
    const cells = this.columns.map((key) => h("td", { class: `of-${key}`, title: key === "state" ? run.cause : null }, cell(this.list, run, key)));
    const choose = () => {
      this.cursor = at;
      this.open(run);
    };
    return h("tr", { class: at === this.cursor ? "current" : null, onclick: choose, "data-state": run.state }, h("td", { class: "mark" }, box), cells);
  }

  /** Which keys have a column. */
  chooser() {
    const figures = new Set(this.list.runs.flatMap((run) => Object.keys(run.figures)));
    const metrics = new Set(this.list.runs.flatMap((run) => Object.keys(run.last)));
    const keys = [...new Set([...FIRST, ...figures, ...this.list.keys, ...metrics, "tag", "note", "overrides"])];
    const one = (key) => {
      const box = h("input", { type: "checkbox", checked: this.columns.includes(key) });
      box.addEventListener("change", () => {
        this.columns = keys.filter((other) => (other === key ? box.checked : this.columns.includes(other)));
        this.draw();
      });
      return h("label", {}, box, ` ${NAMES[key] ?? key}`);
    };
    this.count = h("span", { class: "quiet" });
    return h("details", { class: "chooser" }, h("summary", {}, "columns ", this.count), h("div", {}, keys.map(one)));
  }
}

const NAMES = { dir: "run", date: "started", seconds: "took", tag: "tags" };

function cell(list, run, key) {
  if (key === "dir") return h("a", { href: `#/run/${encodeURIComponent(run.dir)}` }, run.dir);
  if (key === "date") return local(run.started);
  if (key === "seconds") return took(run.seconds);
  if (key === "tag") return run.tags.join(" ");
  return short(value(list, run, key));
}

/** The keys in which runs differ because somebody set them. */
function chosen(list) {
  const words = new Set(list.runs.flatMap((run) => run.words.split(/[\s=]+/)).map((word) => word.replace(/^\+*/, "")));
  return list.keys.filter((key) => words.has(key));
}

/** The two figures that most runs have; those that only explain others are left out. */
function frequent(list) {
  const counts = new Map();
  for (const run of list.runs) {
    for (const name of Object.keys(run.figures)) {
      if (!list.explaining.includes(name)) counts.set(name, (counts.get(name) ?? 0) + 1);
    }
  }
  return [...counts].sort(([, a], [, b]) => b - a).slice(0, 2).map(([name]) => name);
}
