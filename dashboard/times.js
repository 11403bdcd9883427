// What time alone changes on the page: how long ago something was, how long the gateway is up; and instants in the viewer's
// own time. The gateway writes the same in the same words (Sources/Host/Dashboard/Format.swift), but for instants, which it
// gives in UTC; Tests/DashboardTests/Vectors/times.json holds both to it.

import { setText } from "./dom.js";
import { duration } from "./figures.js";

const padded = (value) => String(value).padStart(2, "0");

/** "2d 3h", "3h 4m", "4m 5s", "5s" */
export function uptime(value) {
  const seconds = Math.max(0, Math.floor(value));
  const hours = Math.floor(seconds / 3600);
  if (seconds >= 86400) {
    const days = String(Math.floor(seconds / 86400)).replace(/\B(?=(\d{3})+$)/g, ",");
    return `${days}d ${hours % 24}h`;
  }
  if (seconds >= 3600) return `${hours}h ${Math.floor(seconds / 60) % 60}m`;
  if (seconds >= 60) return `${Math.floor(seconds / 60)}m ${seconds % 60}s`;
  return `${seconds}s`;
}

/** "just now", "12 s ago", "3 min ago", "5 h ago", "2 d ago" */
export function age(value) {
  const seconds = Math.floor(value);
  if (seconds < 5) return "just now";
  if (seconds < 60) return `${seconds} s ago`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ago`;
  if (seconds < 86400) return `${Math.floor(seconds / 3600)} h ago`;
  return `${Math.floor(seconds / 86400)} d ago`;
}

/** The viewer's own time of day, "03:04:05", with the date before it when that is not today's. Milliseconds. */
export function clock(milliseconds, now) {
  const at = new Date(milliseconds);
  const time = [at.getHours(), at.getMinutes(), at.getSeconds()].map(padded).join(":");
  if (at.toDateString() === new Date(now).toDateString()) return time;
  return `${at.getFullYear()}-${padded(at.getMonth() + 1)}-${padded(at.getDate())} ${time}`;
}

export class Times {
  /** How far the viewer's clock is before the gateway's (milliseconds). */
  #ahead = 0;

  /** The summary has just come from the gateway, and states the gateway's time. */
  synchronise() {
    const told = Number(document.getElementById("summary")?.dataset.now);
    // Whole seconds: less than two is no difference.
    const ahead = Date.now() - told * 1000;
    if (Number.isFinite(ahead)) this.#ahead = Math.abs(ahead) < 2000 ? 0 : ahead;
  }

  /** @param stale the gateway no longer answers, and is not known to be up */
  show(stale) {
    const now = Date.now() - this.#ahead;
    for (const node of document.querySelectorAll("[data-kind]")) {
      if (node.dataset.kind === "uptime") {
        if (!stale) setText(node, uptime(now / 1000 - Number(node.dataset.started)));
        continue;
      }
      if (node.dataset.kind === "elapsed") {
        if (!stale) showElapsed(node);
        continue;
      }
      const at = Date.parse(node.dateTime);
      if (Number.isNaN(at)) continue;
      setText(node, node.dataset.kind === "age" ? age((now - at) / 1000) : clock(at, now));
      const title = new Date(at).toLocaleString();
      if (node.title !== title) node.title = title;
    }
  }
}

/** Goes on from what the gateway said, by a clock that is never set back. */
function showElapsed(node) {
  if (node.ownTold !== node.dataset.elapsed) {
    node.ownTold = node.dataset.elapsed;
    node.ownBegun = performance.now() - Number(node.dataset.elapsed);
  }
  setText(node, duration(performance.now() - node.ownBegun));
}
