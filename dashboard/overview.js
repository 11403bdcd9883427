// What a person does on the overview: cancels a request, watches one, has the backends drawn otherwise. And what the page keeps of a
// gateway that was started again.

import { path, send } from "./api.js";
import { confirm } from "./confirm.js";
import { h, name } from "./dom.js";
import { duration } from "./figures.js";
import { attempt, notify } from "./notices.js";
import { clock } from "./times.js";
import { watch } from "./watch.js";

/** Options of the page's query that change how parts are drawn, for the requests of parts. */
export const drawing = () => {
  const query = new URLSearchParams(location.search);
  const kept = ["layout", "group"].filter((each) => query.has(each)).map((each) => [each, query.get(each)]);
  return new URLSearchParams(kept).toString();
};

/**
 * @param live is asked for parts that are to be drawn otherwise
 * @param announce tells a screen reader
 */
export function listen(live, announce) {
  document.addEventListener("click", (event) => {
    if (event.defaultPrevented || event.button !== 0 || event.ctrlKey || event.metaKey || event.shiftKey) return;
    const cancel = event.target.closest?.("button[data-cancel]");
    if (cancel) return void cancelRequest(cancel);
    if (event.target.closest?.("button[data-add-backend]")) return void attemptToAdd(live, announce);
    const watched = event.target.closest?.("button[data-watch]");
    if (watched) return void watch(watched);
    const option = event.target.closest?.("a[data-option]");
    if (!option) return;
    event.preventDefault();
    history.replaceState(null, "", option.getAttribute("href"));
    live.refresh(["backends"]);
  });
  addEventListener("scroll", ({ target }) => { if (tables.has(target)) hintSoon(target); }, { capture: true, passive: true });
}

/** The dialogs of backends are loaded when the first one is opened. */
async function attemptToAdd(live, announce) {
  try {
    const { addBackend } = await import("./backend-dialogs.js");
    if (await addBackend({ announce })) live.refresh(["summary", "backends", "models"]);
  } catch (error) {
    notify(`The dialog could not be loaded: ${error.message}`, { isError: true });
  }
}

async function cancelRequest(button) {
  const row = button.closest("tr");
  const model = row?.querySelector(".model .name")?.textContent ?? "";
  const { cancel: id, exchange } = button.dataset;
  const elapsed = row?.querySelector("[data-kind=elapsed]")?.textContent ?? "";
  const isWanted = await confirm({
    title: "Cancel this request?",
    body: [
      h("p", null, "The request for ", name(model), elapsed && `, under way for ${elapsed},`, " is ended at its server as well."),
      h("p", null, "Its client gets status 499, or an error as the last event of its stream. It does not count against the backend."),
    ],
    action: "Cancel the request", isDangerous: true,
  });
  if (!isWanted) return;
  button.disabled = true;
  const went = await attempt(
    () => send("DELETE", `${path`/v1/requests/${id}`}?exchange=${encodeURIComponent(exchange)}`),
    ({ data }) => `Cancelled after ${duration(data?.[0]?.elapsed_ms)}.`);
  if (!went) button.disabled = false;
}

/** The rows of the history as they are, before parts of another run of the gateway take their place. */
export function keepHistory(html) {
  const next = /data-instance="([^"]+)"/.exec(html)?.[1];
  const now = document.getElementById("summary")?.dataset.instance;
  if (!next || !now || next === now) return false;
  const rows = [...document.querySelectorAll("#history-tbody > tr")];
  document.getElementById("history-before")?.remove();
  if (rows.length > 0) {
    document.getElementById("history").after(h("section", { id: "history-before", "aria-labelledby": "history-before-heading" },
      h("h2", { id: "history-before-heading" }, `Before the gateway started again, as seen at ${clock(Date.now(), Date.now())}`),
      h("div", { class: "panel scroll", role: "region", "aria-label": "Table of requests before the restart", tabindex: "0" },
        h("table", { class: "history-rows", role: "table" }, h("tbody", { role: "rowgroup" }, rows.map(past))))));
  }
  return true;
}

/** A row that tells of what the gateway no longer knows. */
function past(row) {
  const copy = row.cloneNode(true);
  for (const link of copy.querySelectorAll("a.open")) link.replaceWith(...link.childNodes);
  copy.removeAttribute("data-own-fresh");
  return copy;
}

/** The panels that are looked after, and their tables. */
const tables = new WeakMap();
const hinting = new Set();

/** Tells sizes once the browser has laid the page out by itself: to ask for them after a change would have it do that at once. */
const observer = new ResizeObserver((entries) => mark(new Set(entries.map(({ target }) => target.closest(".panel.scroll")))));

function hintSoon(panel) {
  if (hinting.size === 0) {
    requestAnimationFrame(() => {
      mark(hinting);
      hinting.clear();
    });
  }
  hinting.add(panel);
}

function mark(panels) {
  const found = [...panels].filter((panel) => panel).map((panel) => [panel, panel.scrollLeft, panel.scrollWidth - panel.clientWidth]);
  for (const [panel, left, rest] of found) {
    panel.toggleAttribute("data-own-more-left", left > 1);
    panel.toggleAttribute("data-own-more-right", left < rest - 1);
  }
}

/** Has the sides marked at which tables go on, from now on. */
export function hint() {
  for (const panel of document.querySelectorAll(".panel.scroll")) {
    const table = panel.firstElementChild;
    if (tables.get(panel) === table) continue;
    tables.set(panel, table);
    observer.observe(panel);
    if (table) observer.observe(table);
  }
}
