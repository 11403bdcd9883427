// What a person does on the overview: cancels a request, has the backends drawn otherwise. And what the page keeps of a
// gateway that was started again.

import { path, send } from "./api.js";
import { confirm } from "./confirm.js";
import { h, name } from "./dom.js";
import { duration } from "./figures.js";
import { attempt } from "./notices.js";
import { clock } from "./times.js";

/** Options of the page's query that change how parts are drawn, for the requests of parts. */
export const drawing = () => {
  const query = new URLSearchParams(location.search);
  const kept = ["layout", "group"].filter((each) => query.has(each)).map((each) => [each, query.get(each)]);
  return new URLSearchParams(kept).toString();
};

/** @param live is asked for parts that are to be drawn otherwise */
export function listen(live) {
  document.addEventListener("click", (event) => {
    if (event.defaultPrevented || event.button !== 0 || event.ctrlKey || event.metaKey || event.shiftKey) return;
    const cancel = event.target.closest?.("button[data-cancel]");
    if (cancel) return void cancelRequest(cancel);
    const option = event.target.closest?.("a[data-option]");
    if (!option) return;
    event.preventDefault();
    history.replaceState(null, "", option.getAttribute("href"));
    live.refresh(["backends"]);
  });
  for (const type of ["scroll", "resize"]) addEventListener(type, hintSoon, { capture: true, passive: true });
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

let hinting = 0;

function hintSoon() {
  hinting ||= requestAnimationFrame(() => {
    hinting = 0;
    hint();
  });
}

/** Marks the sides at which a table goes on. */
export function hint() {
  for (const panel of document.querySelectorAll(".panel.scroll")) {
    const rest = panel.scrollWidth - panel.clientWidth;
    panel.toggleAttribute("data-own-more-left", panel.scrollLeft > 1);
    panel.toggleAttribute("data-own-more-right", panel.scrollLeft < rest - 1);
  }
}
