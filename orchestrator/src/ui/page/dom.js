// Elements from data. Texts are set as texts: nothing that a run holds becomes markup.

const SVG = "http://www.w3.org/2000/svg";

/** An HTML element: h("a", {href: "#/"}, "text", otherElement). Names beginning with "on" are listeners. */
export function h(name, attributes = {}, ...children) {
  return fill(document.createElement(name), attributes, children);
}

/** An SVG element. */
export function svg(name, attributes = {}, ...children) {
  return fill(document.createElementNS(SVG, name), attributes, children);
}

function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value != null) element.setAttribute(name, value);
  }
  element.append(...children.flat().filter((child) => child != null));
  return element;
}

/** Replaces what an element holds. */
export function show(element, ...children) {
  element.replaceChildren(...children.flat().filter((child) => child != null));
}

/** Makes these the children of an element. Those that it has already stay what they are, with the focus. */
export function arrange(element, children) {
  const focus = document.activeElement;
  const wanted = new Set(children);
  for (const child of [...element.children]) if (!wanted.has(child)) child.remove();
  let next = element.firstElementChild;
  for (const child of children) {
    if (child === next) next = next.nextElementSibling;
    else element.insertBefore(child, next);
  }
  // An element that was moved has lost it.
  if (focus !== document.activeElement && focus.isConnected) focus.focus({ preventScroll: true });
}

/** A number with the digits that one compares by, of those behind a point no fewer than these; other values as they are typed. */
export function short(value, digits = 4) {
  if (value == null) return "";
  if (typeof value !== "number") return typeof value === "string" ? value : JSON.stringify(value);
  if (Number.isInteger(value)) return String(value);
  const size = Math.abs(value);
  const rounded = Number(size < 1 || size >= 1e6 ? value.toPrecision(digits) : value.toFixed(digits));
  return size >= 1e-4 && size < 1e6 ? String(rounded) : rounded.toExponential();
}

/** Numbers with as many digits as tell different ones apart. */
export function apart(values) {
  const different = new Set(values).size;
  for (let digits = 4; digits < 17; digits += 1) {
    const texts = values.map((value) => short(value, digits));
    if (new Set(texts).size === different) return texts;
  }
  return values.map((value) => short(value, 17));
}

/** A time in the two units that matter. */
export function took(seconds) {
  if (seconds == null) return "";
  const two = (number) => String(Math.floor(number)).padStart(2, "0");
  if (seconds < 60) return `${seconds.toFixed(seconds < 10 ? 1 : 0)}s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)}m${two(seconds % 60)}s`;
  if (seconds < 86400) return `${Math.floor(seconds / 3600)}h${two((seconds % 3600) / 60)}m`;
  return `${Math.floor(seconds / 86400)}d${two((seconds % 86400) / 3600)}h`;
}

/** The time zone of whoever looks. */
export function local(time) {
  if (!time) return "";
  const date = new Date(time);
  const two = (number) => String(number).padStart(2, "0");
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())} ${two(date.getHours())}:${two(date.getMinutes())}`;
}

/** Asks the program; an answer that is none is an error with its words. */
export async function ask(path, about = {}) {
  const answer = await fetch(`/api/${path}?${new URLSearchParams(about)}`);
  if (!answer.ok) throw new Error((await answer.text()).trim());
  return answer;
}
