// The address: which view is shown, and what was set for all of them.
//
//   #/            all runs, or those that fulfil the conditions
//   #/run/DIR     one run
//   #/compare     the marked runs
//   #/sweep       the listed runs by a figure
//
// Behind a question mark come the conditions and the marked runs: #/?where=state%3Ddone&mark=DIR&mark=DIR. Links within the
// page leave them out: then they stay what they are.

const VIEWS = ["run", "compare", "sweep"];

/** The address of a run. */
export const toRun = (dir) => `#/run/${encodeURIComponent(dir)}`;

/** What an address says: {view, dir, set}, where `set` is {where, marks}, or null if it leaves them out. */
export function parse(hash) {
  const [path, query] = hash.split(/\?(.*)/s);
  const [, name, rest] = /^#\/([^/]*)\/?(.*)$/s.exec(path) ?? ["", "", ""];
  const words = new URLSearchParams(query);
  return {
    view: VIEWS.includes(name) ? name : "list",
    dir: name === "run" ? decodeURIComponent(rest) : null,
    set: query ? { where: words.get("where") ?? "", marks: words.getAll("mark") } : null,
  };
}

/** The whole address of a view, with what is set. */
export function address({ view, dir }, { where, marks }) {
  const path = view === "run" ? toRun(dir) : view === "list" ? "#/" : `#/${view}`;
  const words = new URLSearchParams([...(where ? [["where", where]] : []), ...[...marks].map((dir) => ["mark", dir])]);
  return words.size > 0 ? `${path}?${words}` : path;
}
