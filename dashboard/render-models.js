// Which model is where: one row a model, one column a backend. Sources/Host/Dashboard/ModelMatrix.swift makes the same.

import { attributes, el, reconcile, setText, show } from "./dom.js";
import { context, count, counted } from "./format.js";

const rowLimit = 300;
const columnLimit = 60;
const order = (a, b) => (a < b ? -1 : a > b ? 1 : 0);

/** {columns: [view], rows: [{id, context, vision, tools, json, on: Set of column indexes}]} */
export function matrix(state) {
  const columns = [...state.backends.values()].sort((a, b) => order(a.name, b.name) || order(a.id, b.id));
  const rows = new Map();
  columns.forEach((view, index) => {
    if (view.status !== "Healthy") return;
    for (const model of modelsOf(view, state.offers)) {
      let row = rows.get(model.id);
      if (!row) {
        row = { id: model.id, context: 0, vision: false, tools: false, json: false, on: new Set() };
        rows.set(model.id, row);
      }
      const can = model.capabilities ?? {};
      row.context = Math.max(row.context, model.context_length ?? 0);
      row.vision ||= Boolean(can.vision ?? model.supports_vision);
      row.tools ||= Boolean(can.tools ?? model.supports_tools);
      row.json ||= Boolean(can.json_mode ?? model.supports_json_mode);
      row.on.add(index);
    }
  });
  return { columns, rows: [...rows.values()].sort((a, b) => order(a.id, b.id)) };
}

/** A list that came cut is made whole from GET /v1/models. */
function modelsOf(view, offers) {
  const models = Array.isArray(view.models) ? view.models : [];
  if (!view.truncated?.models) return models;
  const known = new Set(models.map((model) => model.id));
  return [...models, ...offers.filter((offer) => offer.owned_by === view.name && !known.has(offer.id))];
}

export function renderModels(parts, { columns, rows }) {
  const shown = columns.slice(0, columnLimit);
  const head = [
    { key: "model", build: () => attributes(el("th", "", "Model"), { scope: "col" }) },
    { key: "context", build: () => attributes(el("th", "number", "Context"), { scope: "col" }) },
    ...shown.map((view) => (
      { key: `backend ${view.id}`, sign: `${view.name} ${view.status}`, build: () => column(view) })),
  ];
  reconcile(parts.head, head, { key: (it) => it.key, signature: (it) => it.sign ?? "", build: (it) => it.build() });
  reconcile(parts.body, rows.slice(0, rowLimit), {
    key: (row) => row.id,
    signature: (row) => JSON.stringify([row, shown.length, [...row.on]]),
    build: (row) => line(row, shown.length),
  });
  show(parts.panel, rows.length > 0);
  show(parts.empty, rows.length === 0);
  setText(parts.note, note(rows.length, columns.length));
}

function column(view) {
  const down = view.status === "Healthy" ? null : el("small", String(view.status).toLowerCase(), view.status);
  return attributes(el("th", "backend-column", view.name ?? view.id, down), { scope: "col" });
}

function line(row, columns) {
  const badges = [[row.vision, "vision"], [row.tools, "tools"], [row.json, "JSON"]]
    .map(([has, text]) => (has ? el("span", "badge capability", text) : null));
  const node = el("tr", "",
    attributes(el("th", "", el("span", "model-name", row.id), ...badges), { scope: "row" }),
    el("td", "number", context(row.context)));
  for (let index = 0; index < columns; index += 1) {
    node.append(row.on.has(index)
      ? attributes(el("td", "available", "✓"), { "aria-label": "available" })
      : attributes(el("td", "missing", "–"), { "aria-label": "not available" }));
  }
  return node;
}

function note(rows, columns) {
  const parts = [];
  if (rows > rowLimit) parts.push(counted(rows - rowLimit, "model", "models"));
  if (columns > columnLimit) parts.push(counted(columns - columnLimit, "backend", "backends"));
  return parts.length ? `Not shown: ${parts.join(", ")}. GET /v1/models lists everything.` : "";
}
