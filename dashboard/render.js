// Shows the state: at most once a frame, and only the parts that changed.

import { setText, show } from "./dom.js";
import { age, clock, count, percent, uptime } from "./format.js";
import { renderBackends } from "./render-backends.js";
import { renderHistory } from "./render-history.js";
import { matrix, renderModels } from "./render-models.js";

const words = {
  connecting: "Connecting...",
  connected: "Connected",
  reconnecting: "Reconnecting...",
  polling: "Polling every 5 s",
  paused: "Paused",
};
const part = (id) => document.getElementById(id);

export class Renderer {
  #scheduled = false;

  constructor(state, live) {
    this.state = state;
    this.live = live;
    this.modelParts = {
      head: part("model-matrix-head"), body: part("model-matrix-tbody"), panel: part("model-matrix-panel"),
      note: part("model-matrix-note"), empty: part("no-models"),
    };
  }

  /** Something changed: shown with the next frame. A hidden tab has no frames and costs nothing. */
  schedule() {
    if (this.#scheduled) return;
    this.#scheduled = true;
    requestAnimationFrame(() => {
      this.#scheduled = false;
      this.#render();
    });
  }

  /** Once a second while visible: what time alone changes. */
  tick() {
    const { stats, statsAt } = this.state;
    // A gateway that no longer answers is not known to be up.
    const passed = this.live.stale ? 0 : Math.max(0, Date.now() - statsAt) / 1000;
    if (statsAt > 0) setText(part("uptime"), uptime(stats.uptime_seconds + passed));
    this.#times();
    this.#connection();
  }

  #render() {
    const { state } = this;
    const changed = new Set(state.dirty);
    state.dirty.clear();
    if (changed.has("models")) this.matrix = matrix(state);
    if (changed.has("summary") || changed.has("models")) this.#summary();
    if (changed.has("backends")) {
      renderBackends(part("backend-cards"), state);
      show(part("no-backends"), state.backends.size === 0);
    }
    if (changed.has("models")) renderModels(this.modelParts, this.matrix);
    if (changed.has("history")) {
      renderHistory(part("history-tbody"), state.history);
      show(part("history-panel"), state.history.length > 0);
      show(part("no-history"), state.history.length === 0);
    }
    this.tick();
  }

  #summary() {
    const { total, errors } = this.state.stats.requests;
    setText(part("total-requests"), count(total));
    setText(part("requests-note"),
      errors > 0 ? `${count(errors)} ${errors === 1 ? "error" : "errors"} (${percent(errors, total)})` : "");
    const views = [...this.state.backends.values()];
    const unhealthy = views.filter((view) => view.status === "Unhealthy").length;
    setText(part("active-backends"), count(views.filter((view) => view.status === "Healthy").length));
    setText(part("backends-note"),
      views.length ? `of ${count(views.length)}${unhealthy ? `, ${count(unhealthy)} unhealthy` : ""}` : "");
    part("backends-note").classList.toggle("bad", unhealthy > 0);
    if (this.matrix) setText(part("available-models"), count(this.matrix.rows.length));
  }

  #times() {
    const now = Date.now();
    for (const node of document.querySelectorAll("time[data-kind]")) {
      const at = Date.parse(node.dateTime);
      setText(node, node.dataset.kind === "age" ? age((now - at) / 1000) : clock(at, now));
      if (!node.title) node.title = new Date(at).toLocaleString();
    }
  }

  #connection() {
    const { status, stale } = this.live;
    const dot = document.querySelector("#connection-status .status-dot");
    const look = `status-dot ${status}`;
    if (dot.className !== look) dot.className = look;
    setText(document.querySelector("#connection-status .status-text"), words[status]);
    document.body.classList.toggle("stale", stale);
    const notice = part("stale-notice");
    setText(notice, stale ? this.#warning() : "");
    show(notice, stale);
  }

  #warning() {
    const { silent, whole } = this.live;
    const what = silent
      ? "The gateway cannot be reached. Everything" : "Live updates are interrupted. Backends and requests";
    return `${what} below may be out of date: last seen ${clock(whole, Date.now())}.`;
  }
}
