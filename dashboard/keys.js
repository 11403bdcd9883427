// What single keys do, and the list of them under "?".

import { h } from "./dom.js";

const stored = "nexus-shortcuts";

/**
 * @param views in the order of their numbers
 * @param go opens a fragment
 * @param refresh asks for everything anew
 */
export function listenToKeys({ views, go, refresh }) {
  const keys = [
    ...views.slice(0, 9).map(({ name, title }, index) => ({ key: String(index + 1), does: title, action: () => go(`#${name}`) })),
    { key: "/", does: "Search in the view, or in the history", action: () => search(go) },
    { key: "t", does: "Backends as cards or as tiles", action: otherLayout },
    { key: "r", does: "Ask for everything anew", action: refresh },
    { key: "?", does: "This list", action: () => help(keys) },
  ];
  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || !isOn()) return;
    if (event.target.closest?.("input, select, textarea, [contenteditable]") || document.querySelector("dialog:modal")) return;
    const found = keys.find(({ key }) => key === event.key);
    if (!found) return;
    event.preventDefault();
    found.action();
  });
  const button = h("button", { class: "button quiet small", type: "button", "aria-label": "Keyboard shortcuts", title: "Keyboard shortcuts (?)",
    onclick: () => help(keys) }, "?");
  document.getElementById("connection-status").before(button);
}

/** A viewer who speaks to the machine, or whose hands shake, may not want them (WCAG 2.1.4). */
function isOn() {
  try {
    return localStorage.getItem(stored) !== "off";
  } catch {
    return true;
  }
}

function turn(on) {
  try {
    localStorage.setItem(stored, on ? "on" : "off");
  } catch {
    // For this page alone, then; there is nowhere to keep it.
  }
}

function help(keys) {
  if (document.querySelector("dialog:modal")) return;
  const box = h("input", { type: "checkbox", checked: isOn(), onchange: () => turn(box.checked) });
  const dialog = h("dialog", { class: "confirm", "aria-labelledby": "help-title" },
    h("form", { method: "dialog" },
      h("h2", { id: "help-title" }, "Keyboard shortcuts"),
      h("dl", { class: "keys" }, keys.map(({ key, does }) => h("div", null, h("dt", null, h("kbd", null, key)), h("dd", null, does))),
        h("div", null, h("dt", null, h("kbd", null, "Esc")), h("dd", null, "Close what lies over the view"))),
      h("label", { class: "check" }, box, " Shortcuts are on"),
      h("div", { class: "buttons" }, h("button", { class: "button", type: "submit" }, "Close"))));
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
}

function search(go) {
  const field = () => [...document.querySelectorAll("main input[type=search]")].find((each) => each.checkVisibility());
  const found = field();
  if (found) return found.focus();
  go("#history");
  // The view comes in a moment.
  const watch = new MutationObserver(() => {
    const later = field();
    if (!later) return;
    watch.disconnect();
    later.focus();
  });
  watch.observe(document.getElementById("main"), { childList: true, subtree: true });
  setTimeout(() => watch.disconnect(), 3000);
}

function otherLayout() {
  document.querySelector(".switch [data-option=cards]:not([aria-current]), .switch [data-option=tiles]:not([aria-current])")?.click();
}
