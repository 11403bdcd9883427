// Tells how something ended that the viewer has done, at the foot of the page, for a while.

import { h } from "./dom.js";

/** Seconds for which good news is shown; bad news stays until it is put away. */
const shownSeconds = 6;

/** @param isError it stays until it is put away, and is told at once */
export function notify(text, { isError = false } = {}) {
  const note = h("div", { class: isError ? "toast error" : "toast", role: isError ? "alert" : "status" },
    h("span", null, text),
    h("button", { class: "button quiet small", type: "button", onclick: () => note.remove() }, "Put away"));
  place().append(note);
  if (!isError) setTimeout(() => note.remove(), shownSeconds * 1000);
}

/** Does something, and tells of what goes wrong in the gateway's words. Gives whether it went well. */
export async function attempt(action, done) {
  try {
    const result = await action();
    if (done) notify(typeof done === "function" ? done(result) : done);
    return true;
  } catch (error) {
    notify(error.message, { isError: true });
    return false;
  }
}

function place() {
  let node = document.getElementById("toasts");
  if (!node) {
    node = h("div", { id: "toasts" });
    document.body.append(node);
  }
  return node;
}
