// The list of recorded sessions, and one of them.

import { ask } from "./api.js";
import { at, make, said } from "./dom.js";
import { grid } from "./grid.js";
import { closePlayer, player } from "./player.js";

export const sessions = grid("session-rows", rowOf);
const aside = () => at("session");

export async function loadSessions(text) {
  at("session-filters").elements.text.value = text;
  const { sessions: found, count } = await ask("sessions", text ? { text } : {});
  sessions.show(found);
  const more = count > found.length ? `, of which the newest ${found.length} are shown` : "";
  at("session-count").textContent = `${count} ${count === 1 ? "session" : "sessions"}${more}`;
}

function rowOf(row) {
  const ended = row.state === "Complete" || !row.state ? row.exit && `exit ${row.exit}` : row.state;
  return make(
    "tr",
    {},
    make("td", { class: "time" }, make("time", { datetime: row.started }, row.started.replace("T", " "))),
    make("td", {}, said(row.user)),
    make("td", {}, said(row.where)),
    make("td", { class: "request" }, said(`${row.kind} ${row.command}`.trim())),
    make("td", {}, row.took),
    make("td", {}, said(ended || "-")),
  );
}

export function closeSession() {
  const was = !aside().hidden;
  closePlayer();
  aside().hidden = true;
  aside().replaceChildren();
  return was;
}

export async function loadSession(name, { close, showRequest, fault }) {
  const session = await ask("session", { name });
  const play = player(session, fault);
  const done = session.done.map(([seconds, text]) =>
    make(
      "li",
      {},
      make("button", { type: "button", onclick: () => play.seek(seconds) }, clock(seconds)),
      " ",
      make("code", {}, said(text)),
    ),
  );
  if (session.omitted) done.push(make("li", { class: "hint" }, `and ${session.omitted} more`));
  aside().replaceChildren(
    make("button", { type: "button", class: "close", "aria-label": "Close the session", onclick: close }, "×"),
    make("h2", {}, said(session.name)),
    play.element,
    make("h3", {}, "What was done"),
    done.length ? make("ol", { class: "done" }, ...done) : make("p", { class: "hint" }, "No command was seen."),
    make("dl", { class: "facts" }, ...session.facts.flatMap(([title, value]) => [make("dt", {}, title), make("dd", {}, said(value))])),
    ...(session.auditID
      ? [make("button", { type: "button", id: "to-request", onclick: () => showRequest(session.auditID) }, "Show its request")]
      : []),
  );
  aside().hidden = false;
  aside().scrollTop = 0;
  aside().focus();
  await play.seek(0);
}

export function clock(seconds) {
  const whole = Math.floor(seconds);
  const parts = [Math.floor(whole / 60) % 60, whole % 60].map((part) => String(part).padStart(2, "0"));
  return `${Math.floor(whole / 3600)}:${parts.join(":")}`;
}
