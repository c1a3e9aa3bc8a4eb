// A table of rows of which one is current: a tab stop of its own, moved by keys, opened by Enter.

import { at } from "./dom.js";

export function grid(id, rowOf) {
  const body = () => at(id).tBodies[0];
  let items = [];
  let current = 0;
  let opened = () => {};

  function mark() {
    [...body().rows].forEach((row, place) => {
      row.tabIndex = place === current ? 0 : -1;
      row.setAttribute("aria-selected", place === current);
    });
  }

  function select(place) {
    if (!items.length) return;
    current = Math.max(0, Math.min(items.length - 1, place));
    mark();
    body().rows[current].focus();
  }

  return {
    // What is done with a row that is opened.
    onOpen(action) {
      opened = action;
    },
    show(list) {
      items = list;
      current = 0;
      const rows = list.map((item, place) => {
        const row = rowOf(item);
        row.setAttribute("role", "row");
        row.addEventListener("click", () => {
          select(place);
          opened(item);
        });
        return row;
      });
      body().replaceChildren(...rows);
      mark();
    },
    has: (element) => body().contains(element),
    focus: () => select(current),
    // Without a focus the current row is the first step.
    move: (step) => select(body().contains(document.activeElement) ? current + step : current),
    open() {
      if (items[current]) opened(items[current]);
    },
  };
}
