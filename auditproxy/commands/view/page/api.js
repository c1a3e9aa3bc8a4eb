// Questions to the server that this page is from. The token came in the address behind #, is kept
// for this origin alone, and goes with every question in a header.

import { at } from "./dom.js";

const KEPT = "auditproxy-token";

export function takeToken() {
  const found = /^#token=([A-Za-z0-9_-]+)$/.exec(location.hash);
  if (!found) return;
  localStorage.setItem(KEPT, found[1]);
  history.replaceState(null, "", location.pathname + location.search);
}

export class Refused extends Error {}

const running = new Map();

// The answer to a question. A later one of the same name ends one that has no answer yet; its
// promise then never resolves.
export async function ask(path, parameters = {}, name = path) {
  running.get(name)?.abort();
  const control = new AbortController();
  running.set(name, control);
  const query = new URLSearchParams(parameters).toString();
  try {
    const answer = await fetch(`/api/${path}${query ? `?${query}` : ""}`, {
      headers: { Authorization: `Bearer ${localStorage.getItem(KEPT) ?? ""}` },
      signal: control.signal,
    });
    const value = await answer.json();
    if (!answer.ok) throw new Refused(value.error);
    return value;
  } catch (error) {
    if (control.signal.aborted) return new Promise(() => {});
    throw error;
  } finally {
    if (running.get(name) === control) running.delete(name);
  }
}

export function showFault(error) {
  const place = at("fault");
  place.hidden = !error;
  place.textContent = !error
    ? ""
    : error instanceof Refused ? error.message : "The server does not answer; is it still running?";
}
