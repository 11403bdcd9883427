// The gateway itself: what runs, since when, with which configuration and adapters, its backends to administer, and its log.

import { getJSON, send } from "./api.js";
import { addBackend, drainBackend, enableBackend, removeBackend, setBackend } from "./backend-dialogs.js";
import { bytes, count } from "./figures.js";
import { clear, fill, h, list, name, setText, visible } from "./dom.js";
import { LogLines, levels } from "./log-lines.js";
import { clock, uptime } from "./times.js";
import { code, copyButton, failure, fetchBackends, field } from "./tools.js";

/** Milliseconds between two looks. */
const lookGap = 5000;
/** The same for the log. */
const logGap = 2000;

/** Columns that phones have no place for. */
const wide = new Set(["Priority", "Type", "From"]);

class Gateway {
  #abort = new AbortController();
  #timer = 0;

  constructor(root, context) {
    this.context = context;
    this.problem = h("div");
    this.backends = h("tbody");
    this.facts = h("div", { class: "gateway-grid" }, h("p", { class: "note" }, "Asking how the gateway is."));
    this.access = h("div");
    this.adapters = h("div");
    this.configuration = h("div", { class: "gateway-part" });
    this.told = h("div", { role: "status" });
    fill(root, h("h2", null, "Gateway"), this.problem,
      h("div", { class: "toolbar" },
        h("button", { type: "button", class: "button", onclick: async () => { if (await addBackend(context)) this.#look(); } }, "Add a backend…"),
        h("button", { type: "button", class: "button quiet", onclick: (event) => this.#reload(event.target) }, "Reload the configuration")),
      this.told, this.facts,
      h("section", { "aria-labelledby": "gateway-backends" }, h("h3", { id: "gateway-backends" }, "Backends"),
        h("div", { class: "panel scroll", tabindex: "0", role: "region", "aria-label": "Backends to administer" },
          h("table", null, h("thead", null, h("tr", null, ["Backend", "State", "Priority", "Type", "From", "Commands"].map((text) => h("th", { scope: "col", class: wide.has(text) ? "wide" : null }, text)))), this.backends))),
      this.access, this.adapters, this.configuration, this.#logSection());
    context.live.addEventListener("update", (event) => {
      if (event.detail.update_type === "BackendStatus") this.#lookSoon(1000);
    }, { signal: this.#abort.signal });
    this.#look();
    this.#readLog();
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
    const { signal } = this.#abort;
    try {
      list(this.backends, await fetchBackends(signal), (backend) => backend.id, (backend, old) => this.#row(backend, old));
      this.#draw(await getJSON("/v1/gateway", { signal }));
      this.#drawAccess(await getJSON("/v1/session", { signal }), await getJSON("/v1/keys", { signal }));
      clear(this.problem);
    } catch (error) {
      if (signal.aborted) return;
      fill(this.problem, failure(new Error(`${error.message} What is shown is as it was.`)));
    }
    this.#lookSoon(lookGap);
  }

  #draw(gateway) {
    const { memory, descriptors, connections, loops, queue, configuration, last_reload: reload } = gateway;
    fill(this.facts,
      card("Process", [["Version", gateway.version], ["Up for", uptime(gateway.uptime_seconds)], ["Started", when(gateway.started_at)],
        ["Memory", bytes(memory.resident_bytes)], ["Of it for requests", share(bytes(memory.requests_bytes), bytes(memory.requests_limit_bytes))],
        ["Refused for memory", count(memory.refused_total || null)], ["Descriptors", share(count(descriptors.open), count(descriptors.limit))],
        ["Event loops", count(loops.data.length)], ["Of them silent", loops.silent ? h("span", { class: "problem" }, count(loops.silent)) : ""]]),
      card("Connections", [["Clients", count(connections.clients)], ["Servers", count(connections.servers)],
        ["Live updates (dashboards)", count(connections.subscribers)], ["Requests that wait", share(count(queue.waiting), count(queue.limit))]]),
      card("Configuration", configuration ? [["Version", count(configuration.version)], ["In force since", when(configuration.applied_at)],
        ["Finds backends itself", configuration.discovers ? "yes" : "no"], ["State file", configuration.state_file && name(configuration.state_file)],
        ["", configuration.state_file_problem && h("span", { class: "problem" }, visible(configuration.state_file_problem))]] : [],
      reload && reloaded(reload)));
    this.#drawAdapters(gateway);
    this.#drawConfiguration(configuration?.effective);
  }

  /** Redrawn only if something has changed: somebody may read it. */
  #isNew(place, value) {
    const look = JSON.stringify(value);
    if (place.look === look) return false;
    place.look = look;
    return true;
  }

  #drawAccess(session, { required, data }) {
    if (!this.#isNew(this.access, [session, required, data])) return;
    const who = session.certificate
      ? h("p", null, "You are an operator by the certificate ", name(session.certificate), ".")
      : session.signed_in
      ? h("p", null, "Signed in with the key ", name(session.key), " ", h("button", { type: "button", class: "button quiet small", onclick: () => this.#signOut() }, "Sign out"))
      : session.needs_sign_in ? h("p", null, h("a", { href: "/sign-in" }, "Sign in"), " to change something.") : null;
    fill(this.access, h("section", { "aria-labelledby": "gateway-access" }, h("h3", { id: "gateway-access" }, "Keys"), who,
      required ? null : h("p", { class: "note" }, "No keys: whoever reaches the gateway may use its models."),
      data.length ? h("div", { class: "panel scroll", tabindex: "0", role: "region", "aria-label": "Table of keys" },
        h("table", { id: "keys-table" }, h("thead", null, h("tr", null, ["Key", "Role", "Requests", "Refused", "Tokens", "Under way", "Limits", "Expires"].map((text) => h("th", { scope: "col" }, text)))),
          h("tbody", null, data.map((key) => h("tr", null, h("th", { scope: "row" }, name(key.name)), h("td", null, key.role),
            h("td", null, count(key.usage.requests)), h("td", null, count(key.usage.refused)),
            h("td", null, count(key.usage.prompt_tokens + key.usage.completion_tokens)), h("td", null, count(key.usage.active)),
            h("td", null, limitsOf(key).map((text) => h("small", null, visible(text)))),
            h("td", null, key.expires ? h("span", { class: key.expired ? "problem" : null }, when(key.expires)) : "never")))))) : null));
  }

  async #signOut() {
    await send("DELETE", "/v1/session");
    location.assign("/");
  }

  #drawAdapters({ adapters, adapters_retired: retired, adapters_unused: unused, breaches_of_unknown: strange }) {
    if (!this.#isNew(this.adapters, [adapters, retired, unused, strange])) return;
    fill(this.adapters, h("section", { "aria-labelledby": "gateway-adapters" }, h("h3", { id: "gateway-adapters" }, "Adapters"),
      h("div", { class: "panel scroll", tabindex: "0", role: "region", "aria-label": "Table of adapters" },
        h("table", null, h("thead", null, h("tr", null, ["Type", "Version", "ABI", "Since", "Misuses", "File"].map((text) => h("th", { scope: "col" }, text)))),
          h("tbody", null, adapters.map((one) => h("tr", null,
            h("th", { scope: "row" }, name(one.type), h("small", null, name(one.name))), h("td", null, name(one.version)), h("td", null, one.abi), h("td", null, when(one.loaded_at)),
            h("td", null, misuses(one.breaches), one.warnings.map((text) => h("small", null, visible(text)))), h("td", null, name(one.path))))))),
      strange.length ? h("p", null, "Of backends that are gone: ", misuses(strange)) : null,
      retired.length ? h("details", null, h("summary", null, `${count(retired.length)} retired`), h("ul", null, retired.map((one) =>
        h("li", null, name(one.type), ` ${visible(one.version)}, loaded ${when(one.loaded_at)}: `, name(one.path))))) : null,
      unused.map((one) => h("p", { class: "problem" }, name(one.path), `: ${visible(one.problem)}`, one.keeps_older ? " The older one stays in use." : ""))));
  }

  #drawConfiguration(effective) {
    if (!this.#isNew(this.configuration, effective ?? null)) return;
    const text = JSON.stringify(effective ?? null, null, 2);
    fill(this.configuration, effective ? h("details", null, h("summary", null, "Configuration in force, without secrets"),
      h("figure", null, h("figcaption", null, "As JSON, with the names of the file", copyButton(() => text, "Configuration", this.context.announce)), code(text, "Configuration in force"))) : null);
  }

  // Log

  #logSection() {
    this.level = h("select", { onchange: () => this.#restartLog() }, levels.map((level) => h("option", { value: level, selected: level === "info" }, level)));
    this.lines = h("ol", { class: "log" });
    this.logPanel = h("div", { class: "panel scroll", tabindex: "0", role: "region", "aria-label": "Newest lines of the log" }, this.lines);
    this.logNote = h("p", { class: "note" });
    return h("section", { "aria-labelledby": "gateway-log" }, h("h3", { id: "gateway-log" }, "Log"),
      h("div", { class: "toolbar" }, field("At least", this.level, { problem: false })), this.logPanel, this.logNote);
  }

  #restartLog() {
    this.log = new LogLines();
    clearTimeout(this.logTimer);
    this.#readLog();
  }

  async #readLog() {
    if (document.hidden) {
      this.logTimer = setTimeout(() => this.#readLog(), logGap);
      return;
    }
    const log = (this.log ??= new LogLines());
    let isAsked = true;
    try {
      const answer = await getJSON(`/v1/logs?after=${log.after}&level=${this.level.value}&requests=errors&limit=500`, { signal: this.#abort.signal });
      if (this.log !== log) return;
      isAsked = log.take(answer);
      this.#drawLog(log);
      setText(this.logNote, log.skipped ? `${count(log.skipped)} lines were not kept.` : "");
    } catch (error) {
      if (this.#abort.signal.aborted || this.log !== log) return;
      setText(this.logNote, error.message);
    }
    this.logTimer = setTimeout(() => this.#readLog(), isAsked ? logGap : 0);
  }

  #drawLog(log) {
    const { scrollTop, scrollHeight, clientHeight } = this.logPanel;
    const isAtEnd = scrollHeight - scrollTop - clientHeight < 40;
    list(this.lines, log.lines, (line) => line.key ?? line.seq, (line, old) => old ?? this.#line(line));
    if (isAtEnd) this.logPanel.scrollTop = this.logPanel.scrollHeight;
  }

  #line({ restart, time, level, component, message, request_id: request, fields }) {
    if (restart) return h("li", { class: "muted" }, "The gateway was restarted.");
    // Levels are words of others, among them "notice": a class by itself would be that of something else.
    return h("li", { class: `level-${level}` }, h("time", { datetime: time }, when(time)), " ", h("span", { class: "level" }, level), " ", h("span", { class: "muted" }, name(component)), " ", visible(message),
      Object.entries(fields ?? {}).map(([key, value]) => h("span", { class: "muted" }, ` ${key}=`, name(value))),
      request ? [" ", h("a", { href: this.context.link({ view: "history", request }) }, name(request))] : null);
  }

  // Backends

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
      h("td", null, h("span", { class: `badge ${state.toLowerCase()}` }, state.replace(/(?!^)[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`))), h("td", { class: "wide" }, count(backend.priority)),
      h("td", { class: "wide" }, name(backend.backend_type)), h("td", { class: "wide" }, backend.discovery_source),
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
    clearTimeout(this.logTimer);
    clearTimeout(this.#timer);
  }
}

const when = (time) => (time ? clock(Date.parse(time), Date.now()) : "");
const share = (part, whole) => (part === "" ? "" : whole === "" ? part : `${part} of ${whole}`);

/** What a key may do, with what of it is used. */
function limitsOf({ usage, ...key }) {
  const limits = [["requests_per_minute", usage.requests_in_minute, "requests a minute"], ["requests_per_day", usage.requests_in_day, "requests a day"],
    ["tokens_per_minute", usage.tokens_in_minute, "tokens a minute"], ["tokens_per_day", usage.tokens_in_day, "tokens a day"], ["max_concurrent", usage.active, "at once"]];
  return [...limits.filter(([limit]) => key[limit] !== null).map(([limit, used, words]) => `${count(used) || 0} of ${count(key[limit])} ${words}`),
    ...[["models", key.models], ["backends", key.backends]].filter(([, list]) => list.length).map(([word, list]) => `${word}: ${list.join(", ")}`)];
}

function card(title, facts, ...more) {
  return h("section", { class: "panel", "aria-label": title }, h("h3", null, title), h("dl", { class: "pairs" },
    facts.filter(([, value]) => value).map(([label, value]) => [h("dt", null, label), h("dd", null, value)])), more);
}

function reloaded({ at, status, problem, warnings, ...changes }) {
  const parts = ["added", "changed", "removed"].filter((key) => changes[key]?.length).map((key) => `${key}: ${changes[key].join(", ")}`);
  return [h("p", { class: problem ? "problem" : "note" }, status === "kept" ? `The reload of ${when(at)} failed, and what was before stays. ` : `Last reload ${when(at)}. `,
    visible(problem ?? parts.join("; "))), warnings.map((text) => h("p", { class: "note" }, visible(text)))];
}

const misuses = (breaches) => (breaches.length
  ? h("details", null, h("summary", { class: "problem" }, count(breaches.reduce((sum, one) => sum + one.count, 0))), h("ul", null, breaches.map((one) =>
    h("li", null, `${count(one.count)} × ${visible(one.words || one.kind)}`, one.backend_id ? [" (", name(one.backend_id), ")"] : null)))) : "none");

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
