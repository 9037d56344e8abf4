// The table of runs. Only the rows in view are elements, so that ten thousand runs scroll as ten do.

import { NEWEST } from "./address.js";
import { NAMES, Columns } from "./columns.js";
import { arrange, h } from "./dom.js";
import { sorted } from "./filter.js";
import { Row } from "./row.js";

const HEIGHT = 28;
/** Rows beyond the view, so that a quick scroll finds them there. */
const SPARE = 12;
/** Rows on paper at most: a browser fails to print ten thousand. */
const PRINTED = 500;

/**
 * A table of runs, which stays the same while other views are shown: it keeps its order, columns, cursor and place.
 * `open(dir)` is called for the run that is chosen, `changed()` when one is marked, or when order or columns are others.
 */
export class Table {
  constructor({ open, marks, changed }) {
    Object.assign(this, { open, marks, changed, list: null, stale: false, runs: [], top: 0, whole: false });
    /** The directory of the run at the cursor, and where each run stands. */
    this.cursor = null;
    this.at = new Map();
    this.order = NEWEST;
    this.columns = new Columns(() => {
      this.draw();
      this.changed();
    });
    /** The elements in view, by directory, and the headings, by key. */
    this.rows = new Map();
    this.headings = new Map();
    this.gaps = [gap(), gap()];
    this.body = h("tbody");
    this.head = h("tr", {}, h("th", { class: "mark" }));
    this.scroller = h("div", { class: "scroller", tabindex: 0, onscroll: () => this.scrolled() }, h("table", { class: "runs" }, h("thead", {}, this.head), this.body));
    this.rest = h("p", { hidden: true });
    this.element = h("section", {}, this.columns.element, this.rest, this.scroller);
    new ResizeObserver(() => this.draw()).observe(this.scroller);
    // Paper has no view: it gets the rows from the first on.
    window.addEventListener("beforeprint", () => this.print(true));
    window.addEventListener("afterprint", () => this.print(false));
  }

  /** What an address keeps of it: the order, and the columns if somebody has chosen them. */
  settings() {
    return { order: this.order, columns: this.columns.chosen ? this.columns.shown : null };
  }

  /** Takes from an address what `settings` gave to it; it is seen when runs are shown next. */
  set({ order, columns }) {
    this.order = order;
    this.columns.set(columns);
    this.stale = true;
  }

  /** Shows these runs of a list. */
  fill(list, runs) {
    const before = this.at.get(this.cursor) ?? 0;
    if (list !== this.list || this.stale) this.columns.take(list);
    Object.assign(this, { list, stale: false });
    this.runs = sorted(list, runs, this.order.key, this.order.falling);
    this.at = new Map(this.runs.map(({ dir }, at) => [dir, at]));
    // The place of a run that is gone is taken by the next.
    if (!this.at.has(this.cursor)) this.cursor = this.runs[Math.min(before, this.runs.length - 1)]?.dir ?? null;
    this.columns.count.textContent = runs.length === list.runs.length ? `${runs.length} runs` : `${runs.length} of ${list.runs.length} runs`;
    this.draw();
  }

  /** Shows what has become of the runs: those in view stay where they are. */
  renew(list, runs) {
    const first = Math.floor(this.top / HEIGHT);
    const dir = this.top > 0 ? this.runs[first]?.dir : null;
    this.fill(list, runs);
    const now = this.at.get(dir) ?? first;
    if (now !== first) this.scroller.scrollTop = this.top + (now - first) * HEIGHT;
  }

  /** Goes where one was before another view was shown. */
  restore() {
    this.scroller.scrollTop = this.top;
    this.draw();
  }

  /** Moves the cursor by some rows, and what is in view with it. */
  move(by) {
    const at = Math.max(0, Math.min(this.runs.length - 1, this.at.get(this.cursor) + by));
    this.cursor = this.runs[at].dir;
    const top = at * HEIGHT;
    const { scrollTop, clientHeight } = this.scroller;
    if (top < scrollTop) this.scroller.scrollTop = top;
    else if (top + 2 * HEIGHT > scrollTop + clientHeight) this.scroller.scrollTop = top + 2 * HEIGHT - clientHeight;
    this.draw();
  }

  /** The run at the cursor. */
  current() {
    return this.runs[this.at.get(this.cursor)];
  }

  mark(dir) {
    if (!this.marks.delete(dir)) this.marks.add(dir);
    this.draw();
    this.changed();
  }

  sort(key) {
    const falling = this.order.key === key ? !this.order.falling : key === "date";
    this.order = { key, falling };
    // What comes first now is what one looks for.
    this.cursor = null;
    this.scroller.scrollTop = 0;
    this.fill(this.list, this.runs);
    this.changed();
  }

  print(whole) {
    this.whole = whole;
    const all = this.runs.length;
    this.rest.hidden = !whole || all <= PRINTED;
    this.rest.textContent = `The first ${PRINTED} of ${all} runs. ${all - PRINTED} are left out; conditions choose fewer.`;
    this.draw();
  }

  scrolled() {
    // An element that another view has replaced has no place.
    if (!this.element.isConnected) return;
    this.top = this.scroller.scrollTop;
    this.draw();
  }

  draw() {
    if (!this.list || !this.element.isConnected) return;
    const { scrollTop, clientHeight } = this.scroller;
    const first = this.whole ? 0 : Math.max(0, Math.floor(scrollTop / HEIGHT) - SPARE);
    const last = this.whole ? Math.min(this.runs.length, PRINTED) : Math.min(this.runs.length, Math.ceil((scrollTop + clientHeight) / HEIGHT) + SPARE);
    const held = this.body.contains(document.activeElement);
    const keys = this.columns.shown;
    const rows = new Map();
    for (const run of this.runs.slice(first, last)) {
      const row = this.rows.get(run.dir) ?? new Row(run.dir, this);
      row.draw(this.list, run, keys, { current: run.dir === this.cursor, marked: this.marks.has(run.dir) });
      rows.set(run.dir, row);
    }
    this.rows = rows;
    this.gaps[0].style.height = `${first * HEIGHT}px`;
    this.gaps[1].style.height = this.whole ? 0 : `${(this.runs.length - last) * HEIGHT}px`;
    arrange(this.head, [this.head.firstElementChild, ...keys.map((key) => this.heading(key))]);
    arrange(this.body, [this.gaps[0], ...[...rows.values()].map(({ element }) => element), this.gaps[1]]);
    // The row that had the focus is out of view.
    if (held && !this.body.contains(document.activeElement)) this.scroller.focus({ preventScroll: true });
  }

  heading(key) {
    if (!this.headings.has(key)) {
      this.headings.set(key, h("th", { scope: "col" }, h("button", { onclick: () => this.sort(key) })));
    }
    const heading = this.headings.get(key);
    const arrow = this.order.key === key ? (this.order.falling ? " ↓" : " ↑") : "";
    heading.firstElementChild.textContent = (NAMES[key] ?? key) + arrow;
    return heading;
  }
}

/** The room of rows that are not in view. */
const gap = () => h("tr", { "aria-hidden": "true" });
