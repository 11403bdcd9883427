// The requests that have ended: filtered, live, exported; each opens its time line.

import { getJSON } from "./api.js";
import { fill, h, list, name, setText, visible } from "./dom.js";
import { count, counted, duration, rate } from "./figures.js";
import { filters, fits, route } from "./history-filter.js";
import { clock } from "./times.js";

/** Rows at first, and with each request for more. */
const page = 200;
/** Milliseconds between two requests, at least; and so many times as long as the last one took. */
const shortestGap = 1000;
const restShare = 4;
/** Requests of runs of the gateway before this one that are kept. */
const pastLimit = 1000;
/** Milliseconds after the last key before a filter is used. */
const typing = 250;

const statuses = [
  ["", "any"], ["Success", "success"], ["Error", "error"], ["4xx", "4xx"], ["5xx", "5xx"], ["429", "429"], ["499", "499: client gone, or cancelled"],
  ["503", "503"],
];
const apis = [["", "any"], ["openai", "OpenAI"], ["anthropic", "Anthropic"], ["ollama", "Ollama"]];
const spans = [["", "all that is kept"], ["300", "last 5 minutes"], ["3600", "last hour"], ["86400", "last 24 hours"]];
let shown = null;

export const view = {
  name: "history",
  title: "History",
  mount(root, context) {
    shown = new History(root, context);
  },
  unmount() {
    shown?.end();
    shown = null;
  },
  update(query) {
    shown?.use(query);
  },
};

class History {
  #context;
  #query;
  #root;
  #parts = {};
  #abort = new AbortController();
  #fields = new Map();
  #limit = page;
  /** Newest first. */
  #entries = [];
  /** What was shown when an answer came with nothing, which does not say whose it is: another run's, perhaps. */
  #lost = [];
  /** Of runs of the gateway before this one, whatever the filters say. */
  #past = [];
  #timer = 0;
  #isAsking = false;
  #isOutdated = false;
  #next = 0;

  constructor(root, context) {
    this.#root = root;
    this.#context = context;
    this.#query = context.query;
    this.#draw();
    const options = { signal: this.#abort.signal };
    context.live.addEventListener("update", ({ detail }) => {
      if (detail.update_type === "RequestComplete") this.#refresh();
    }, options);
    context.live.addEventListener("instance", () => this.#restarted(), options);
    context.live.addEventListener("status", () => {
      if (context.live.status === "connected") this.#refresh();
    }, options);
    document.addEventListener("visibilitychange", () => this.#refresh(), options);
    this.#timer = setInterval(() => this.#refresh(), 30_000);
    this.#loadBackends();
    this.#refresh();
  }

  end() {
    clearInterval(this.#timer);
    clearTimeout(this.#parts.waiting);
    this.#abort.abort();
  }

  use(query) {
    if (query.toString() === this.#query.toString()) return;
    this.#query = query;
    this.#limit = page;
    // What the gateway no longer knows is filtered here.
    this.#lost = this.#lost.filter((entry) => fits(entry, query, Date.now()));
    this.#showFields();
    this.#next = 0;
    this.#refresh();
  }

  // Filters

  #draw() {
    const field = (filter, label, control) => {
      control.dataset.filter = filter;
      this.#fields.set(filter, control);
      return h("label", { class: "field" }, label, control);
    };
    const choice = (values) => h("select", { onchange: () => this.#changed() }, values.map(([value, text]) => h("option", { value }, text)));
    const words = (placeholder, width) => h("input", {
      type: "search", placeholder, size: width, autocomplete: "off", spellcheck: "false", oninput: () => this.#changedSoon(),
    });
    const parts = this.#parts;
    parts.backends = h("datalist", { id: "history-backends" });
    const backend = words("any", 14);
    backend.setAttribute("list", "history-backends");
    parts.tbody = h("tbody", { role: "rowgroup", id: "history-view-tbody" });
    parts.note = h("p", { class: "note", role: "status" });
    parts.empty = h("p", { class: "empty", hidden: true });
    parts.more = h("button", { class: "button quiet", type: "button", hidden: true, onclick: () => this.#showMore() }, "Show more");
    parts.csv = h("a", { class: "button quiet small", download: "nexus-history.csv", href: "/v1/history?format=csv" }, "CSV");
    parts.json = h("a", { class: "button quiet small", download: "nexus-history.json", href: "/v1/history" }, "JSON");
    parts.clear = h("button", { class: "button quiet small", type: "button", onclick: () => this.#clear() }, "Clear filters");
    const head = (text, kind) => h("th", { role: "columnheader", scope: "col", class: kind }, text);
    parts.table = h("table", { class: "history-rows", role: "table" },
      h("caption", { class: "visually-hidden" }, "Requests that have ended, newest first"),
      h("thead", { role: "rowgroup" }, h("tr", { role: "row" },
        head("Time"), head("Model"), head("Backend"), head("Status"), head("Client"), head("Duration", "number"), head("First token", "number"),
        head("Tokens in", "number"), head("Tokens out", "number"), head("Per s", "number"))),
      parts.tbody);
    fill(this.#root,
      h("h2", null, "History"),
      h("form", { class: "toolbar filters", role: "search", "aria-label": "Filters of the history", onsubmit: (event) => event.preventDefault() },
        field("text", "Search", words("model, error, id, client…", 22)),
        field("model", "Model", words("any", 16)),
        field("backend", "Backend", backend),
        field("status", "Status", choice(statuses)),
        field("api", "API", choice(apis)),
        field("client", "Client", words("any address", 12)),
        field("last", "Time", choice(spans)),
        parts.backends),
      h("div", { class: "section-head" }, parts.note,
        h("div", { class: "buttons" }, parts.clear, h("span", { class: "note" }, "Export"), parts.csv, parts.json)),
      h("div", { class: "panel scroll", role: "region", "aria-label": "Table of requests that have ended", tabindex: "0" }, parts.table),
      parts.empty, parts.more);
    this.#showFields();
  }

  /** The fields show what the address says, unless somebody writes in one. */
  #showFields() {
    for (const [filter, control] of this.#fields) {
      if (control === document.activeElement) continue;
      const value = this.#query.get(filter) ?? "";
      if (control instanceof HTMLSelectElement && ![...control.options].some((option) => option.value === value)) {
        control.append(h("option", { value }, value));
      }
      control.value = value;
    }
    const isFiltered = filters.some((filter) => this.#query.get(filter));
    this.#parts.clear.hidden = !isFiltered;
    const now = Date.now();
    this.#parts.csv.href = route(this.#query, now, { format: "csv" });
    this.#parts.json.href = route(this.#query, now);
  }

  #changedSoon() {
    clearTimeout(this.#parts.waiting);
    this.#parts.waiting = setTimeout(() => this.#changed(), typing);
  }

  #changed() {
    const query = new URLSearchParams();
    for (const [filter, control] of this.#fields) if (control.value.trim()) query.set(filter, control.value.trim());
    for (const filter of ["from", "to"]) {
      if (this.#query.get(filter) && !query.get("last")) query.set(filter, this.#query.get(filter));
    }
    this.#context.go(this.#context.link({ view: "history", query }), { replace: true });
  }

  #clear() {
    for (const control of this.#fields.values()) control.value = "";
    this.#context.go("#history", { replace: true });
  }

  async #loadBackends() {
    try {
      const { backends } = await getJSON("/v1/stats", { signal: this.#abort.signal });
      fill(this.#parts.backends, backends.map(({ id }) => h("option", { value: id })));
    } catch {
      // One writes the name instead.
    }
  }

  // Entries

  #showMore() {
    this.#limit += page;
    this.#next = 0;
    this.#refresh();
  }

  /** Asks for the newest, now or as soon as it may. */
  async #refresh() {
    this.#isOutdated = true;
    if (this.#isAsking || document.hidden || this.#abort.signal.aborted) return;
    this.#isAsking = true;
    const wait = this.#next - performance.now();
    if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait));
    const begun = performance.now();
    this.#isOutdated = false;
    const query = this.#query;
    try {
      // One more than is shown tells whether there are more.
      const entries = await getJSON(route(query, Date.now(), { limit: this.#limit + 1 }), { signal: this.#abort.signal });
      if (query === this.#query) this.#show(entries.reverse());
    } catch (error) {
      if (this.#abort.signal.aborted) return;
      if (query === this.#query) this.#fail(error);
    }
    this.#next = begun + Math.max(shortestGap, (performance.now() - begun) * restShare);
    if (query !== this.#query) this.#next = 0;
    this.#isAsking = false;
    if (this.#isOutdated || query !== this.#query) this.#refresh();
  }

  /** These are all that is left of a run before. */
  #keep(entries) {
    const known = new Set(this.#past.map(identity));
    this.#past = [...entries.filter((entry) => !known.has(identity(entry))), ...this.#past].slice(0, pastLimit);
  }

  /** What was known of the run before stays, and says so. */
  #restarted() {
    this.#keep([...this.#entries, ...this.#lost]);
    this.#entries = this.#lost = [];
    this.#refresh();
  }

  #fail(error) {
    this.#parts.note.classList.add("bad");
    setText(this.#parts.note, visible(error.status === 0 ? `${error.message} What is shown is as it was.` : error.message));
  }

  #show(entries) {
    const instance = entries[0]?.instance_id;
    const other = this.#entries.filter((entry) => instance && entry.instance_id !== instance);
    if (other.length > 0) this.#keep(other);
    this.#lost = entries.length === 0 ? [...this.#entries, ...this.#lost] : [];
    const hasMore = entries.length > this.#limit;
    this.#entries = entries.slice(0, this.#limit);
    const now = Date.now();
    const past = this.#past.filter((entry) => entry.instance_id !== instance && fits(entry, this.#query, now));
    const rows = [...this.#entries];
    if (past.length > 0) rows.push({ mark: past[0].instance_id, started: this.#entries[0]?.instance_started_at }, ...past);
    const errors = this.#entries.filter(({ status }) => status === "Error").length;
    const { note, empty, table, more, tbody } = this.#parts;
    note.classList.remove("bad");
    setText(note, [
      `${hasMore ? "The newest " : ""}${counted(this.#entries.length, "request", "requests")}`,
      errors ? counted(errors, "error", "errors") : "",
    ].filter(Boolean).join(" · "));
    more.hidden = !hasMore;
    table.parentElement.hidden = rows.length === 0;
    empty.hidden = rows.length > 0;
    const isFiltered = filters.some((filter) => this.#query.get(filter));
    setText(empty, isFiltered ? "No request that is kept fits these filters." : "No requests yet.");
    const key = (entry) => entry.mark ? `mark ${entry.mark}` : identity(entry);
    list(tbody, rows, key, (entry, old) => {
      if (entry.mark) return old ?? restart(entry);
      const isPast = past.includes(entry);
      // A row that has become one of the past, or whose link leads back to other filters, is not what it was.
      const row = old && old.classList.contains("past") === isPast ? old : this.#row(entry, now, isPast);
      const link = row.querySelector("a.open");
      const href = this.#link(entry);
      if (link && link.getAttribute("href") !== href) link.setAttribute("href", href);
      return row;
    });
  }

  #link(entry) {
    return this.#context.link({ view: "history", query: this.#query, request: entry.request_id, seq: String(entry.seq) });
  }

  #row(entry, now, isPast) {
    const time = h("time", { datetime: new Date(entry.timestamp * 1000).toISOString() }, clock(entry.timestamp * 1000, now));
    const cell = (kind, ...children) => h("td", { role: "cell", class: kind }, ...children);
    return h("tr", { role: "row", class: isPast ? "past" : null },
      cell("time", isPast ? time : h("a", { class: "open", href: this.#link(entry) }, time)),
      cell("model", name(entry.model || "–")),
      cell("backend", chain(entry)),
      cell("status", status(entry)),
      cell("client", entry.client ?? "", h("small", null, entry.api ?? "", entry.stream ? ", stream" : "")),
      cell("number duration", duration(entry.duration_ms)),
      cell("number", duration(entry.ttft_ms)),
      cell("number", count(entry.prompt_tokens), entry.cached_tokens > 0 && h("small", null, `${count(entry.cached_tokens)} cached`)),
      cell("number", entry.completion_tokens === null ? "" : `${entry.tokens_estimated ? "~" : ""}${count(entry.completion_tokens)}`),
      cell("number", entry.tokens_per_second === null ? "" : `${entry.tokens_estimated ? "~" : ""}${rate(entry.tokens_per_second)}`));
  }
}

const identity = (entry) => `${entry.instance_id} ${entry.seq}`;

function restart({ started }) {
  const when = started ? ` at ${clock(started * 1000, Date.now())}` : "";
  return h("tr", { role: "row", class: "restart" },
    h("td", { role: "cell", colspan: "10" }, `The gateway started again${when}. What stands below it no longer knows.`));
}

/** Who was asked one after another, and why it went on. */
function chain(entry) {
  const steps = entry.route ?? [];
  if (steps.length < 2) return name(entry.backend_id);
  return h("ol", { class: "chain", "aria-label": "Attempts" }, steps.map((step) => h("li", { class: step.error_message ? "failed" : null },
    h("span", { "aria-hidden": "true" }, step.error_message ? "✕ " : "→ "), name(step.backend_id),
    step.error_message && h("span", { class: "why" }, ` failed: ${visible(step.error_message)}`))));
}

function status(entry) {
  const isGood = entry.status === "Success";
  return [
    h("span", { class: isGood ? "badge success" : "badge error" }, h("span", { "aria-hidden": "true" }, isGood ? "✓ " : "✕ "),
      isGood ? "Success" : `Error ${entry.status_code || ""}`),
    entry.error_message && h("span", { class: "error-message" }, visible(entry.error_message)),
  ];
}
