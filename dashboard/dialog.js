// Dialogs that say what will happen, do it, and say what went wrong in the gateway's words, at the field that is meant.

import { clear, fill, h, visible } from "./dom.js";
import { setProblem } from "./tools.js";

/** A modal dialog that goes when it is closed; `closed` is called then. */
export function openDialog(heading, content, closed = () => {}) {
  const dialog = h("dialog", { class: "sheet", "aria-label": heading }, h("h2", null, heading), content);
  dialog.addEventListener("close", () => {
    dialog.remove();
    closed();
  });
  document.body.append(dialog);
  dialog.showModal();
  return dialog;
}

export const closeButton = (label = "Close") =>
  h("button", { type: "button", class: "button quiet", onclick: (event) => event.target.closest("dialog").close() }, label);

/**
 * A form that gives one command.
 * @param content elements above the buttons; `inputs` those of them that an error may mean, by the name of its argument
 * @param action the word on the button
 * @param ready resolves when all is said that is to be known before
 * @param run gives the command: resolves with what it led to, throws what went wrong
 * @param done gives the elements that are shown afterwards; nothing: the dialog closes
 * @returns a promise of what `run` gave, or of null
 */
export function commandDialog({ heading, content, inputs = {}, action, isDangerous = false, ready, run, done = () => null }) {
  let settle;
  let result = null;
  const outcome = new Promise((resolve) => { settle = resolve; });
  const problem = h("div", { role: "alert" });
  const go = h("button", { type: "submit", class: isDangerous ? "button danger" : "button" }, action);
  go.disabled = Boolean(ready);
  ready?.then(() => { go.disabled = false; });
  const form = h("form", { novalidate: true, onsubmit: submit }, content, problem, h("div", { class: "buttons" }, go, closeButton("Leave it")));
  const dialog = openDialog(heading, form, () => settle(result));

  async function submit(event) {
    event.preventDefault();
    clear(problem);
    for (const input of Object.values(inputs)) setProblem(input, "", { focus: false });
    go.disabled = true;
    try {
      result = await run();
    } catch (error) {
      // "backends[0].url" and "timeouts.connect_seconds" mean a field as well.
      const input = String(error.param ?? "").split(/[.[\]]+/).map((part) => inputs[part]).find(Boolean);
      if (input) {
        input.closest("details")?.setAttribute("open", "");
        setProblem(input, error.message);
      } else fill(problem, h("p", { class: "problem" }, error.param ? h("code", null, visible(error.param), ": ") : null, visible(error.message)));
      go.disabled = false;
      if (!input) go.focus();
      return;
    } finally {
      go.disabled = false;
    }
    const told = done(result);
    if (!told) return dialog.close();
    fill(form, h("div", { role: "status" }, told), h("div", { class: "buttons" }, closeButton()));
    form.querySelector("button").focus();
  }

  return outcome;
}
