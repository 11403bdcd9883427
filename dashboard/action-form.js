// Dialogs that run an adapter's actions. They know no action: fields, words and warnings come from what the adapter states.

import { argumentsText, fields, title, together } from "./action-fields.js";
import { Runs, standing } from "./action-runs.js";
import { getJSON, path, send, sendText } from "./api.js";
import { closeButton, openDialog } from "./dialog.js";
import { clear, fill, h, list, name, setText, visible } from "./dom.js";
import { percent } from "./figures.js";
import { code, field, setProblem, tick } from "./tools.js";

/** Milliseconds between two looks at actions that run, in case the socket is away. */
const lookGap = 2000;

/** What the backends offer now: [{backend, actions}], and [{backend, error}] of those that do not tell. */
export async function offers(backends, signal) {
  const told = await Promise.all(backends.map(async (backend) => {
    try {
      return { backend, actions: (await getJSON(path`/v1/backends/${backend.id}/actions`, { signal })).data };
    } catch (error) {
      if (signal?.aborted) throw error;
      return { backend, error };
    }
  }));
  return { offers: told.filter((one) => one.actions), silent: told.filter((one) => one.error) };
}

/** Buttons for actions that several backends offer. */
export function actionButtons(found, { backends, model, warnings, context }) {
  return found.map(({ action, backends: able }) =>
    h("button", {
      type: "button", class: `button quiet${action.destructive ? " danger" : ""}`, title: action.help,
      onclick: () => runAction({ action, backends: able, chosen: backends, preset: model === undefined ? {} : { model }, warnings, context }),
    }, title(action.name)));
}

/** Lets an operator run any action of some backends: first which, then with what. */
export function chooseAction({ backends, context, heading = "Run an action" }) {
  const abort = new AbortController();
  const place = h("div", null, h("p", { class: "note", role: "status" }, "Asking which actions there are."));
  const dialog = openDialog(heading, [place, h("div", { class: "buttons" }, closeButton())], () => abort.abort());
  offers(backends, abort.signal).then(({ offers: told, silent }) => {
    const found = together(told);
    fill(place,
      found.map(({ action, backends: able }) => h("div", { class: "choice" },
        h("button", {
          type: "button", class: `button quiet${action.destructive ? " danger" : ""}`,
          onclick: () => { dialog.close(); runAction({ action, backends: able, chosen: able.length > 1 ? [] : able, context }); },
        }, title(action.name)),
        h("span", null, visible(action.help), " ", h("small", null, able.length > 3 ? `${able.length} backends` : able.map((one, index) => [index ? ", " : "", name(one.name)]))))),
      found.length ? null : h("p", { class: "empty" }, "No backend offers an action now."),
      silent.map(({ backend, error }) => h("p", { class: "note" }, name(backend.name), `: ${visible(error.message)}`)));
  }, () => {});
}

/**
 * Asks for the arguments and where, runs it, and shows how it goes on.
 * @param backends that offer it; `chosen`: of these, the ones that are ticked first
 * @param preset arguments by name
 * @param warnings gives what is said before a destructive one, for the ids that are chosen
 */
export function runAction({ action, backends, chosen = backends, preset = {}, warnings = () => [], context }) {
  const wanted = fields(action);
  const inputs = Object.fromEntries(wanted.map((one) => [one.name, input(one, preset[one.name])]));
  const ids = new Set(chosen.map((backend) => backend.id));
  const places = backends.map((backend) => ({ backend, ...tick(name(backend.name), { checked: ids.has(backend.id), onchange: () => warn() }) }));
  const problem = h("div", { role: "alert" });
  const warning = h("div", { class: "notice warning", hidden: true });
  const go = h("button", { type: "submit", class: `button${action.destructive ? " danger" : ""}` }, title(action.name));
  const runs = new RunList(context);
  const isChosen = () => places.filter((place) => place.input.checked).map((place) => place.backend);

  function warn() {
    const chosen = isChosen();
    const told = action.destructive ? ["This cannot be taken back.", ...warnings(chosen.map((backend) => backend.id))] : [];
    fill(warning, told.map((text) => h("p", null, visible(text))));
    warning.hidden = !told.length;
    go.textContent = chosen.length > 1 ? `${title(action.name)} at ${chosen.length} backends` : title(action.name);
  }

  async function run() {
    clear(problem);
    for (const one of Object.values(inputs)) setProblem(one, "", { focus: false });
    const values = Object.fromEntries(wanted.map(({ name: key, kind }) => [key, kind === "flag" ? inputs[key].checked : inputs[key].value]));
    const { text, error, field: wrong } = argumentsText(wanted, values);
    if (error) return setProblem(inputs[wrong], error);
    const at = isChosen();
    if (!at.length) return fill(problem, h("p", { class: "problem" }, "Choose a backend."));
    go.disabled = true;
    await Promise.all(at.map(async (backend) => {
      try {
        runs.follow(await sendText("POST", `${path`/v1/backends/${backend.id}/actions/${action.name}`}?detach=true`, text));
      } catch (error) {
        if (error.param && inputs[error.param]) setProblem(inputs[error.param], error.message);
        else problem.append(h("p", { class: "problem" }, name(backend.name), `: ${visible(error.message)}`));
      }
    }));
    go.disabled = false;
  }

  openDialog(title(action.name), h("form", { novalidate: true, onsubmit: (event) => { event.preventDefault(); run(); } },
    action.help ? h("p", null, visible(action.help)) : null,
    wanted.map((one) => (one.kind === "flag"
      ? h("label", { class: "tick" }, inputs[one.name], h("span", null, one.name))
      : field(one.name + (one.required ? "" : " (optional)"), inputs[one.name], { hint: one.hint && `Without it: ${one.hint}` }))),
    backends.length > 1
      ? h("fieldset", null, h("legend", null, "At"), h("div", { class: "buttons" },
        ["All", "None"].map((word) => h("button", { type: "button", class: "button quiet small", onclick: () => { for (const place of places) place.input.checked = word === "All"; warn(); } }, word))),
      h("div", { class: "places" }, places.map((place) => place.element)))
      : h("p", null, "At ", name(backends[0].name), "."),
    warning, problem, runs.element,
    h("div", { class: "buttons" }, go, closeButton())), () => runs.end());
  warn();
}

function input({ kind, required, preset: usual }, value) {
  switch (kind) {
    case "flag": return h("input", { type: "checkbox", checked: value ?? usual ?? false });
    case "choice": return h("select", { value: value ?? "" }, h("option", { value: "" }, "as it is"), h("option", { value: "true" }, "true"), h("option", { value: "false" }, "false"));
    case "json": return h("textarea", { rows: "2", spellcheck: "false", value: value === undefined ? "" : JSON.stringify(value) });
    default: return h("input", { type: "text", autocomplete: "off", spellcheck: "false", inputmode: kind === "text" ? null : "decimal", required, value: value ?? "" });
  }
}

/** Actions with their progress, as the socket tells it, and as the list does where the socket is away. */
export class RunList {
  #runs = new Runs();
  #followed = null;
  #abort = new AbortController();
  #timer = 0;
  #drawn = 0;

  /**
   * @param all whatever runs is shown, whoever started it
   * @param ended called when one has ended
   */
  constructor(context, { all = false, ended = () => {} } = {}) {
    this.context = context;
    this.all = all;
    this.ended = ended;
    this.#followed = new Set();
    this.element = h("ul", { class: "actions", "aria-label": "Actions", hidden: true });
    context.live.addEventListener("update", (event) => {
      if (event.detail?.update_type === "ActionProgress") this.#take([event.detail.data]);
    }, { signal: this.#abort.signal });
    if (all) this.look();
  }

  /** One that this page has started. */
  follow(progress) {
    this.#followed.add(progress.id);
    this.#take([progress]);
    this.look();
  }

  /** Asks how they are. */
  async look() {
    clearTimeout(this.#timer);
    try {
      const { data } = await getJSON("/v1/actions", { signal: this.#abort.signal });
      this.#take(data, true);
    } catch {
      // The next look may do better; what is shown stays.
    }
    if (!this.#abort.signal.aborted && this.#shown.some((run) => run.status === "running")) this.#timer = setTimeout(() => this.look(), lookGap);
  }

  get #shown() {
    return this.#runs.all.filter((run) => this.#followed.has(run.id) || (this.all && run.status === "running"));
  }

  #take(news, isList = false) {
    const before = new Set(this.#runs.running.map((run) => run.id));
    if (isList) this.#runs.takeAll(news);
    else for (const one of news) this.#runs.take(one);
    if (this.all) for (const run of this.#runs.running) this.#followed.add(run.id);
    const over = [...before].map((id) => this.#runs.get(id)).filter((run) => run.status !== "running");
    for (const run of over) {
      if (!this.#followed.has(run.id)) continue;
      this.context.announce(`${title(run.action)} at ${run.backend_id}: ${standing(run)}`);
      this.ended(run);
    }
    // The result stands in the list alone.
    if (over.length && !isList) this.look();
    this.#draw();
  }

  #draw() {
    cancelAnimationFrame(this.#drawn);
    this.#drawn = requestAnimationFrame(() => {
      const shown = this.#shown;
      this.element.hidden = !shown.length;
      list(this.element, shown, (run) => run.id, (run, old) => this.#item(run, old));
    });
  }

  #item(run, old) {
    const item = old ?? this.#newItem(run);
    const isRunning = run.status === "running";
    const { progress, share, detail, cancel } = item.parts;
    for (const part of [progress, cancel]) part.hidden = !isRunning;
    const fraction = isRunning ? run.fraction ?? null : null;
    if (fraction === null) progress.removeAttribute("value");
    else progress.value = fraction;
    setText(share, fraction === null ? "" : percent(fraction));
    setText(detail, visible(standing(run)));
    detail.className = run.status === "failed" ? "error-message" : "detail";
    if (run.result !== null && run.result !== undefined && !item.querySelector("pre")) item.append(code(JSON.stringify(run.result, null, 2), "Result"));
    return item;
  }

  #newItem(run) {
    const parts = {
      progress: h("progress", { max: "1", "aria-label": title(run.action) }), share: h("span", { class: "share" }), detail: h("span"),
      cancel: h("button", { type: "button", class: "button quiet small", onclick: () => this.#cancel(run.id) }, "Cancel"),
    };
    const item = h("li", { class: "action" }, h("span", { class: "action-name" }, title(run.action), " at ", name(run.backend_id)), Object.values(parts));
    item.parts = parts;
    return item;
  }

  async #cancel(id) {
    try {
      await send("DELETE", path`/v1/actions/${id}`);
    } catch (error) {
      this.context.announce(error.message);
    }
    this.look();
  }

  end() {
    this.#abort.abort();
    clearTimeout(this.#timer);
    cancelAnimationFrame(this.#drawn);
  }
}
