// The list of runs as the program tells it, and what is looked up in it.

import { ask, local } from "./dom.js";

/** The runs as they are now. */
export async function latest() {
  const list = await (await ask("runs")).json();
  list.common ??= {};
  // Where a setting stands among those of a run.
  list.places = new Map(list.keys.map((key, at) => [key, at]));
  list.dirs = new Set(list.runs.map((run) => run.dir));
  list.figures = new Set(list.runs.flatMap((run) => Object.keys(run.figures)));
  list.metrics = new Set(list.runs.flatMap((run) => Object.keys(run.last)));
  for (const run of list.runs) run.date = local(run.started);
  return list;
}
