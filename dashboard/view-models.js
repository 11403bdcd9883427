// Every model, where it is loaded, and what can be done with it. Of thousands only the rows in the window are in the document.

import { isOfModel, together } from "./action-fields.js";
import { RunList, actionButtons, chooseAction, offers } from "./action-form.js";
import { openDialog } from "./dialog.js";
import { bytes, context as tokens, count } from "./figures.js";
import { clear, fill, h, list, name, setText } from "./dom.js";
import { holderWords, matching, Offers, sorted, visible } from "./model-rows.js";
import { clock } from "./times.js";
import { failure, fetchBackends, fetchRows } from "./tools.js";

/** Milliseconds between two fetches of the list, which may be a megabyte. */
const fetchGap = 5000;

/** Backends whose lists are fetched one by one; of more, all are fetched at once. */
const fewBackends = 8;
/** The same while the page polls. */
const pollGap = 10_000;

const columns = [
  { key: "model", title: "Model" },
  { key: "loaded", title: "Loaded at" },
  { key: "memory", title: "Memory", isNumber: true },
  { key: "expires", title: "Until" },
  { key: "context", title: "Context", isNumber: true },
  { key: null, title: "Can", name: "can" },
  { key: "size", title: "Size", isNumber: true },
  { key: "backends", title: "Backends" },
];

const until = (value) => (value === null ? "" : value === "forever" ? "stays" : clock(Date.parse(value), Date.now()));
const words = { json_mode: "json", completion: "chat" };
const can = (abilities) => abilities.map((one) => words[one] ?? one).join(", ");
/** What a cell says; "" for what is not known. */
const loadedAt = (row) => (row.loaded === null ? "" : row.loaded === 0 ? "none" : row.holders.filter((one) => one.loaded).map((one) => one.name).join(", "));

class Models {
  #abort = new AbortController();
  #rows = [];
  #shown = [];
  #backends = [];
  #drawn = 0;
  #fetched = -Infinity;
  #timer = 0;
  #dialog = null;
  #states = new Map();
  #connection = null;
  #offers = new Offers();
  /** Backends whose lists have changed; null: any may have. */
  #changed = null;

  constructor(root, context) {
    this.context = context;
    this.query = context.query;
    this.search = h("input", {
      type: "search", id: "model-search", value: this.query.get("q") ?? "", placeholder: "Name, backend, ability, “loaded”", autocomplete: "off",
      oninput: () => this.#go({ q: this.search.value }),
    });
    this.status = h("p", { class: "note", role: "status" }, "Asking which models there are.");
    this.problem = h("div");
    this.heads = columns.map((column) => this.#head(column));
    this.body = h("tbody");
    this.table = h("table", { class: "model-table" }, h("caption", { class: "visually-hidden" }, "Models"),
      h("thead", null, h("tr", { "aria-rowindex": "1" }, this.heads)), this.body);
    this.panel = h("div", { class: "panel scroll model-panel", tabindex: "0", role: "region", "aria-label": "Table of models", onscroll: () => this.#later() }, this.table);
    this.runs = new RunList(context, { all: true, ended: (run) => this.#loadSoon([run.backend_id]) });
    fill(root, h("h2", null, "Models"),
      h("div", { class: "toolbar" },
        h("div", { class: "field grow" }, h("label", { for: "model-search" }, "Search"), this.search),
        h("button", { type: "button", class: "button", onclick: () => chooseAction({ backends: this.#backends, context }) }, "Run an action…")),
      this.runs.element, this.problem, this.status, this.panel);
    const { signal } = this.#abort;
    context.live.addEventListener("update", (event) => this.#news(event.detail), { signal });
    context.live.addEventListener("status", () => this.#status(), { signal });
    // Also when its first rows have made it higher: then there is room for more.
    this.observer = new ResizeObserver(() => this.#later());
    this.observer.observe(this.panel);
    this.#load();
  }

  #head({ key, title, isNumber, name: className = key }) {
    return h("th", { scope: "col", class: [className, isNumber ? "number" : ""].join(" "), data: { key: key ?? "" } },
      key ? h("button", { type: "button", onclick: () => this.#sort(key) }, title) : title);
  }

  #sort(key) {
    const isSame = (this.query.get("sort") ?? "model") === key;
    this.#go({ sort: key, down: isSame && !this.query.get("down") ? "1" : null });
  }

  #go(changes) {
    const query = { ...Object.fromEntries(this.query), ...changes };
    this.context.go(this.context.link({ view: "models", query }), { replace: !("model" in changes) });
  }

  // Data

  async #load() {
    clearTimeout(this.#timer);
    this.#timer = 0;
    this.#fetched = performance.now();
    const { signal } = this.#abort;
    const changed = this.isLoaded && this.#changed && this.#changed.size <= fewBackends ? [...this.#changed] : null;
    this.#changed = new Set();
    try {
      [this.#rows, this.#backends] = await Promise.all([fetchRows(signal, { offers: this.#offers, backends: changed, all: true }), fetchBackends(signal)]);
      for (const backend of this.#backends) this.#states.set(backend.id, backend.state ?? backend.status);
      clear(this.problem);
      this.isLoaded = true;
    } catch (error) {
      if (signal.aborted) return;
      this.#changed = null;
      fill(this.problem, failure(error, () => this.#load()));
    }
    this.#choose();
    this.#openModel();
  }

  /** Many backends may say so at once, and each of them often. */
  #news({ update_type: type, data }) {
    if (type === "ModelChange") return this.#loadSoon([data.backend_id]);
    if (type !== "BackendStatus") return;
    const changed = data.filter((view) => {
      const state = view.removed ? undefined : view.state ?? view.status;
      const isNew = this.#states.get(view.id) !== state;
      this.#states.set(view.id, state);
      return isNew;
    });
    if (changed.length) this.#loadSoon(changed.map((view) => view.id));
  }

  /** @param backends whose lists have changed; nothing: any may have */
  #loadSoon(backends) {
    if (!backends) this.#changed = null;
    else for (const id of backends) this.#changed?.add(id);
    this.#timer ||= setTimeout(() => this.#load(), Math.max(100, this.#fetched + fetchGap - performance.now()));
  }

  /** While the socket is away nobody tells what changes, and when it is back nobody tells what has. */
  #status() {
    const { status } = this.context.live;
    const isBack = status === "connected" && this.#connection !== "connected" && this.#connection !== null;
    this.#connection = status;
    if (isBack || (status === "polling" && performance.now() - this.#fetched > pollGap)) this.#loadSoon();
  }

  // Rows

  #choose() {
    const key = this.query.get("sort") ?? "model";
    const isDown = Boolean(this.query.get("down"));
    this.#shown = sorted(matching(this.#rows, this.query.get("q") ?? ""), key, isDown);
    for (const head of this.heads) {
      if (head.dataset.key === key) head.setAttribute("aria-sort", isDown ? "descending" : "ascending");
      else head.removeAttribute("aria-sort");
    }
    this.table.setAttribute("aria-rowcount", String(this.#shown.length + 1));
    const [shown, all] = [this.#shown.length, this.#rows.length];
    if (this.isLoaded) {
      setText(this.status, shown === all ? `${count(all)} ${all === 1 ? "model" : "models"}` : `${count(shown)} of ${count(all)} models`);
    } else setText(this.status, "");
    this.#later();
  }

  #later() {
    this.#drawn ||= requestAnimationFrame(() => {
      this.#drawn = 0;
      this.#draw();
    });
  }

  #draw() {
    const row = matchMedia("(max-width: 767px)").matches ? 48 : 38;
    this.table.style.setProperty("--row", `${row}px`);
    const { first, last, before, after } = visible(this.#shown.length, { top: this.panel.scrollTop, height: this.panel.clientHeight, row });
    const items = this.#shown.slice(first, last).map((one, index) => ({ key: `m ${one.id}`, row: one, index: first + index }));
    list(this.body, [{ key: "before", height: before }, ...items, { key: "after", height: after }], (item) => item.key,
      (item, old) => (item.row ? this.#row(item, old) : spacer(item, old)));
  }

  #row({ row, index }, old) {
    const cells = [loadedAt(row), bytes(row.memory), until(row.until), tokens(row.context), can(row.abilities), bytes(row.size), holderWords(row)];
    const look = JSON.stringify([row.aliasOf, row.isServed, cells]);
    if (old?.look === look) {
      old.setAttribute("aria-rowindex", String(index + 2));
      return old;
    }
    const hadFocus = old?.contains(document.activeElement);
    const head = h("th", { scope: "row", class: "model" },
      h("button", { type: "button", class: "link", onclick: () => this.#go({ model: row.id }) }, name(row.id)),
      row.aliasOf ? h("small", null, " → ", name(row.aliasOf)) : null);
    const node = h("tr", { class: row.isServed ? null : "out", "aria-rowindex": String(index + 2) }, head, columns.slice(1).map((column, place) =>
      h("td", { class: [column.key ?? column.name, column.isNumber ? "number" : ""].join(" "), title: cells[place] || null }, cells[place] ? name(cells[place]) : null)));
    node.look = look;
    if (hadFocus) queueMicrotask(() => head.firstChild.focus({ preventScroll: true }));
    return node;
  }

  // One model

  #openModel() {
    const id = this.query.get("model");
    if (this.#dialog && this.#dialog.model !== id) {
      const dialog = this.#dialog;
      this.#dialog = null;
      dialog.close();
    }
    if (!id || this.#dialog || !this.isLoaded) return;
    const row = this.#rows.find((one) => one.id === id);
    const close = h("button", { type: "button", class: "button quiet", onclick: () => this.#dialog?.close() }, "Close");
    if (!row) {
      this.#dialog = openDialog(id, [h("p", { class: "empty" }, "No backend that is known has this model."), h("div", { class: "buttons" }, close)], () => this.#closed());
      this.#dialog.model = id;
      return;
    }
    const actions = h("div", { class: "buttons" }, h("p", { class: "note", role: "status" }, "Asking what can be done with it."));
    const runs = new RunList(this.context, { ended: (run) => this.#loadSoon([run.backend_id]) });
    this.#dialog = openDialog(id, [
      row.aliasOf ? h("p", null, "Another name for ", name(row.aliasOf), ".") : null,
      h("dl", { class: "facts" }, [["Context, tokens", tokens(row.context)], ["Size", bytes(row.size)], ["Can", can(row.abilities)]]
        .filter(([, value]) => value).map(([label, value]) => h("div", null, h("dt", null, label), h("dd", null, value)))),
      h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Where it is" },
        h("table", null, h("thead", null, h("tr", null, ["Backend", "State", "Loaded", "Until", "Memory", "On the GPU", "Context"].map((text) => h("th", { scope: "col" }, text)))),
          h("tbody", null, row.holders.map((one) => h("tr", null,
            h("th", { scope: "row" }, h("a", { href: this.context.link({ view: "overview", backend: one.id }) }, name(one.name))),
            [one.state ?? "serves", one.loaded === null ? "" : one.loaded ? "yes" : "no", until(one.until), bytes(one.memory), bytes(one.device), tokens(one.context)].map((text) => h("td", null, text))))))),
      actions, runs.element,
      h("div", { class: "buttons" },
        h("a", { class: "button quiet", href: this.context.link({ view: "playground", query: { model: id } }) }, "Try it"),
        h("a", { class: "button quiet", href: this.context.link({ view: "connect", query: { model: id } }) }, "Connect a client"), close),
    ], () => { runs.end(); this.#closed(); });
    this.#dialog.model = id;
    this.#drawActions(row, actions);
  }

  #closed() {
    // Closed by hand, not because the address says so.
    if (!this.#dialog) return;
    this.#dialog = null;
    this.#go({ model: null });
  }

  async #drawActions(row, place) {
    // One that is down cannot be asked; one that is draining can.
    const backends = row.holders.filter(({ state }) => state === null || state === "draining").map(({ id, name: text }) => ({ id, name: text }));
    try {
      const { offers: told, silent } = await offers(backends, this.#abort.signal);
      const found = together(told).filter(({ action }) => isOfModel(action));
      const model = row.aliasOf ?? row.id;
      fill(place, actionButtons(found, { model, context: this.context, warnings: (ids) => this.#warnings(row, ids) }),
        found.length ? null : h("p", { class: "note" }, "Its backends offer no action on models."),
        silent.map(({ backend, error }) => h("p", { class: "note" }, name(backend.name), `: ${error.message}`)));
    } catch {
      // The view was left.
    }
  }

  #warnings(row, ids) {
    const left = row.holders.filter((one) => one.state === null && !ids.includes(one.id));
    return [left.length ? `Other backends serve it: ${left.map((one) => one.name).join(", ")}.` : "No other backend serves it."];
  }

  update(query) {
    const isOther = ["q", "sort", "down"].some((key) => query.get(key) !== this.query.get(key));
    this.query = query;
    if (isOther) this.panel.scrollTop = 0;
    if (this.search.value !== (query.get("q") ?? "")) this.search.value = query.get("q") ?? "";
    this.#choose();
    this.#openModel();
  }

  end() {
    this.#abort.abort();
    this.observer.disconnect();
    clearTimeout(this.#timer);
    cancelAnimationFrame(this.#drawn);
    this.runs.end();
    const dialog = this.#dialog;
    this.#dialog = null;
    dialog?.close();
  }
}

function spacer({ height }, old) {
  const node = old ?? h("tr", { class: "space", "aria-hidden": "true" }, h("td", { colspan: String(columns.length) }));
  node.firstChild.style.height = `${height}px`;
  node.hidden = height === 0;
  return node;
}

let shown = null;

export const view = {
  name: "models",
  title: "Models",
  mount(root, context) { shown = new Models(root, context); },
  update(query) { shown?.update(query); },
  unmount() {
    shown?.end();
    shown = null;
  },
};
