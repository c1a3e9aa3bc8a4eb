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

const AGAIN = "Start it again, and open the address that it prints.";

// The command has ended, by what it said, or it cannot be reached any more.
class Ended extends Error {}

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
    if (value.hasEnded) throw new Ended(`auditproxy view has ended. ${AGAIN}`);
    if (!answer.ok) throw new Refused(value.error);
    return value;
  } catch (error) {
    if (control.signal.aborted) return new Promise(() => {});
    if (error instanceof Refused || error instanceof Ended) throw error;
    throw new Ended(`auditproxy view does not answer: it has ended, or cannot be reached. ${AGAIN}`);
  } finally {
    if (running.get(name) === control) running.delete(name);
  }
}

export function showFault(error) {
  const place = at("fault");
  place.hidden = !error;
  place.textContent = error ? error.message : "";
}
