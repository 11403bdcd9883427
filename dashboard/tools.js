// What several views are made of: fields, buttons that copy, choosers of a model.

import { getJSON } from "./api.js";
import { fill, h, name, visible } from "./dom.js";
import { modelRows, Offers } from "./model-rows.js";

// The styles of these views come with them, before anything is drawn.
await new Promise((resolve) => {
  const link = h("link", { rel: "stylesheet", onload: resolve, onerror: resolve });
  link.href = new URL("./tools.css", import.meta.url).pathname;
  document.head.append(link);
});

/** Names that a chooser offers at once. */
const offered = 60;
let ids = 0;

/** An id that no other element has. */
export const newID = (prefix) => `${prefix}-${(ids += 1)}`;

/**
 * Every model with who has it now (model-rows.js). Of thousands the parts are made in turns, so that the page answers between them.
 * @param offers what came before; `backends` the ids of those whose part is fetched, without them all is; `all`: also those of
 *   backends that do not serve now
 */
export async function fetchRows(signal, { offers = new Offers(), backends = null, all = false } = {}) {
  const list = `/v1/models?per_backend=1${all ? "&all=1" : ""}`;
  if (backends) {
    await Promise.all(backends.map(async (id) => {
      offers.take(id, (await getJSON(`${list}&backend=${encodeURIComponent(id)}`, { signal })).data);
    }));
  } else offers.takeAll((await getJSON(list, { signal })).data);
  await turn();
  const rows = modelRows(offers.data);
  await turn();
  return rows;
}

const turn = () => new Promise((resolve) => { setTimeout(resolve); });

/** The backends without their models. */
export async function fetchBackends(signal) { return (await getJSON("/v1/backends?models=0", { signal })).data; }

/** A label with its input below it, and a place for what is wrong with it. */
export function field(label, input, { hint = "", problem = true } = {}) {
  input.id ||= newID("field");
  const told = problem ? h("span", { class: "problem", id: `${input.id}-problem` }) : null;
  if (told) input.setAttribute("aria-describedby", told.id);
  return h("div", { class: "field" }, h("label", { for: input.id }, label), input, hint ? h("small", null, hint) : null, told);
}

/** Says what is wrong with an input, and puts the cursor there; an empty text: nothing is. */
export function setProblem(input, text, { focus = true } = {}) {
  const told = document.getElementById(`${input.id}-problem`);
  if (told) told.textContent = text;
  if (text) input.setAttribute("aria-invalid", "true");
  else input.removeAttribute("aria-invalid");
  if (text && focus) input.focus();
}

/** A box to tick, with its label. */
export function tick(label, attributes) {
  const input = h("input", { type: "checkbox", ...attributes });
  return { input, element: h("label", { class: "tick" }, input, h("span", null, label)) };
}

/** Copies a text. Without a secure origin browsers have no clipboard, so the text is selected and copied as a person would. */
export async function copy(text) {
  try {
    if (navigator.clipboard) return await navigator.clipboard.writeText(text);
  } catch {
    // Not allowed: the other way may be.
  }
  const area = h("textarea", { class: "visually-hidden", "aria-hidden": "true", value: text });
  (document.querySelector("dialog[open]") ?? document.body).append(area);
  area.select();
  const isCopied = document.execCommand("copy");
  area.remove();
  if (!isCopied) throw new Error("The browser does not let the page copy; select the text instead.");
}

/** @param text gives what is copied */
export function copyButton(text, label, announce) {
  const button = h("button", { type: "button", class: "button quiet small", "aria-label": `Copy: ${label}` }, "Copy");
  let timer = 0;
  button.addEventListener("click", async () => {
    let told = "Copied";
    try {
      await copy(text());
    } catch (error) {
      told = "Select the text to copy it";
      console.info(error);
    }
    button.textContent = told;
    announce(told);
    clearTimeout(timer);
    timer = setTimeout(() => { button.textContent = "Copy"; }, 2000);
  });
  return button;
}

/** A text to read and copy, which scrolls by itself. */
export function code(text, label) {
  return h("pre", { class: "code", tabindex: "0", role: "region", "aria-label": label }, h("code", null, text));
}

/** What went wrong, in the gateway's words. */
export function failure(error, retry) {
  return h("div", { class: "notice warning", role: "alert" }, h("p", null, visible(error.message)),
    retry ? h("button", { type: "button", class: "button", onclick: retry }, "Try again") : null);
}

/** A field for the name of a model, which offers those there are as one types. */
export class ModelField {
  #list = h("datalist", { id: newID("models") });
  #rows = [];

  /** @param changed called with the name when another one was entered */
  constructor(label, changed) {
    this.input = h("input", {
      type: "text", list: this.#list.id, autocomplete: "off", spellcheck: "false", required: true,
      oninput: () => this.#offer(), onchange: () => changed(this.value),
    });
    this.element = field(label, this.input);
    this.element.append(this.#list);
  }

  get value() { return this.input.value.trim(); }
  set value(text) { this.input.value = text; }
  get rows() { return this.#rows; }
  /** What is known of the model whose name stands there. */
  get row() { return this.#rows.find((row) => row.id === this.value); }

  /** Models that chats can go to come first. */
  take(rows) {
    const chats = (row) => !row.abilities.includes("embedding") || row.abilities.includes("completion");
    this.#rows = [...rows.filter(chats), ...rows.filter((row) => !chats(row))];
    if (!this.value && this.#rows[0]) this.value = this.#rows.find((row) => row.loaded)?.id ?? this.#rows[0].id;
    this.#offer();
  }

  #offer() {
    const typed = this.input.value.trim().toLowerCase();
    const isWhole = this.#rows.some((row) => row.id.toLowerCase() === typed);
    const found = isWhole ? this.#rows : this.#rows.filter((row) => row.id.toLowerCase().includes(typed));
    fill(this.#list, found.slice(0, offered).map((row) => h("option", { value: row.id })));
  }
}

/** A backend's name; its id where that is another. */
export const backendName = (backend) => name(backend.name ?? backend.id);
