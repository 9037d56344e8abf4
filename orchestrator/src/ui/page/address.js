// The address: which view is shown, and what was set for all of them.
//
//   #/            all runs, or those that fulfil the conditions
//   #/run/DIR     one run
//   #/compare     the marked runs
//   #/sweep       the listed runs by a figure
//
// Behind a question mark come the conditions, the order and the columns of the list, and the marked runs:
// #/?where=state%3Ddone&rising=fd&column=dir&column=fd&mark=DIR&mark=DIR. Links within the page leave them out: then they
// stay what they are. An address that the page has written is whole: what it leaves out is not set.

const VIEWS = ["run", "compare", "sweep"];

/** The order of the list unless another is chosen. */
export const NEWEST = { key: "date", falling: true };

/** The address of a run. */
export const toRun = (dir) => `#/run/${encodeURIComponent(dir)}`;

/** What an address says: {view, dir, set}, where `set` is as in `address`, or null if it leaves them out and is not `whole`. */
export function parse(hash, whole) {
  const [path, query] = hash.split(/\?(.*)/s);
  const [, name, rest] = /^#\/([^/]*)\/?(.*)$/s.exec(path) ?? ["", "", ""];
  const words = new URLSearchParams(query);
  return {
    view: VIEWS.includes(name) ? name : "list",
    dir: name === "run" ? decodeURIComponent(rest) : null,
    set: query || whole ? settings(words) : null,
  };
}

function settings(words) {
  const falling = !words.has("rising");
  const key = words.get(falling ? "falling" : "rising") ?? NEWEST.key;
  const columns = words.has("column") ? words.getAll("column").filter(Boolean) : null;
  return { where: words.get("where") ?? "", order: { key, falling }, columns, marks: words.getAll("mark") };
}

/** The whole address of a view, with what is set: conditions, order, columns if some were chosen, and marked runs. */
export function address({ view, dir }, { where, order, columns, marks }) {
  const path = view === "run" ? toRun(dir) : view === "list" ? "#/" : `#/${view}`;
  const words = new URLSearchParams();
  if (where) words.append("where", where);
  if (order.key !== NEWEST.key || order.falling !== NEWEST.falling) words.append(order.falling ? "falling" : "rising", order.key);
  // Also none at all may be chosen.
  for (const key of columns?.length === 0 ? [""] : (columns ?? [])) words.append("column", key);
  for (const dir of marks) words.append("mark", dir);
  return words.size > 0 ? `${path}?${words}` : path;
}
