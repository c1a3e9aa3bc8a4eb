// The list of requests: one page of it at a time.

import { at, announce, make, said } from "./dom.js";

let page = { rows: [], older: null, newer: null };
let current = 0;
let open = () => {};

const body = () => at("rows").tBodies[0];

export function onOpen(action) {
  open = action;
}

export const pageKey = (which) => page[which];

export function showPage(found) {
  page = found;
  current = 0;
  body().replaceChildren(...found.rows.map(rowOf));
  at("none").hidden = found.rows.length > 0;
  at("older").disabled = !found.older;
  at("newer").disabled = !found.newer;
  mark();
}

function rowOf(row, place) {
  const time = make("time", { datetime: row.time }, row.time.replace("T", " ").replace("Z", ""));
  const request = make("td", { class: "request" }, said(row.request));
  if (row.witnesses > 1) request.append(make("span", { class: "badge" }, `${row.witnesses} witnesses`));
  return make(
    "tr",
    { role: "row", class: `tone-${row.tone}`, tabindex: "-1", onclick: () => { select(place); open(row); } },
    make("td", { class: "time" }, time),
    make("td", {}, said(row.user)),
    request,
    make("td", {}, make("span", { class: `outcome is-${row.outcome}` }, said(row.result))),
    make("td", {}, said(row.from)),
  );
}

function mark() {
  [...body().rows].forEach((row, place) => {
    row.tabIndex = place === current ? 0 : -1;
    row.setAttribute("aria-selected", place === current);
  });
}

export function select(place) {
  if (!page.rows.length) return;
  current = Math.max(0, Math.min(page.rows.length - 1, place));
  mark();
  body().rows[current].focus();
}

export const move = (step) => select(document.activeElement?.closest?.("#rows tbody") ? current + step : current);

export function openCurrent() {
  const row = page.rows[current];
  if (row) open(row);
}

export const focusCurrent = () => select(current);

export function sayCount() {
  announce(`${page.rows.length} requests on this page`);
}
