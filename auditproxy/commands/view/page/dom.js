// Elements. Text is always text: nothing of a trail is ever parsed as HTML.

export const at = (id) => document.getElementById(id);

// An element with attributes (null ones left out) and children, texts or elements.
export function make(name, attributes = {}, ...children) {
  return filled(document.createElement(name), attributes, children);
}

export function draw(name, attributes = {}, ...children) {
  return filled(document.createElementNS("http://www.w3.org/2000/svg", name), attributes, children);
}

function filled(element, attributes, children) {
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else if (value !== null && value !== undefined) element.setAttribute(key, value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

// A text of others: its direction stays inside of it.
export const said = (text) => make("bdi", {}, text);

// What screen readers say.
export function announce(text) {
  at("said").textContent = text;
}
