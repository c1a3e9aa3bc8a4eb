// How far the index is, until it is made; and the newest requests meanwhile.

import { ask } from "./api.js";
import { announce, at } from "./dom.js";
import { showPage } from "./requests.js";

const PAUSE = 400; // Milliseconds between two looks.

const later = () => new Promise((done) => setTimeout(done, PAUSE));
const whole = (number) => Math.round(number).toLocaleString("en");

// The trail, once its index is there. ``begun`` gets what is known of it at first.
export async function madeTrail(begun) {
  let trail = await ask("trail");
  begun(trail);
  if (trail.isMade) return trail;
  announce("The index is being made");
  hold(true);
  try {
    let shown = false;
    while (!trail.isMade) {
      says(trail);
      if (trail.rows.length && !shown) showPage({ rows: trail.rows, older: null, newer: null });
      shown ||= trail.rows.length > 0;
      await later();
      trail = await ask("trail");
    }
  } finally {
    hold(false);
  }
  return trail;
}

function says({ progress: { events, percent }, rows }) {
  const far = percent !== null ? `${whole(percent)} %` : events ? `${whole(events)} ${events === 1 ? "event" : "events"} unpacked` : "reading";
  if (percent !== null) at("made").value = percent;
  at("making-says").textContent =
    `Making the index: ${far}.${rows.length ? " The newest requests are below; filters and pages come with it." : ""}`;
}

function hold(isHeld) {
  at("making").hidden = !isHeld;
  for (const id of ["filters", "timeline-figure"]) at(id).inert = isHeld;
  // It is busy until the first page of the index is there.
  if (isHeld) at("rows").setAttribute("aria-busy", "true");
}
