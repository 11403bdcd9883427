// The list of what changed most in a window against those before it: the answer of GET /v1/series/compare (docs/series.md).

import { h, name } from "./dom.js";
import { count } from "./figures.js";
import { spanOf } from "./plot-scale.js";

/** What the list is of, in words. */
export function headingOf({ from, to, step_seconds: step }) {
  return `What changed from ${spanOf(from, to, step)}`;
}

/** What it was compared with, in words. */
export function basisOf({ before, from, to, step_seconds: step, left_out: leftOut, data }) {
  if (before.length === 0) return "Nothing is known of the time before, so there is nothing to compare it with.";
  // The last step of the window may be under way.
  const length = spanLength(Math.ceil((to - from) / step) * step);
  const windows = before.length === 1 ? `the ${length} before` : `the ${before.length} times ${length} before`;
  if (data.length === 0) return `Nothing is notably other than in ${windows}.`;
  return `Against ${windows}, the most notable first.${leftOut > 0 ? ` ${count(leftOut)} smaller ones are left out.` : ""}`;
}

function spanLength(seconds) {
  if (seconds < 120) return `${seconds} s`;
  if (seconds < 7200) return `${Math.round(seconds / 60)} min`;
  return `${Math.round(seconds / 360) / 10} h`;
}

/** One change as an item of the list; `link` gives the address of its plots. */
export function changeItem(change, link) {
  const { what, now, usual, model, backend, backend_id: id } = change;
  const isLevel = change.metric === "in_flight" || change.metric === "queued";
  const place = [];
  if (model !== null) place.push(" of ", name(model));
  if (id === "none") place.push(", no backend");
  else if (backend !== null) place.push(" at ", name(backend));
  return h("li", null,
    h("a", { href: link(change) }, what, place.length > 0 || isLevel ? place : " of all requests"),
    ": ", h("strong", null, now), usual ? `, before ${usual}` : null);
}
