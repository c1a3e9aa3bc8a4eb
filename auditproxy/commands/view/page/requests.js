// The list of requests: one page of it at a time.

import { at, make, said } from "./dom.js";
import { grid } from "./grid.js";

let page = { rows: [], older: null, newer: null };

export const requests = grid("rows", rowOf);
export const pageKey = (which) => page[which];

export function showPage(found) {
  page = found;
  requests.show(found.rows);
  at("none").hidden = found.rows.length > 0;
  at("older").disabled = !found.older;
  at("newer").disabled = !found.newer;
}

function rowOf(row) {
  const time = make("time", { datetime: row.time }, row.time.replace("T", " ").replace("Z", ""));
  const request = make("td", { class: "request" }, said(row.request));
  if (row.witnesses > 1) request.append(make("span", { class: "badge" }, `${row.witnesses} witnesses`));
  return make(
    "tr",
    { class: `tone-${row.tone}` },
    make("td", { class: "time" }, time),
    make("td", {}, said(row.user)),
    request,
    make("td", {}, make("span", { class: `outcome is-${row.outcome}` }, said(row.result))),
    make("td", {}, said(row.from)),
  );
}
