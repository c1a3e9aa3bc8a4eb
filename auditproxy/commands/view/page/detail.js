// One request whole.

import { at, make, said } from "./dom.js";

const aside = () => at("detail");

export function closeDetail() {
  const was = !aside().hidden;
  aside().hidden = true;
  aside().replaceChildren();
  return was;
}

export function showDetail(request, { close, play }) {
  const parts = [
    make("button", { type: "button", class: "close", "aria-label": "Close the request", onclick: close }, "×"),
    make("h2", {}, said(request.title)),
  ];
  if (!request.isWhole) {
    parts.push(make("p", { class: "hint" }, "The events of this request cannot be read any more; this is what the index has."));
  }
  if (request.session) {
    parts.push(make("p", {}, make("button", { type: "button", id: "play-session", onclick: () => play(request.session) }, "Show its recording")));
  }
  parts.push(make("dl", { class: "facts" }, ...request.facts.flatMap(([name, value]) => [make("dt", {}, name), make("dd", {}, said(value))])));
  parts.push(section("What it changed", changes(request.changes), true));
  parts.push(section("Stages", stages(request.stages), true));
  parts.push(section("Annotations", annotations(request.annotations), true));
  parts.push(section("Body of the request", bodyOf(request.asked), false));
  parts.push(section("Body of the answer", bodyOf(request.answered), false));
  aside().replaceChildren(...parts.filter((part) => part !== null));
  aside().hidden = false;
  aside().scrollTop = 0;
  aside().focus();
}

function section(title, content, isOpen) {
  if (!content) return null;
  const made = make("details", {}, make("summary", {}, title), content);
  made.open = isOpen;
  return made;
}

function changes(list) {
  if (!list.length) return null;
  const rows = list.map((change) =>
    make(
      "tr",
      {},
      make("th", { scope: "row" }, said(change.path)),
      make("td", {}, valueOf(change.isKnown ? change.before : undefined, "del")),
      make("td", {}, valueOf(change.after, "ins")),
    ),
  );
  return table(["Field", "Before", "After"], rows, "diff");
}

function valueOf(value, name) {
  if (value === undefined) return make("span", { class: "hint" }, "not in this trail");
  if (value === null) return make("span", { class: "hint" }, "none");
  return make(name, {}, said(value));
}

function stages(list) {
  const several = new Set(list.map((stage) => stage.witness)).size > 1;
  const rows = list.map((stage) =>
    make(
      "tr",
      {},
      make("td", {}, make("time", { datetime: stage.time }, stage.time)),
      make("td", {}, said(stage.stage)),
      make("td", {}, `+${stage.after}`),
      make("td", {}, stage.code ? String(stage.code) : ""),
      several ? make("td", {}, said(stage.witness)) : null,
    ),
  );
  return table(["Time", "Stage", "After", "Code", ...(several ? ["Written by"] : [])], rows);
}

function annotations(list) {
  if (!list.length) return null;
  return make(
    "dl",
    { class: "annotations" },
    ...list.flatMap(([name, value, what]) => [
      make("dt", {}, said(name), what ? make("span", { class: "hint" }, ` ${what}`) : null),
      make("dd", {}, said(value)),
    ]),
  );
}

function bodyOf(lines) {
  if (!lines.length) return null;
  return make("pre", { tabindex: "0" }, lines.join("\n"));
}

export function table(headings, rows, kind = "") {
  const head = make("tr", {}, ...headings.map((heading) => make("th", { scope: "col" }, heading)));
  return make("table", { class: kind }, make("thead", {}, head), make("tbody", {}, ...rows));
}
