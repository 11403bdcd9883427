// The gateway itself: what runs, since when, with which configuration and adapters, its backends to administer, and its log.

import { getJSON, send } from "./api.js";
import { addBackend, drainBackend, enableBackend, removeBackend, setBackend } from "./backend-dialogs.js";
import { count } from "./figures.js";
import { fill, h, list, name, setText, visible } from "./dom.js";
import { failure, fetchBackends } from "./tools.js";

/** Milliseconds between two looks. */
const lookGap = 5000;

class Gateway {
  #abort = new AbortController();
  #timer = 0;

  constructor(root, context) {
    this.context = context;
    this.problem = h("div");
    this.backends = h("tbody");
    this.note = h("p", { class: "note", role: "status" }, "Asking how the gateway is.");
    this.told = h("div", { role: "status" });
    fill(root, h("h2", null, "Gateway"), this.problem, this.note,
      h("div", { class: "toolbar" },
        h("button", { type: "button", class: "button", onclick: async () => { if (await addBackend(context)) this.#look(); } }, "Add a backend…"),
        h("button", { type: "button", class: "button quiet", onclick: (event) => this.#reload(event.target) }, "Reload the configuration")),
      this.told,
      h("section", { "aria-labelledby": "gateway-backends" }, h("h3", { id: "gateway-backends" }, "Backends"),
        h("div", { class: "panel scroll", tabindex: "0", role: "region", "aria-label": "Backends to administer" },
          h("table", null, h("thead", null, h("tr", null, ["Backend", "State", "Priority", "Type", "From", "Commands"].map((text) => h("th", { scope: "col" }, text)))), this.backends))));
    context.live.addEventListener("update", (event) => {
      if (event.detail.update_type === "BackendStatus") this.#lookSoon(1000);
    }, { signal: this.#abort.signal });
    this.#look();
  }

  #lookSoon(after) {
    if (this.#abort.signal.aborted) return;
    if (this.isSoon && after < lookGap) return;
    this.isSoon = after < lookGap;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => (document.hidden ? this.#lookSoon(lookGap) : this.#look()), after);
  }

  async #look() {
    this.isSoon = false;
    try {
      this.#draw(await fetchBackends(this.#abort.signal));
      fill(this.problem);
    } catch (error) {
      if (this.#abort.signal.aborted) return;
      fill(this.problem, failure(error));
    }
    this.#lookSoon(lookGap);
  }

  #draw(backends) {
    setText(this.note, `${count(backends.length)} ${backends.length === 1 ? "backend" : "backends"}`);
    list(this.backends, backends, (backend) => backend.id, (backend, old) => this.#row(backend, old));
  }

  #row(backend, old) {
    const state = backend.state ?? backend.status;
    const look = JSON.stringify([state, backend.priority, backend.backend_type, backend.discovery_source, backend.name]);
    if (old?.look === look) {
      old.backend = backend;
      return old;
    }
    const isDraining = state === "Draining";
    const commands = [[isDraining ? "Enable" : "Drain", isDraining ? enableBackend : drainBackend], ["Set", setBackend], ["Remove", removeBackend]];
    const row = h("tr", null,
      h("th", { scope: "row" }, h("a", { href: this.context.link({ view: "overview", backend: backend.id }) }, name(backend.name))),
      h("td", null, h("span", { class: `badge ${state.toLowerCase()}` }, state)), h("td", null, count(backend.priority)),
      h("td", null, name(backend.backend_type)), h("td", null, backend.discovery_source),
      h("td", null, h("div", { class: "buttons" }, commands.map(([word, command]) =>
        h("button", {
          type: "button", class: `button quiet small${word === "Remove" ? " danger" : ""}`, "aria-label": `${word} ${visible(backend.name)}`,
          onclick: async () => { if (await command(row.backend, this.context)) this.#look(); },
        }, word)))));
    row.look = look;
    row.backend = backend;
    // What had the focus was replaced.
    if (old?.contains(document.activeElement)) queueMicrotask(() => row.querySelector("button").focus());
    return row;
  }

  async #reload(button) {
    button.disabled = true;
    try {
      const answer = await send("POST", "/v1/admin/reload");
      const parts = ["added", "changed", "removed"].filter((key) => answer[key].length).map((key) => `${answer[key].join(", ")} ${key}`);
      fill(this.told, h("p", null, visible(`Reloaded: ${parts.join("; ") || "nothing has changed"}.`)), answer.warnings.map((text) => h("p", { class: "notice warning" }, visible(text))));
    } catch (error) {
      if (!this.#abort.signal.aborted) fill(this.told, failure(error));
    }
    button.disabled = false;
    this.#look();
  }

  end() {
    this.#abort.abort();
    clearTimeout(this.#timer);
  }
}

let shown = null;

export const view = {
  name: "gateway",
  title: "Gateway",
  mount(root, context) { shown = new Gateway(root, context); },
  update() {},
  unmount() {
    shown?.end();
    shown = null;
  },
};
