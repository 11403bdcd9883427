// Writes down how each client is pointed at this gateway, for the address that the browser used.

import { clientTexts } from "./connect-texts.js";
import { count } from "./figures.js";
import { fill, h } from "./dom.js";
import { ModelField, code, copyButton, failure, fetchRows } from "./tools.js";

class Connect {
  #abort = new AbortController();

  constructor(root, context) {
    this.context = context;
    this.model = new ModelField("Model", (value) => context.go(context.link({ view: "connect", query: { model: value } }), { replace: true }));
    this.model.value = context.query.get("model") ?? "";
    this.note = h("div", { class: "note", role: "status" }, "Asking which models there are.");
    this.clients = h("div", { class: "clients" });
    fill(root,
      h("h2", null, "Connect a client"),
      h("p", null, "This gateway is at ", h("code", null, location.origin),
        " and speaks the APIs of OpenAI (/v1), Anthropic and Ollama. It checks no key: YOUR_KEY may be any text."),
      h("form", { class: "toolbar", onsubmit: (event) => event.preventDefault() }, this.model.element), this.note, this.clients);
    this.#draw();
    this.#load();
  }

  async #load() {
    try {
      this.model.take(await fetchRows(this.#abort.signal));
      this.#note();
    } catch (error) {
      if (!this.#abort.signal.aborted) fill(this.note, failure(error, () => this.#load()));
    }
    if (!this.#abort.signal.aborted) this.#draw();
  }

  #note() {
    const { rows, row, value } = this.model;
    this.note.textContent = !rows.length ? "There is no model yet: add a backend first."
      : row ? `${count(rows.length)} to choose from.` : `No healthy backend has ${value} now.`;
  }

  #draw() {
    const { row } = this.model;
    const texts = clientTexts({
      origin: location.origin, model: this.model.value || "MODEL", context: row?.context ?? 0,
      vision: row?.abilities.includes("vision"), tools: row?.abilities.includes("tools"),
    });
    fill(this.clients, texts.map((client) =>
      h("section", { class: "client", id: `connect-${client.id}`, "aria-label": client.title },
        h("h3", null, client.title), h("p", { class: "note" }, client.note),
        client.parts.map((part) => h("figure", { data: { part: part.id } },
          h("figcaption", null, part.label, copyButton(() => part.text, `${client.title}, ${part.label}`, this.context.announce)),
          code(part.text, `${client.title}, ${part.label}`))))));
  }

  update(query) {
    const wanted = query.get("model");
    if (wanted !== null && wanted !== this.model.value) this.model.value = wanted;
    if (this.model.rows.length) this.#note();
    this.#draw();
  }

  end() { this.#abort.abort(); }
}

let shown = null;

export const view = {
  name: "connect",
  title: "Connect",
  mount(root, context) { shown = new Connect(root, context); },
  update(query) { shown?.update(query); },
  unmount() {
    shown?.end();
    shown = null;
  },
};
