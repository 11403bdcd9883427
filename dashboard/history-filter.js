// Which requests a query of the history means: as GET /v1/history understands it, for those that the gateway itself no longer
// knows. `Core/History/HistoryFilter.swift` is the same. Pure.

/** In the query of the view; `last` is so many seconds before now. */
export const filters = ["model", "backend", "status", "api", "client", "text", "last", "from", "to"];

/** The query of `GET /v1/history` for a query of the view. */
export function route(query, now, more = {}) {
  const asked = new URLSearchParams();
  for (const filter of filters) {
    const value = query.get(filter);
    if (!value) continue;
    if (filter === "last") asked.set("from", String(Math.floor(now / 1000) - Number(value)));
    else asked.set(filter, value);
  }
  for (const [key, value] of Object.entries(more)) asked.set(key, String(value));
  const text = asked.toString();
  return `/v1/history${text ? `?${text}` : ""}`;
}

/** Whether an entry fits all filters of a query; `now` in milliseconds. */
export function fits(entry, query, now) {
  return filters.every((filter) => {
    const value = query.get(filter);
    return !value || tests[filter](entry, value, now);
  });
}

const tests = {
  model: (entry, value) => entry.model === value || (entry.route ?? []).some((step) => step.model === value),
  backend: (entry, value) => entry.backend_id === value || (entry.route ?? []).some((step) => step.backend_id === value),
  status: (entry, value) => hasStatus(entry, value.toLowerCase()),
  api: (entry, value) => entry.api === value.toLowerCase(),
  client: (entry, value) => entry.client === value,
  text: (entry, value) => holds(entry, value.toLowerCase()),
  last: (entry, value, now) => entry.timestamp >= Math.floor(now / 1000) - Number(value),
  from: (entry, value) => entry.timestamp >= instant(value),
  to: (entry, value) => entry.timestamp <= instant(value),
};

function hasStatus(entry, value) {
  if (value === "success" || value === "error") return entry.status.toLowerCase() === value;
  if (/^[1-5]xx$/.test(value)) return Math.floor(entry.status_code / 100) === Number(value[0]);
  return String(entry.status_code) === value;
}

function holds(entry, text) {
  const route = (entry.route ?? []).flatMap((step) => [step.backend_id, step.model, step.error_message]);
  return [entry.model, entry.backend_id, entry.error_message, entry.request_id, entry.client, entry.endpoint, ...route]
    .some((value) => String(value ?? "").toLowerCase().includes(text));
}

/** Unix seconds of such a number, or of an instant such as 2026-01-02T03:04:05Z. */
const instant = (value) => (Number.isFinite(Number(value)) ? Number(value) : Date.parse(value) / 1000);
