// The timeline: bars of requests by outcome. A time is chosen by dragging, or with the keyboard.

import { at, draw } from "./dom.js";

const HEIGHT = 80;
let shown = null;
let chosen = -1;
let dragged = null;

const moment = (milliseconds) => new Date(milliseconds).toISOString();
const clock = (milliseconds) => moment(milliseconds).replace("T", " ").replace(".000Z", "Z");
const svg = () => at("timeline");

export function showTimeline(timeline) {
  shown = timeline;
  chosen = -1;
  const { buckets, outcomes, totals, total, begin, width } = timeline;
  const parts = outcomes.filter((name) => totals[name]).map((name) => `${totals[name].toLocaleString("en")} ${name}`);
  at("totals").textContent =
    `${total.toLocaleString("en")} ${total === 1 ? "request" : "requests"}${parts.length ? ": " : ""}${parts.join(", ")}`;
  const highest = Math.max(1, ...buckets.map((counts) => counts.reduce((sum, count) => sum + count, 0)));
  svg().setAttribute("viewBox", `0 0 ${buckets.length} ${HEIGHT}`);
  const bars = buckets.flatMap((counts, place) => {
    let top = HEIGHT;
    return counts.flatMap((count, outcome) => {
      if (!count) return [];
      const height = Math.max(1.5, (count / highest) * (HEIGHT - 4));
      top -= height;
      return [draw("rect", { class: `is-${outcomes[outcome]}`, x: place + 0.06, y: top, width: 0.88, height })];
    });
  });
  const mark = draw("rect", { id: "mark", x: 0, y: 0, width: 0, height: HEIGHT });
  svg().replaceChildren(...bars, mark);
  at("timeline-begin").textContent = clock(begin);
  at("timeline-end").textContent = clock(begin + buckets.length * width);
}

function markFrom(first, last) {
  const mark = at("mark");
  mark.setAttribute("x", Math.min(first, last));
  mark.setAttribute("width", Math.abs(last - first) + 1);
}

function placeOf(event) {
  const box = svg().getBoundingClientRect();
  const place = Math.floor(((event.clientX - box.left) / box.width) * shown.buckets.length);
  return Math.max(0, Math.min(shown.buckets.length - 1, place));
}

function says(place) {
  const { outcomes, buckets, begin, width } = shown;
  const counts = outcomes.map((name, each) => [buckets[place][each], name]).filter(([count]) => count);
  const what = counts.map(([count, name]) => `${count} ${name}`).join(", ") || "no request";
  at("timeline-says").textContent = `${clock(begin + place * width)}: ${what}`;
}

// ``search`` gets the beginning and the end of a time that was chosen.
export function followTimeline(search) {
  const choose = (first, last) => {
    const { begin, width } = shown;
    search(moment(begin + Math.min(first, last) * width), moment(begin + (Math.max(first, last) + 1) * width));
  };
  svg().addEventListener("pointerdown", (event) => {
    if (!shown) return;
    dragged = placeOf(event);
    svg().setPointerCapture(event.pointerId);
    markFrom(dragged, dragged);
  });
  svg().addEventListener("pointermove", (event) => {
    if (!shown) return;
    says(placeOf(event));
    if (dragged !== null) markFrom(dragged, placeOf(event));
  });
  svg().addEventListener("pointerup", (event) => {
    if (dragged === null) return;
    const first = dragged;
    dragged = null;
    choose(first, placeOf(event));
  });
  svg().addEventListener("keydown", (event) => {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!shown || (!step && event.key !== "Enter")) return;
    event.preventDefault();
    if (step) {
      const from = chosen < 0 && step < 0 ? shown.buckets.length : chosen;
      chosen = Math.max(0, Math.min(shown.buckets.length - 1, from + step));
      markFrom(chosen, chosen);
      says(chosen);
    } else if (chosen >= 0) choose(chosen, chosen);
  });
}
