// The columns of the table of runs: they follow from the runs until somebody chooses others.

import { arrange, h } from "./dom.js";

const FIRST = ["dir", "state", "date", "seconds", "step"];

/** What keys are called that have another name to people. */
export const NAMES = { dir: "run", date: "started", seconds: "took", tag: "tags" };

export class Columns {
  /** Calls `changed()` when others are chosen. */
  constructor(changed) {
    this.changed = changed;
    /** The keys that have a column. It is another array only if they are others. */
    this.shown = [];
    this.chosen = false;
    this.keys = [];
    this.labels = new Map();
    this.choices = h("div");
    this.count = h("span", { class: "quiet" });
    this.element = h("details", { class: "chooser" }, h("summary", {}, "columns ", this.count), this.choices);
  }

  /** Shows these columns, or those that follow from the runs if `keys` is null. */
  set(keys) {
    this.chosen = keys !== null;
    if (keys) this.show(keys);
  }

  /** Learns which keys there are. */
  take(list) {
    if (!this.chosen) this.show([...FIRST, ...frequent(list), ...varied(list).slice(0, 4), "tag", "overrides"]);
    this.keys = [...new Set([...FIRST, ...list.figures, ...list.keys, ...list.metrics, "tag", "note", "cause", "overrides", ...this.shown])];
    arrange(this.choices, this.keys.map((key) => this.label(key)));
  }

  show(keys) {
    if (keys.join("\n") !== this.shown.join("\n")) this.shown = keys;
  }

  label(key) {
    if (!this.labels.has(key)) {
      const box = h("input", { type: "checkbox", onchange: () => this.choose(key, box.checked) });
      this.labels.set(key, h("label", {}, box, ` ${NAMES[key] ?? key}`));
    }
    const label = this.labels.get(key);
    label.firstElementChild.checked = this.shown.includes(key);
    return label;
  }

  choose(key, wanted) {
    this.chosen = true;
    this.show(this.keys.filter((other) => (other === key ? wanted : this.shown.includes(other))));
    this.changed();
  }
}

/** The keys in which runs differ because somebody set them; those first in which the fewest runs have the same value. */
function varied(list) {
  const words = new Set(list.runs.flatMap((run) => run.words.split(/[\s=]+/)).map((word) => word.replace(/^\+*/, "")));
  const alike = (key) => {
    const counts = new Map();
    const at = list.places.get(key);
    for (const run of list.runs) {
      const found = JSON.stringify(run.config[at]);
      counts.set(found, (counts.get(found) ?? 0) + 1);
    }
    return Math.max(...counts.values());
  };
  const found = list.keys.filter((key) => words.has(key)).map((key) => ({ key, most: alike(key) }));
  return found.sort((a, b) => a.most - b.most).map(({ key }) => key);
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
