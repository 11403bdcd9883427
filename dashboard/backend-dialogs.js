// What an operator changes of backends: each says first what will happen to requests and models, and last what happened.
// `backend` is an entry of GET /v1/backends. Each resolves with the gateway's answer, or with null if it was left.

import { getJSON, path, send } from "./api.js";
import { consequences } from "./consequences.js";
import { commandDialog } from "./dialog.js";
import { fill, h, name, visible } from "./dom.js";
import { field, tick } from "./tools.js";

const keep = () => tick("Keep it across restarts");
const place = (backend, rest = "") => path`/v1/backends/${backend.id}` + rest;

/** What was done, if there is something to say of it. */
function told({ warnings = [] }, ...first) {
  return first.length || warnings.length ? [...first, warnings.map((text) => h("p", { class: "notice warning" }, visible(text)))] : null;
}

/** What a change will do, as soon as it is known. */
function foretell(backend, change) {
  const list = h("ul", null, h("li", null, "Looking at what is under way there."));
  const facts = Promise.all([getJSON("/v1/models?per_backend=1"), getJSON("/v1/requests/active")].map((one) => one.then((answer) => answer.data, () => null)))
    .then(([offers, active]) => ({ offers, active }));
  const draw = async () => {
    const sentences = consequences(change(), backend, await facts);
    fill(list, sentences.map((text) => h("li", null, visible(text))));
  };
  return { list: h("div", { role: "status" }, list), draw, ready: draw() };
}

export function drainBackend(backend, context) {
  const { input, element } = keep();
  const { list, ready } = foretell(backend, () => "drain");
  return command(context, `${backend.name} is draining.`, {
    heading: `Drain ${visible(backend.name)}?`, content: [list, element], ready, action: "Drain",
    run: () => send("POST", place(backend, "/drain"), { persist: input.checked }), done: told,
  });
}

export function enableBackend(backend, context) {
  const { input, element } = keep();
  return command(context, `${backend.name} is enabled.`, {
    heading: `Enable ${visible(backend.name)}?`, content: [h("p", null, "It gets requests again as soon as it is healthy."), element], action: "Enable",
    run: () => send("POST", place(backend, "/enable"), { persist: input.checked }), done: told,
  });
}

export function removeBackend(backend, context) {
  const persists = keep();
  let isNow = false;
  const foretold = foretell(backend, () => (isNow ? "remove-now" : "remove"));
  const now = tick("At once, without waiting for its requests", { onchange: (event) => { isNow = event.target.checked; foretold.draw(); } });
  return command(context, `${backend.name} is removed.`, {
    heading: `Remove ${visible(backend.name)}?`, content: [foretold.list, now.element, persists.element], ready: foretold.ready, action: "Remove", isDangerous: true,
    run: () => send("DELETE", place(backend, isNow ? "?now" : ""), { persist: persists.input.checked }), done: told,
  });
}

export function setBackend(backend, context) {
  const priority = h("input", { type: "text", inputmode: "numeric", autocomplete: "off", value: String(backend.priority ?? "") });
  const limit = h("input", { type: "text", inputmode: "numeric", autocomplete: "off", placeholder: "as it is" });
  const none = tick("No limit", { onchange: () => { limit.disabled = none.input.checked; } });
  const persists = keep();
  getJSON(place(backend, "/detail")).then(({ limits }) => {
    if (limit.value || none.input.checked) return;
    if (limits.max_concurrent === null) limit.placeholder = "no limit";
    else limit.value = String(limits.max_concurrent);
  }, () => {});
  return command(context, `${backend.name} is set.`, {
    heading: `Set ${visible(backend.name)}`, inputs: { priority, max_concurrent: limit }, action: "Set",
    content: [
      h("p", null, "This goes over what the configuration says, also after a reload. Requests under way stay as they are."),
      field("Priority", priority, { hint: "The lowest is asked first, as far as the strategy looks at it." }),
      field("Requests at once, at most", limit), none.element, persists.element,
    ],
    run: () => send("PATCH", place(backend), {
      ...wholes({ priority, max_concurrent: limit }), ...(none.input.checked ? { max_concurrent: null } : {}), persist: persists.input.checked,
    }),
    done: told,
  });
}

export async function addBackend(context) {
  const abort = new AbortController();
  const text = (attributes) => h("input", { type: "text", autocomplete: "off", spellcheck: "false", ...attributes });
  const inputs = {
    url: text({ inputmode: "url", placeholder: `${location.protocol}//gpu2:11434`, required: true }),
    type: text({ placeholder: "is found by asking the server", list: "backend-types" }),
    name: text({ placeholder: "after its type and port" }), priority: text({ inputmode: "numeric" }),
    max_concurrent: text({ inputmode: "numeric", placeholder: "no limit" }), api_key_env: text({ placeholder: "GPU2_KEY" }),
  };
  const types = h("datalist", { id: "backend-types" });
  getJSON("/v1/adapters", { signal: abort.signal }).then(({ data }) =>
    fill(types, data.filter((one) => one.type).map((one) => h("option", { value: one.type }, one.name))), () => {});
  const persists = keep();
  const answer = await commandDialog({
    heading: "Add a backend", inputs, action: "Add",
    content: [
      field("Address", inputs.url, { hint: "Of the server, with its port." }), types,
      h("details", null, h("summary", null, "More"), h("div", { class: "columns" },
        field("Type", inputs.type), field("Name", inputs.name), field("Priority", inputs.priority),
        field("Requests at once, at most", inputs.max_concurrent),
        field("Variable with its key", inputs.api_key_env, { hint: "Of the gateway's environment; taken from this machine only." }))),
      persists.element,
      h("p", { class: "note" }, "It gets requests as soon as it is healthy."),
    ],
    run: () => send("POST", "/v1/backends", {
      ...Object.fromEntries(["url", "type", "name", "api_key_env"].map((key) => [key, inputs[key].value.trim()]).filter(([, value]) => value)),
      ...wholes({ priority: inputs.priority, max_concurrent: inputs.max_concurrent }), persist: persists.input.checked,
    }),
    done: added,
  });
  abort.abort();
  if (answer) context.announce(`${answer.id} was added.`);
  return answer;
}

function added(answer) {
  const { backend, recognised, status } = answer;
  const models = backend?.models.length ?? 0;
  return told(answer,
    h("p", null, name(answer.id), status === "unchanged" ? " is there already" : " was added", backend ? `: type ${backend.backend_type}` : "",
      recognised ? h("span", null, ", recognised as ", name(recognised.server || recognised.type)) : "", "."),
    backend ? h("p", null, `It is ${backend.status.toLowerCase()}${models ? ` and has ${models === 1 ? "1 model" : `${models} models`}` : ""}.`,
      backend.last_error ? [" ", name(backend.last_error)] : null) : null);
}

/** Whole numbers that were filled in. What is none goes as it is, and the gateway says what is wrong with it. */
function wholes(inputs) {
  const given = Object.entries(inputs).map(([key, input]) => [key, input.disabled ? "" : input.value.trim()]).filter(([, value]) => value !== "");
  return Object.fromEntries(given.map(([key, value]) => [key, /^-?\d{1,15}$/.test(value) ? Number(value) : value]));
}

async function command(context, words, options) {
  const answer = await commandDialog(options);
  if (answer) context.announce(words);
  return answer;
}
