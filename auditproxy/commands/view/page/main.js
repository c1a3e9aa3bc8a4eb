// The page: the address says what is shown, and everything that is done changes the address.

import { ask, showFault, takeToken } from "./api.js";
import { at, announce } from "./dom.js";
import { closeDetail, showDetail } from "./detail.js";
import { copyCommand, entered, fillForm, go, offer, wanted } from "./filters.js";
import { madeTrail } from "./making.js";
import { playing } from "./player.js";
import { pageKey, requests, showPage } from "./requests.js";
import { closeSession, loadSession, loadSessions, sessions } from "./sessions.js";
import { followTimeline, showTimeline } from "./timeline.js";

let trail = { files: [], sessions: 0, isMade: false };

const withFault = (action) => async (...given) => {
  try {
    showFault(null);
    await action(...given);
  } catch (error) {
    showFault(error);
  }
};

const address = () => Object.fromEntries(new URLSearchParams(location.search));
const isSessions = () => address().view === "sessions" && trail.sessions > 0;
const list = () => (isSessions() ? sessions : requests);

// Show what the address says; requests of an index that is still being made, once it is made.
const show = withFault(async () => {
  const second = isSessions();
  at("requests").hidden = second;
  at("sessions").hidden = !second;
  at("show-requests").setAttribute("aria-pressed", !second);
  at("show-sessions").setAttribute("aria-pressed", second);
  if (second) await showSessions();
  else if (trail.isMade) await showRequests();
});

async function showRequests() {
  closeSession();
  const { key, older, newer } = address();
  fillForm();
  const parts = [loadPage(older ? { older } : newer ? { newer } : {}), loadTimeline()];
  if (key) parts.push(loadDetail(key));
  else closeDetail();
  await Promise.all(parts);
}

async function showSessions() {
  const { text, session } = address();
  const parts = [loadSessions(text ?? "")];
  if (session) parts.push(openSession(session));
  else closeSession();
  await Promise.all(parts);
}

async function loadPage(place) {
  at("rows").setAttribute("aria-busy", "true");
  try {
    showPage(await ask("requests", { ...wanted(), ...place }));
  } finally {
    at("rows").setAttribute("aria-busy", "false");
  }
}

async function loadTimeline() {
  showTimeline(await ask("timeline", wanted()));
  announce(at("totals").textContent);
}

async function loadDetail(key) {
  showDetail(await ask("request", { key }), { close, play: showSession });
}

const openSession = (name) =>
  loadSession(name, { close, fault: showFault, showRequest: (id) => search({ "audit-id": id }) });

function showSession(name) {
  go({ view: "sessions", session: name });
  show();
}

function search(filters) {
  go(filters);
  show();
}

function turn(which) {
  const key = pageKey(which);
  if (isSessions() || !key) return;
  go({ ...wanted(), [which]: JSON.stringify(key) });
  show().then(() => requests.focus());
}

function close() {
  const { key, session, ...rest } = address();
  if (!(isSessions() ? closeSession() : closeDetail())) return;
  go(rest, { replace: true });
  list().focus();
}

requests.onOpen((row) => {
  const key = JSON.stringify(row.key);
  go({ ...address(), key }, { replace: true });
  if (trail.isMade) withFault(loadDetail)(key);
});
sessions.onOpen((row) => {
  go({ ...address(), session: row.name }, { replace: true });
  withFault(openSession)(row.name);
});

at("filters").addEventListener("submit", (event) => {
  event.preventDefault();
  search(entered());
});
at("session-filters").addEventListener("submit", (event) => {
  event.preventDefault();
  const text = event.target.elements.text.value.trim();
  search({ view: "sessions", ...(text ? { text } : {}) });
});
at("filters").elements.outcome.addEventListener("change", () => search(entered()));
at("clear").addEventListener("click", () => search({}));
at("copy").addEventListener("click", withFault(() => copyCommand(trail.files)));
at("older").addEventListener("click", () => turn("older"));
at("newer").addEventListener("click", () => turn("newer"));
at("show-keys").addEventListener("click", () => at("keys").showModal());
at("show-requests").addEventListener("click", () => search({}));
at("show-sessions").addEventListener("click", () => search({ view: "sessions" }));
followTimeline((since, until) => search({ ...wanted(), since, until }));
addEventListener("popstate", show);

const KEYS = {
  "/": () => at(isSessions() ? "session-filters" : "filters").elements.text.select(),
  "?": () => at("keys").showModal(),
  j: () => list().move(1),
  k: () => list().move(-1),
  n: () => turn("older"),
  p: () => turn("newer"),
  r: () => search({}),
  s: () => trail.sessions && search({ view: "sessions" }),
};
const PLAYER_KEYS = {
  " ": (player) => player.toggle(),
  ArrowLeft: (player) => player.back(),
  ArrowRight: (player) => player.on(),
};

addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || at("keys").open) return;
  const field = event.target.closest?.("input, select, textarea");
  if (event.key === "Escape") {
    if (field) field.blur();
    else close();
    return;
  }
  if (field) return;
  if (event.key === "Enter" && list().has(event.target)) {
    event.preventDefault();
    list().open();
    return;
  }
  const onButton = event.key === " " && event.target.closest?.("button, summary");
  const move = playing() && !onButton ? PLAYER_KEYS[event.key] : null;
  const action = move ? () => move(playing()) : KEYS[event.key];
  if (!action) return;
  event.preventDefault();
  action();
});

const named = ({ files, fileCount }) => (files.length === 1 ? files[0] : `${fileCount} files`);

takeToken();
withFault(async () => {
  trail = await madeTrail((begun) => {
    trail = begun;
    at("about").textContent = `Requests of ${named(begun)}`;
    at("show-sessions").hidden = !begun.sessions;
  });
  at("about").textContent = `${trail.count.toLocaleString("en")} ${trail.count === 1 ? "request" : "requests"} of ${named(trail)}, as they were when this began`;
  if (trail.notes.length) at("about").append(` (${trail.notes.join("; ")})`);
  await show();
  offer(await ask("suggestions"));
})();
