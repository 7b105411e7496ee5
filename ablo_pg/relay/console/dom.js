// Elements and text. No code of this page turns a string into markup.

/** Return the one element that a selector names. */
export function find(selector, root = document) {
  const found = root.querySelector(selector);
  if (found === null) throw new Error(`there is no ${selector}`);
  return found;
}

/** Return a new element. attributes: name to value, null or false leaves one out. */
export function make(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== null && value !== false && value !== undefined) made.setAttribute(name, value === true ? "" : value);
  }
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

/** Set an element's text, if it is another. */
export function write(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** Fill a dl with [term, value] pairs; a value is text or an element. */
export function define(list, pairs) {
  list.replaceChildren(
    ...pairs.flatMap(([term, value]) => [make("dt", {}, term), make("dd", {}, value)]),
  );
}

export const MANY = 40; // changes at once: highlighting all of them would highlight none

const flashes = new Map(); // elements whose highlight is running, to restart it

/** Highlight briefly that something is new, changed or gone; restart a running highlight. */
export function flash(element, kind) {
  if (!element.hasAttribute("data-flash")) {
    element.setAttribute("data-flash", kind);
    return;
  }
  if (flashes.size === 0) queueMicrotask(again);
  flashes.set(element, kind);
}

/** Restart animations: the browser must render once without them. */
function again() {
  for (const element of flashes.keys()) element.removeAttribute("data-flash");
  void document.body.offsetWidth;
  for (const [element, kind] of flashes) element.setAttribute("data-flash", kind);
  flashes.clear();
}

document.addEventListener("animationend", (event) => {
  if (event.target.dataset?.flash !== "gone") event.target.removeAttribute("data-flash");
});

const LEAST_MS = 100; // between two paintings: a busy stream must not take the whole page

/** Return a function that calls `paint` soon, once for any number of calls. */
export function painter(paint) {
  let due = false;
  let last = 0;
  const run = () => {
    due = false;
    last = performance.now();
    paint();
  };
  return () => {
    if (due) return;
    due = true;
    const wait = LEAST_MS - (performance.now() - last);
    if (wait <= 0) requestAnimationFrame(run);
    else setTimeout(() => requestAnimationFrame(run), wait);
  };
}
