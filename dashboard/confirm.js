// Asks before something happens that cannot be taken back, in words that say what will happen.

import { h } from "./dom.js";

/**
 * @param title what is asked, e.g. "Drain gpu2?"
 * @param body texts and elements: what will happen
 * @param action the word on the button, e.g. "Drain"
 * @param isDangerous something is lost
 * @returns a promise of true if it was confirmed
 */
export function confirm({ title, body, action, isDangerous = false }) {
  return new Promise((resolve) => {
    const dialog = h("dialog", { class: "confirm", "aria-labelledby": "confirm-title" },
      h("form", { method: "dialog" },
        h("h2", { id: "confirm-title" }, title),
        h("div", { class: "confirm-body" }, body),
        h("div", { class: "buttons" },
          h("button", { class: "button quiet", value: "no", type: "submit" }, "Leave it"),
          h("button", { class: isDangerous ? "button danger" : "button", value: "yes", type: "submit" }, action))));
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve(dialog.returnValue === "yes");
    });
    document.body.append(dialog);
    dialog.showModal();
  });
}
