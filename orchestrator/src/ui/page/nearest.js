// The name that was meant by one that there is not.

/** The name that is the fewest slips away, if these are few for the length of what was written. */
export function nearest(wrong, names) {
  const most = wrong.length < 3 ? 0 : Math.ceil(wrong.length / 4);
  const near = [...names].map((name) => ({ name, far: slips(wrong, name) })).filter(({ far }) => far <= most);
  return near.sort((a, b) => a.far - b.far)[0]?.name;
}

/** How many letters must be put in, left out or changed to make one word of another (Levenshtein 1966). */
function slips(one, other) {
  let row = Array.from({ length: other.length + 1 }, (_, at) => at);
  for (let line = 1; line <= one.length; line += 1) {
    const next = [line];
    for (let at = 1; at <= other.length; at += 1) {
      const changed = row[at - 1] + (one[line - 1] === other[at - 1] ? 0 : 1);
      next.push(Math.min(changed, row[at] + 1, next[at - 1] + 1));
    }
    row = next;
  }
  return row[other.length];
}
