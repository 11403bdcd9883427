// What the page says of itself: whether it is live, whether it may be out of date, and in its title how the gateway is.

import { setText } from "./dom.js";
import { clock } from "./times.js";

const words = {
  connecting: "Connecting...",
  connected: "Connected",
  reconnecting: "Reconnecting...",
  polling: "Polling every 5 s",
  paused: "Paused",
};

/** The icon, as the page has it and with a sign that something is wrong. */
const icon = (sign) => `data:image/svg+xml,${encodeURIComponent(
  `<svg xmlns='${"http"}://www.w3.org/2000/svg' viewBox='0 0 16 16'>${sign}</svg>`)}`;
const icons = {
  well: icon("<circle cx='8' cy='8' r='7' fill='#2563eb'/><circle cx='8' cy='8' r='3' fill='#fff'/>"),
  trouble: icon("<path d='M8 0 16 15H0Z' fill='#dc3545'/><path d='M7 5h2v5H7zM7 11h2v2H7z' fill='#fff'/>"),
  stale: icon("<circle cx='8' cy='8' r='6' fill='none' stroke='#8a8f98' stroke-width='3' stroke-dasharray='3 2'/>"),
};

export class Status {
  #dot = document.querySelector("#connection-status .status-dot");
  #text = document.querySelector("#connection-status .status-text");
  #notice = document.getElementById("stale-notice");
  #icon = document.querySelector("link[rel=icon]");
  #look = "";
  /** The entry of `views` that is shown. */
  view = null;

  constructor(live) { this.live = live; }

  show() {
    const { status, stale } = this.live;
    const look = `status-dot ${status}`;
    if (this.#dot.className !== look) this.#dot.className = look;
    setText(this.#text, words[status]);
    document.body.classList.toggle("stale", stale);
    setText(this.#notice, stale ? this.#warning() : "");
    if (this.#notice.hidden === stale) this.#notice.hidden = !stale;
    this.#showTitle(stale);
  }

  /** What a tab shows that nobody looks at. */
  #showTitle(stale) {
    const down = Number(document.getElementById("summary")?.dataset.down ?? 0);
    const look = stale ? "stale" : down > 0 ? "trouble" : "well";
    const parts = [stale ? "out of date" : down > 0 ? `${down} down` : ""];
    if (this.view?.load) parts.push(this.view.title);
    const title = [...parts.filter(Boolean), "Nexus Dashboard"].join(" · ");
    if (document.title !== title) document.title = title;
    if (this.#look === look) return;
    this.#look = look;
    this.#icon.href = icons[look];
  }

  #warning() {
    const { silent, whole } = this.live;
    const what = silent
      ? "The gateway cannot be reached. Everything" : "Live updates are interrupted. Backends and requests";
    return `${what} below may be out of date: last seen ${clock(whole, Date.now())}.`;
  }
}
