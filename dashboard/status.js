// What the page says of itself: whether it is live, and whether it may be out of date.

import { clock, setText } from "./times.js";

const words = {
  connecting: "Connecting...",
  connected: "Connected",
  reconnecting: "Reconnecting...",
  polling: "Polling every 5 s",
  paused: "Paused",
};

export class Status {
  #dot = document.querySelector("#connection-status .status-dot");
  #text = document.querySelector("#connection-status .status-text");
  #notice = document.getElementById("stale-notice");

  constructor(live) { this.live = live; }

  show() {
    const { status, stale } = this.live;
    const look = `status-dot ${status}`;
    if (this.#dot.className !== look) this.#dot.className = look;
    setText(this.#text, words[status]);
    document.body.classList.toggle("stale", stale);
    setText(this.#notice, stale ? this.#warning() : "");
    if (this.#notice.hidden === stale) this.#notice.hidden = !stale;
  }

  #warning() {
    const { silent, whole } = this.live;
    const what = silent
      ? "The gateway cannot be reached. Everything" : "Live updates are interrupted. Backends and requests";
    return `${what} below may be out of date: last seen ${clock(whole, Date.now())}.`;
  }
}
