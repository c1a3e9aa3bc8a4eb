// The page: the address says what is shown, and everything that is done changes the address.

import { ask, showFault, takeToken } from "./api.js";
import { at, announce } from "./dom.js";
import { closeDetail, showDetail } from "./detail.js";
import { copyCommand, entered, fillForm, go, offer, wanted } from "./filters.js";
import { focusCurrent, move, onOpen, openCurrent, pageKey, showPage } from "./requests.js";
import { followTimeline, showTimeline } from "./timeline.js";

let trail = { files: [] };

const withFault = (action) => async (...given) => {
  try {
    showFault(null);
    await action(...given);
  } catch (error) {
    showFault(error);
  }
};

const address = () => Object.fromEntries(new URLSearchParams(location.search));

// Show what the address says.
const show = withFault(async () => {
  const { key, older, newer } = address();
  fillForm();
  const parts = [loadPage(older ? { older } : newer ? { newer } : {}), loadTimeline()];
  if (key) parts.push(loadDetail(key));
  else closeDetail();
  await Promise.all(parts);
});

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
  showDetail(await ask("request", { key }), { close, play: () => {} });
}

function search(filters) {
  go(filters);
  show();
}

function turn(which) {
  const key = pageKey(which);
  if (!key) return;
  go({ ...wanted(), [which]: JSON.stringify(key) });
  show().then(focusCurrent);
}

function close() {
  const { key, ...rest } = address();
  if (!closeDetail()) return false;
  go(rest, { replace: true });
  focusCurrent();
  return true;
}

onOpen((row) => {
  const key = JSON.stringify(row.key);
  go({ ...address(), key }, { replace: true });
  withFault(loadDetail)(key);
});

at("filters").addEventListener("submit", (event) => {
  event.preventDefault();
  search(entered());
});
at("filters").elements.outcome.addEventListener("change", () => search(entered()));
at("clear").addEventListener("click", () => search({}));
at("copy").addEventListener("click", withFault(() => copyCommand(trail.files)));
at("older").addEventListener("click", () => turn("older"));
at("newer").addEventListener("click", () => turn("newer"));
at("show-keys").addEventListener("click", () => at("keys").showModal());
followTimeline((since, until) => search({ ...wanted(), since, until }));
addEventListener("popstate", show);

const KEYS = {
  "/": () => at("filters").elements.text.select(),
  "?": () => at("keys").showModal(),
  j: () => move(1),
  k: () => move(-1),
  n: () => turn("older"),
  p: () => turn("newer"),
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
  if (event.key === "Enter" && event.target.closest?.("#rows tbody")) {
    event.preventDefault();
    openCurrent();
    return;
  }
  const action = KEYS[event.key];
  if (!action) return;
  event.preventDefault();
  action();
});

takeToken();
withFault(async () => {
  trail = await ask("trail");
  const files = trail.fileCount === 1 ? trail.files[0] : `${trail.fileCount} files`;
  at("about").textContent = `${trail.count.toLocaleString("en")} requests of ${files}, as they were when this began`;
  if (trail.notes.length) at("about").append(` (${trail.notes.join("; ")})`);
  await show();
  offer(await ask("suggestions"));
})();
