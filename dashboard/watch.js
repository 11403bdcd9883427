// Shows the text of a request under way as its client gets it. What comes is text, and is forgotten with the panel.

import { fill, h, name, setText, visible } from "./dom.js";
import { count } from "./figures.js";
import { WatchedText } from "./watched-text.js";

/** Milliseconds between two drawings: as often as an eye follows. */
const drawGap = 50;

const labels = { thinking: "Thinking", call: "Calls a tool" };

/** @param button of a row: its data have the exchange */
export function watch(button) {
  const { watch: exchange } = button.dataset;
  const model = button.closest("tr")?.querySelector(".model .name")?.textContent ?? "";
  const watched = new WatchedText();
  const state = h("p", { class: "note", role: "status" }, watched.told);
  const figures = h("p", { class: "note" });
  // No live region: a screen reader reads it when it is gone to, and is told only how the request stands.
  const text = h("div", { class: "watched-text", tabindex: "0", role: "region", "aria-label": "Text of the request" });
  const close = h("button", { type: "button", class: "button", onclick: () => dialog.close() }, "Close");
  const dialog = h("dialog", { class: "watching", "aria-labelledby": "watching-title" },
    h("h2", { id: "watching-title" }, "Watching ", name(model)), state, text, figures, h("div", { class: "buttons" }, close));

  const scheme = location.protocol === "https:" ? "wss:" : "ws:";
  const socket = new WebSocket(`${scheme}//${location.host}/ws?watch=${encodeURIComponent(exchange)}`);
  let timer = 0;
  const drawSoon = () => { timer ||= setTimeout(draw, drawGap); };
  socket.onmessage = (event) => {
    let message;
    try {
      message = JSON.parse(event.data);
    } catch {
      return;
    }
    if (watched.take(message)) drawSoon();
  };
  socket.onclose = () => {
    watched.closed();
    drawSoon();
  };

  function draw() {
    timer = 0;
    setText(state, watched.told);
    setText(figures, [
      watched.characters > 0 && `${count(watched.characters)} characters since you watch`,
      watched.skipped > 0 && `${count(watched.skipped)} left out`,
      watched.forgotten > 0 && `the first ${count(watched.forgotten)} no longer shown`,
    ].filter(Boolean).join(" · "));
    const follows = text.scrollHeight - text.scrollTop - text.clientHeight < 24;
    drawParts(text, watched.parts);
    if (follows) text.scrollTop = text.scrollHeight;
  }

  dialog.addEventListener("close", () => {
    clearTimeout(timer);
    socket.onmessage = socket.onclose = null;
    socket.close();
    dialog.remove();
    // The row may have been drawn anew meanwhile.
    document.querySelector(`button[data-watch="${CSS.escape(exchange)}"]`)?.focus({ preventScroll: true });
  });
  document.body.append(dialog);
  dialog.showModal();
  close.focus();
}

/** Only what is new is added: the rest keeps its place and selection. */
function drawParts(root, parts) {
  if (root.firstChild && root.firstChild.part !== parts[0]) fill(root);
  parts.forEach((part, index) => {
    let node = root.children[index];
    if (!node) {
      const body = h("span");
      node = h("div", { class: `part ${labels[part.kind] ? part.kind : part.kind === "gap" ? "gap" : "answer"}` },
        labels[part.kind] ? h("span", { class: "kind" }, labels[part.kind]) : null, body);
      Object.assign(node, { part, body, shown: "" });
      root.append(node);
    }
    const text = visible(part.text);
    if (text === node.shown) return;
    if (node.body.firstChild && text.startsWith(node.shown)) node.body.firstChild.appendData(text.slice(node.shown.length));
    else node.body.textContent = text;
    node.shown = text;
  });
}
