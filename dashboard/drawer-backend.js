// Everything that is known of one backend, and what an operator does with it.

import { chooseAction } from "./action-form.js";
import { getJSON, path } from "./api.js";
import { drainBackend, enableBackend, removeBackend, setBackend } from "./backend-dialogs.js";
import { clear, fill, h, name, setText, visible } from "./dom.js";
import { bytes, context as contextLength, count, counted, duration, percent } from "./figures.js";
import { age, clock } from "./times.js";

/** Seconds between two looks, besides those when a message says that something has changed. */
const lookAgain = 5;
const modelsAtFirst = 40;

let shown = null;

export function open(root, id, context) {
  shown = new Drawer(root, id, context);
}

export function close() {
  shown?.end();
  shown = null;
}

class Drawer {
  #id;
  #context;
  #abort = new AbortController();
  #timer;
  #body = h("div", { class: "drawer-body" });
  #title = h("h2", null, "Backend");
  #note = h("p", { class: "note bad", role: "alert", hidden: true });
  #isAsking = false;
  #hasAll = false;
  #view = null;

  constructor(root, id, context) {
    this.#id = id;
    this.#context = context;
    fill(root,
      h("div", { class: "drawer-head" }, this.#title,
        h("button", { class: "button quiet small", type: "button", onclick: context.close }, "Close")),
      this.#note, this.#body);
    fill(this.#body, h("p", { class: "note" }, "Loading…"));
    const options = { signal: this.#abort.signal };
    context.live.addEventListener("update", ({ detail }) => {
      if (detail.update_type === "BackendStatus" && detail.data?.some?.((view) => view.id === id)) this.#load();
    }, options);
    this.#timer = setInterval(() => { if (!document.hidden) this.#load(); }, lookAgain * 1000);
    this.#load();
  }

  end() {
    clearInterval(this.#timer);
    this.#abort.abort();
  }

  async #load() {
    if (this.#isAsking) return;
    this.#isAsking = true;
    try {
      const detail = await getJSON(path`/v1/backends/${this.#id}/detail`, { signal: this.#abort.signal });
      this.#note.hidden = true;
      this.#show(detail);
    } catch (error) {
      if (this.#abort.signal.aborted) return;
      this.#note.hidden = false;
      setText(this.#note, error.status === 0 && this.#view ? `${error.message} What is shown is as it was.` : error.message);
      if (!this.#view) clear(this.#body);
    }
    this.#isAsking = false;
  }

  #show(detail) {
    const view = detail.backend;
    this.#view = view;
    const now = Date.now();
    const focused = this.#body.contains(document.activeElement) ? document.activeElement.dataset.button : null;
    const scroll = this.#body.parentElement.scrollTop;
    fill(this.#title, name(view.name));
    fill(this.#body,
      this.#state(detail, now),
      this.#buttons(view),
      strip(detail.probes, now),
      this.#figures(view, detail, now),
      breaker(detail.breaker, now),
      rests(detail.rests, now),
      load(detail.load),
      errors(detail.errors, now, this.#context),
      this.#models(detail.models ?? [], detail),
      adapter(detail.adapter, now),
      options(detail.options),
      h("p", null, h("a", { href: this.#context.link({ view: "history", query: { backend: view.id } }) }, "Its requests in the history")));
    this.#body.parentElement.scrollTop = scroll;
    if (focused) this.#body.querySelector(`[data-button="${focused}"]`)?.focus({ preventScroll: true });
  }

  #state({ backend: view, state, flaps, trouble }, now) {
    return [
      h("p", null, badge(state?.name ?? view.status), state?.since && ` since ${clock(Date.parse(state.since), now)}`,
        flaps?.last_hour > 0 && `, was not well ${counted(flaps.last_hour, "time", "times")} within the hour`),
      h("p", { class: "backend-url" }, view.url),
      state?.note && h("p", { class: "note" }, name(state.note)),
      (state?.reason ?? view.last_error) && h("p", { class: "backend-error" }, name(state?.reason ?? view.last_error)),
      (trouble ?? []).length > 0 && h("ul", { class: "drawer-trouble" }, trouble.map((each) => h("li", null, name(each.words)))),
    ];
  }

  #figures(view, detail, now) {
    const limits = detail.limits ?? {};
    return h("dl", { class: "facts" },
      fact("Type", view.backend_type), fact("Requests", count(view.total_requests)),
      fact("Avg latency", duration(view.avg_latency_ms || null)),
      fact("In flight", limits.max_concurrent ? `${count(limits.in_flight)} of ${count(limits.max_concurrent)}` : count(limits.in_flight ?? view.pending_requests)),
      fact("Priority", count(view.priority)), fact("Last check", age((now - Date.parse(view.last_health_check)) / 1000)),
      fact("Probe took", duration(Number(view.metadata?.probe_ms ?? NaN))), fact("Server", view.metadata?.server && name(view.metadata.server)),
      fact("Found", view.discovery_source));
  }

  // What an operator does: each asks first, in words that say what will happen.

  #buttons(view) {
    const button = (label, action, kind = "quiet") => h("button", {
      class: `button small ${kind}`, type: "button", data: { button: label },
      onclick: async () => {
        if (await action(view, this.#context)) this.#load();
      },
    }, label);
    return h("div", { class: "buttons" },
      view.status === "Draining" ? button("Enable", enableBackend, "") : button("Drain", drainBackend),
      button("Priority and limits", setBackend), button("Actions", actionsOf), button("Remove", removeBackend, "quiet danger"));
  }

  // Models

  #models(models, detail) {
    const rows = this.#hasAll ? models : models.slice(0, modelsAtFirst);
    const more = models.length - rows.length;
    return [
      h("h3", null, counted(models.length, "model", "models")),
      models.length > 0 && h("div", { class: "panel scroll" }, h("table", { class: "models" },
        h("thead", null, h("tr", null, h("th", { scope: "col" }, "Model"), h("th", { scope: "col" }, "In memory"),
          h("th", { scope: "col", class: "number" }, "Memory"), h("th", { scope: "col", class: "number" }, "Context"))),
        h("tbody", null, rows.map((model) => h("tr", null, h("th", { scope: "row" }, name(model.id)), h("td", null, loaded(model, Date.now())),
          h("td", { class: "number" }, bytes(model.memory)), h("td", { class: "number" }, contextLength(model.context_length))))))),
      detail.models_omitted > 0 && h("p", { class: "note" }, `${counted(detail.models_omitted, "further model", "further models")} not listed.`),
      more > 0 && h("button", {
        class: "button quiet small", type: "button", onclick: () => {
          this.#hasAll = true;
          this.#show(detail);
        },
      }, `Show ${counted(more, "more model", "more models")}`),
    ];
  }
}

const actionsOf = (view, context) =>
  chooseAction({ backends: [view], context, heading: `Actions of ${visible(view.name)}` });

const fact = (label, value) => value && h("div", null, h("dt", null, label), h("dd", null, value));

const states = {
  Healthy: ["healthy", "✓", "Healthy"], GoingDown: ["going-down", "↘", "Going down"], Degraded: ["degraded", "!", "Degraded"],
  Unhealthy: ["unhealthy", "✕", "Unhealthy"], GoingUp: ["going-up", "↗", "Going up"], Unknown: ["unknown", "?", "Unknown"],
  Draining: ["draining", "⤓", "Draining"],
};

function badge(state) {
  const [kind, mark, word] = states[state] ?? ["unknown", "?", state];
  return h("span", { class: `badge ${kind}` }, h("span", { "aria-hidden": "true" }, `${mark} `), word);
}

function loaded(model, now) {
  if (model.loaded !== true) return model.loaded === false ? "no" : "";
  if (!model.loaded_until) return "yes";
  return model.loaded_until === "forever" ? "for good" : `until ${clock(Date.parse(model.loaded_until), now)}`;
}

const outcomes = { good: "well", busy: "no answer while requests went on", loading: "loading a model", failed: "failed" };

/** The probes of the last hour in slots, the oldest first. A slot without one stays empty. */
function strip(probes, now) {
  if (!probes?.data?.length || !(probes.slot_seconds > 0)) return null;
  const length = probes.slot_seconds * 1000;
  const first = Math.floor(now / length) - probes.slots + 1;
  const slots = new Map(probes.data.map((slot) => [Math.floor(Date.parse(slot.from) / length), slot]));
  const failed = probes.data.filter(({ outcome }) => outcome === "failed").length;
  return [
    h("h3", null, "Probes of the last hour"),
    h("div", {
      class: "probe-strip", role: "img",
      "aria-label": failed === 0 ? "No probe failed." : `Probes failed in ${count(failed)} of ${counted(probes.data.length, "stretch", "stretches")} of time.`,
    }, Array.from({ length: probes.slots }, (_, index) => {
      const slot = slots.get(first + index);
      if (!slot) return h("span", { class: "none" });
      const words = [clock(Date.parse(slot.from), now), outcomes[slot.outcome] ?? slot.outcome, duration(slot.latency_ms), slot.error];
      return h("span", { class: slot.outcome, title: words.filter(Boolean).join(", ") });
    })),
  ];
}

function breaker(state, now) {
  if (!state) return null;
  const { window = {} } = state;
  const share = window.attempts > 0 ? `${count(window.failures)} of the last ${counted(window.attempts, "attempt", "attempts")} failed` : "";
  const isOpen = state.state !== "closed";
  return h("p", { class: isOpen ? "backend-error" : "note" }, `Breaker ${String(state.state).replaceAll("_", " ")}`,
    state.reason && [": ", name(state.reason)], share && `. ${share}`,
    state.tries_again_at && `, tries again ${clock(Date.parse(state.tries_again_at), now)}`, ".");
}

function rests(list, now) {
  if (!list?.length) return null;
  return h("ul", { class: "note" }, list.map((rest) => h("li", null, "Its server asked to be left alone",
    rest.model && [" with ", name(rest.model)], ` until ${clock(Date.parse(rest.until), now)}.`)));
}

function load(load) {
  if (!load) return null;
  const facts = [
    fact("Running", count(load.running)), fact("Waiting", count(load.waiting)), fact("Places", count(load.slots)),
    fact("Cache used", percent(load.cache_use)),
  ].filter(Boolean);
  return facts.length > 0 && [h("h3", null, "Load, as its server reports it"), h("dl", { class: "facts" }, facts)];
}

function errors(list, now, context) {
  if (!list?.length) return null;
  return [h("h3", null, "Last errors"), h("ul", { class: "last-errors" }, list.map((error) => h("li", null,
    error.request_id
      ? h("a", { href: context.link({ ...context.state, backend: null, request: error.request_id }) }, clock(Date.parse(error.at), now))
      : clock(Date.parse(error.at), now),
    ` ${error.source ?? ""}`, error.count > 1 && ` (${count(error.count)} times)`, error.model && [", ", name(error.model)],
    error.status_code && `, client got ${error.status_code}`, ": ", name(error.message))))];
}

function adapter(adapter, now) {
  if (!adapter) return null;
  return h("p", { class: "note" }, `Adapter ${[adapter.name ?? adapter.type, adapter.version].filter(Boolean).join(" ")}`,
    adapter.path && [", ", name(adapter.path)], adapter.loaded_at && `, loaded ${clock(Date.parse(adapter.loaded_at), now)}`,
    adapter.replaced && ". A newer image of it is loaded.");
}

function options(values) {
  if (!values || Object.keys(values).length === 0) return null;
  return [h("h3", null, "Options"), h("pre", { class: "command", tabindex: "0" }, JSON.stringify(values, null, 2))];
}
