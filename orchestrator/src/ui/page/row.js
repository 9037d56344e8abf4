// A row of the table of runs. It stays one element for as long as its run is in view, so that it keeps the focus.

import { toRun } from "./address.js";
import { h, local, short, took } from "./dom.js";
import { value } from "./filter.js";

export class Row {
  /** The row of a run in a table, which is told what a person does with it. */
  constructor(dir, table) {
    this.table = table;
    this.box = h("input", { type: "checkbox", "aria-label": `mark ${dir}`, onchange: () => table.mark(dir) });
    this.mark = h("td", { class: "mark" }, this.box);
    this.link = h("a", { href: toRun(dir) }, dir);
    this.element = h("tr", { onclick: (event) => this.clicked(event, dir) });
    this.keys = [];
  }

  clicked(event, dir) {
    // With a key held down a browser does something of its own, such as to open another tab.
    if (event.ctrlKey || event.metaKey || event.shiftKey || event.altKey || event.target.closest(".mark")) return;
    this.table.cursor = dir;
    if (!event.target.closest("a")) this.table.open(dir);
  }

  /** Shows a run as it is now. */
  draw(list, run, keys, { current, marked }) {
    this.box.checked = marked;
    this.element.className = current ? "current" : "";
    if (this.run === run && this.keys === keys) return;
    if (this.keys !== keys) {
      this.cells = keys.map((key) => h("td", { class: `of-${key}` }, key === "dir" ? this.link : null));
      this.element.replaceChildren(this.mark, ...this.cells);
    }
    Object.assign(this, { run, keys });
    this.element.dataset.state = run.state;
    keys.forEach((key, at) => {
      if (key === "dir") return;
      this.cells[at].textContent = text(list, run, key);
      if (key === "state") this.cells[at].title = run.cause ?? "";
    });
  }
}

function text(list, run, key) {
  if (key === "date") return local(run.started);
  if (key === "seconds") return took(run.seconds);
  if (key === "tag") return run.tags.join(" ");
  return short(value(list, run, key));
}
