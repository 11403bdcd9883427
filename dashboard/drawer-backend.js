// Everything that is known of one backend, and what an operator does with it.

import { getJSON, path, send } from "./api.js";
import { confirm } from "./confirm.js";
import { clear, fill, h, name, setText } from "./dom.js";
import { bytes, context as contextLength, count, counted, duration, percent, rate } from "./figures.js";
import { attempt, notify } from "./notices.js";
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
      const detail = await getJSON(path`/v1/backends/${this.#id}`, { signal: this.#abort.signal });
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
    const view = detail.backend ?? detail;
    this.#view = view;
    const now = Date.now();
    // What somebody has open, or reads, stays as it is.
    if (this.#body.contains(document.activeElement) && document.activeElement.matches("input, select, textarea")) return;
    const focused = this.#body.contains(document.activeElement) ? document.activeElement.dataset.button : null;
    const scroll = this.#body.parentElement.scrollTop;
    fill(this.#title, name(view.name));
    fill(this.#body,
      this.#state(view, now),
      this.#buttons(view),
      strip(detail.probes, now),
      this.#figures(view, detail, now),
      breaker(detail.breaker, now),
      load(detail.load),
      errors(detail.last_errors, now, this.#context),
      this.#models(detail.models ?? view.models ?? [], detail),
      adapter(detail.adapter, view),
      options(detail.options),
      h("p", null, h("a", { href: this.#context.link({ view: "history", query: { backend: view.id } }) }, "Its requests in the history")));
    this.#body.parentElement.scrollTop = scroll;
    if (focused) this.#body.querySelector(`[data-button="${focused}"]`)?.focus({ preventScroll: true });
  }

  #state(view, now) {
    const state = view.state ?? view.status;
    const since = view.state_since ?? view.metadata?.status_since;
    return [
      h("p", null, badge(state), since && ` since ${clock(Date.parse(since), now)}`,
        view.flaps > 0 && `, ceased to be well ${counted(view.flaps, "time", "times")} within the last hour`),
      h("p", { class: "backend-url" }, view.url),
      view.state_reason && h("p", null, view.state_reason),
      view.last_error && h("p", { class: "backend-error" }, h("strong", null, "Last error: "), name(view.last_error)),
    ];
  }

  #figures(view, detail, now) {
    return h("dl", { class: "facts" },
      fact("Type", view.backend_type), fact("Requests", count(view.total_requests)),
      fact("Avg latency", duration(view.avg_latency_ms || null)), fact("Pending", count(view.pending_requests)),
      fact("Priority", count(view.priority)), fact("Last check", age((now - Date.parse(view.last_health_check)) / 1000)),
      fact("Probe took", duration(Number(view.metadata?.probe_ms ?? NaN))), fact("Server", view.metadata?.server && name(view.metadata.server)),
      fact("Found", view.discovery_source));
  }

  // What an operator does

  #buttons(view) {
    const isDrained = view.status === "Draining";
    const button = (label, action, kind = "quiet") => h("button", {
      class: `button small ${kind}`, type: "button", data: { button: label }, onclick: () => action.call(this, view),
    }, label);
    return h("div", { class: "buttons" },
      isDrained ? button("Enable", this.#enable, "") : button("Drain", this.#drain), button("Priority", this.#priority));
  }

  async #drain(view) {
    const keep = keepBox();
    const pending = view.pending_requests > 0
      ? `The ${counted(view.pending_requests, "request", "requests")} under way there end${view.pending_requests === 1 ? "s" : ""} as usual.`
      : "Nothing is under way there.";
    const isWanted = await confirm({
      title: ["Drain ", name(view.name), "?"], action: "Drain",
      body: [
        h("p", null, "It gets no new request, not as an alternative either. ", pending, " Its probes go on, and Enable takes this back."),
        h("p", null, "Requests for a model that no other backend has are answered with 503."), keep.field,
      ],
    });
    if (isWanted) await this.#command(path`/v1/backends/${this.#id}/drain`, keep, "It is draining.");
  }

  async #enable(view) {
    const keep = keepBox();
    const isWanted = await confirm({
      title: ["Enable ", name(view.name), "?"], action: "Enable",
      body: [h("p", null, "It is given requests again as soon as its probes are well."), keep.field],
    });
    if (isWanted) await this.#command(path`/v1/backends/${this.#id}/enable`, keep, "It is enabled.");
  }

  async #priority(view) {
    const keep = keepBox();
    const field = h("input", { type: "number", step: "1", value: String(view.priority), required: true });
    const isWanted = await confirm({
      title: ["Priority of ", name(view.name)], action: "Set the priority",
      body: [
        h("p", null, `Of backends that can serve a request, lower numbers are preferred. It is ${view.priority} now.`),
        h("label", { class: "field" }, "Priority", field), keep.field,
      ],
    });
    if (!isWanted) return;
    const value = Number(field.value);
    if (field.value === "" || !Number.isInteger(value)) {
      notify("The priority was not changed: it must be a whole number.", { isError: true });
      return;
    }
    const went = await attempt(() => send("PATCH", path`/v1/backends/${this.#id}` + keep.query(), { priority: value }),
      (answer) => told(answer, `Its priority is ${value}.`));
    if (went) this.#load();
  }

  async #command(route, keep, done) {
    if (await attempt(() => send("POST", route + keep.query()), (answer) => told(answer, done))) this.#load();
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
        h("tbody", null, rows.map((model) => h("tr", null, h("th", { scope: "row" }, name(model.id)), h("td", null, loaded(model)),
          h("td", { class: "number" }, bytes(model.memory_bytes)), h("td", { class: "number" }, contextLength(model.context_length))))))),
      more > 0 && h("button", {
        class: "button quiet small", type: "button", onclick: () => {
          this.#hasAll = true;
          this.#show(detail);
        },
      }, `Show ${counted(more, "more model", "more models")}`),
    ];
  }
}

const fact = (label, value) => value && h("div", null, h("dt", null, label), h("dd", null, value));

function told(answer, done) {
  const warnings = answer?.warnings ?? [];
  return [answer?.status === "unchanged" ? "It was so already." : done, ...warnings].join(" ");
}

/** Whether a change comes back at the next start. */
function keepBox() {
  const box = h("input", { type: "checkbox" });
  return {
    field: h("label", { class: "check" }, box, " Keep this across restarts of the gateway"),
    query: () => (box.checked ? "?persist=true" : ""),
  };
}

const states = {
  Healthy: ["healthy", "✓", "Healthy"], GoingDown: ["going-down", "↘", "Going down"], Degraded: ["degraded", "!", "Degraded"],
  Unhealthy: ["unhealthy", "✕", "Unhealthy"], GoingUp: ["going-up", "↗", "Going up"], Unknown: ["unknown", "?", "Unknown"],
  Draining: ["draining", "⤓", "Draining"],
};

function badge(state) {
  const [kind, mark, word] = states[state] ?? ["unknown", "?", state];
  return h("span", { class: `badge ${kind}` }, h("span", { "aria-hidden": "true" }, `${mark} `), word);
}

function loaded(model) {
  if (model.loaded === true) return model.expires_at ? `until ${clock(Date.parse(model.expires_at), Date.now())}` : "yes";
  return model.loaded === false ? "no" : "";
}

/** The probes of the last hour, the oldest first. */
function strip(probes, now) {
  if (!Array.isArray(probes) || probes.length === 0) return null;
  const failed = probes.filter((probe) => !probe.healthy).length;
  return [
    h("h3", null, "Probes of the last hour"),
    h("div", {
      class: "probe-strip", role: "img",
      "aria-label": `${counted(probes.length, "probe", "probes")}, ${failed === 0 ? "none failed" : `${count(failed)} failed`}`,
    }, probes.map((probe) => h("span", {
      class: probe.healthy ? "good" : "bad", title: [clock(Date.parse(probe.at), now), probe.error].filter(Boolean).join(": "),
    }))),
  ];
}

function breaker(state, now) {
  if (!state) return null;
  return h("p", { class: state.state === "open" ? "backend-error" : "note" }, `Breaker: ${String(state.state).replaceAll("_", " ")}`,
    state.since && ` since ${clock(Date.parse(state.since), now)}`, state.reason && [": ", name(state.reason)]);
}

function load(load) {
  if (!load || Object.keys(load).length === 0) return null;
  const said = {
    running: ["Running", count], waiting: ["Waiting", count], slots: ["Places", count], cache_usage: ["Cache used", percent],
    memory_bytes: ["Memory", bytes], tokens_per_second: ["Tokens/s", rate],
  };
  const facts = Object.entries(load).map(([key, value]) => {
    const [label, format] = said[key] ?? [key.replaceAll("_", " "), (each) => (typeof each === "number" ? count(each) : each && name(each))];
    return fact(label, format(value));
  });
  return [h("h3", null, "Load of the server"), h("dl", { class: "facts" }, facts)];
}

function errors(list, now, context) {
  if (!Array.isArray(list) || list.length === 0) return null;
  return [h("h3", null, "Last errors"), h("ul", { class: "last-errors" }, list.map((error) => h("li", null,
    error.at && `${clock(Date.parse(error.at), now)} `, name(error.message ?? error.error_message ?? ""),
    error.request_id && [" ", h("a", { href: context.link({ ...context.state, backend: null, request: error.request_id }) }, "time line")])))];
}

function adapter(adapter, view) {
  if (!adapter) return null;
  return h("p", { class: "note" }, `Adapter: ${[adapter.name ?? adapter.type ?? view.backend_type, adapter.version].filter(Boolean).join(" ")}`,
    adapter.path && [", ", name(adapter.path)]);
}

function options(values) {
  if (!values || Object.keys(values).length === 0) return null;
  return [h("h3", null, "Options"), h("pre", { class: "command", tabindex: "0" }, JSON.stringify(values, null, 2))];
}
