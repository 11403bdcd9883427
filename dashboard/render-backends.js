// The cards of all backends, those that need a look first. Sources/Host/Dashboard/BackendCards.swift makes the same.

import { attributes, el, reconcile } from "./dom.js";
import { count, instant, latency } from "./format.js";

const modelsShown = 6;
const looks = {
  Unhealthy: { urgency: 0, card: "unhealthy", mark: "✕" },
  Unknown: { urgency: 1, card: "unknown", mark: "?" },
  Draining: { urgency: 2, card: "unknown draining", mark: "↓" },
  Healthy: { urgency: 3, card: "healthy", mark: "✓" },
};
const look = (view) => looks[view.status] ?? looks.Unknown;
const order = (a, b) => (a < b ? -1 : a > b ? 1 : 0);

export function sorted(views) {
  return [...views].sort((a, b) =>
    look(a).urgency - look(b).urgency || order(a.name, b.name) || order(a.id, b.id));
}

export function renderBackends(parent, state) {
  reconcile(parent, sorted(state.backends.values()), {
    key: (view) => view.id,
    signature: (view) => JSON.stringify([view, state.since.get(view.id)]),
    build: (view) => card(view, state.since.get(view.id)),
  });
}

export function badge(kind, mark, text) {
  return el("span", `badge ${kind}`, attributes(el("span", "", mark), { "aria-hidden": "true" }), ` ${text}`);
}

function card(view, seenSince) {
  const { card, mark } = look(view);
  const status = view.status in looks ? view.status : "Unknown";
  const node = el("article", `backend-card ${card}`,
    el("header", "", el("h3", "backend-name", view.name ?? view.id), badge(status.toLowerCase(), mark, status)),
    el("p", "backend-url", view.url ?? ""),
    view.last_error ? el("p", "backend-error", el("strong", "", "Last error:"), ` ${view.last_error}`) : null,
    since(view, status, seenSince),
    el("dl", "facts",
      fact("Type", view.backend_type ?? ""),
      fact("Requests", count(view.total_requests)),
      fact("Avg latency", latency(view.avg_latency_ms)),
      fact("Pending", count(view.pending_requests)),
      fact("Priority", String(view.priority ?? 0)),
      fact("Last check", lastCheck(view) ?? "never")),
    chips(view));
  return attributes(node, { "data-id": view.id });
}

/** Before the first probe the gateway tells since when it knows the backend. */
const lastCheck = (view) => (view.status === "Unknown" ? null : time(Date.parse(view.last_health_check), "age"));

const fact = (name, value) => el("div", "", el("dt", "", name), el("dd", "", value));

/** The registry's word if it gives one, else what this page has seen itself. */
function since(view, status, seenSince) {
  if (status === "Healthy") return null;
  const told = Date.parse(view.metadata?.status_since);
  const at = time(Number.isNaN(told) ? seenSince : told, "clock");
  return at ? el("p", "backend-since", `${status} since `, at) : null;
}

function chips(view) {
  const models = Array.isArray(view.models) ? view.models : [];
  const total = models.length + (view.truncated?.models ?? 0);
  if (total === 0) return el("p", "note backend-models", "No models");
  const node = el("ul", "chips backend-models", ...models.slice(0, modelsShown).map((model) => el("li", "", model.id)));
  const more = total - Math.min(models.length, modelsShown);
  if (more > 0) node.append(el("li", "more", `${count(more)} more`));
  return attributes(node, { "aria-label": "Models" });
}

/** An element whose text `refreshTimes` keeps true; null for what is no instant. `kind`: "age" or "clock". */
export function time(milliseconds, kind) {
  const at = instant(milliseconds);
  return at ? attributes(el("time"), { datetime: at, "data-kind": kind }) : null;
}
