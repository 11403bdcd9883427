// Written from the dashboard's contract alone, as another program's page would be: it trusts names, shapes and limits, and notes
// what is not as they say in `broken`.
"use strict";

window.broken = [];
window.seen = { messages: 0, longest: 0, types: {}, opened: 0 };

const $ = (id) => document.getElementById(id);
const state = { stats: null, models: [], backends: [], history: [] };

function must(isSo, what) {
  if (!isSo) window.broken.push(what);
}

const isText = (value) => typeof value === "string";
const isWhole = (value) => Number.isInteger(value);

function checkEntry(entry) {
  must(isWhole(entry.timestamp) && isWhole(entry.duration_ms), "entry: numbers " + JSON.stringify(entry));
  must(isText(entry.model) && isText(entry.backend_id), "entry: texts");
  must(entry.status === "Success" || entry.status === "Error", "entry: status " + entry.status);
  must(entry.error_message === null || isText(entry.error_message), "entry: error_message");
}

function checkModel(model) {
  must(isText(model.id) && isText(model.name) && typeof model.context_length === "number", "model " + JSON.stringify(model));
  for (const one of ["supports_vision", "supports_tools", "supports_json_mode"]) must(typeof model[one] === "boolean", "model: " + one);
  must(model.max_output_tokens === null || typeof model.max_output_tokens === "number", "model: max_output_tokens");
  for (const one of ["vision", "tools", "json_mode"]) must(typeof model.capabilities[one] === "boolean", "model: capabilities." + one);
}

function checkBackend(backend) {
  for (const one of ["id", "name", "url", "backend_type", "last_health_check", "discovery_source"]) must(isText(backend[one]), "backend: " + one);
  must(["Healthy", "Unhealthy", "Unknown", "Draining"].includes(backend.status), "backend: status " + backend.status);
  must(!Number.isNaN(Date.parse(backend.last_health_check)), "backend: last_health_check");
  must(backend.last_error === null || isText(backend.last_error), "backend: last_error");
  for (const one of ["priority", "pending_requests", "total_requests", "avg_latency_ms"]) must(isWhole(backend[one]), "backend: " + one);
  must(Object.values(backend.metadata).every(isText), "backend: metadata");
  backend.models.forEach(checkModel);
}

function checkStats(stats) {
  must(isWhole(stats.uptime_seconds), "stats: uptime_seconds");
  must(["total", "success", "errors"].every((one) => isWhole(stats.requests[one])), "stats: requests");
  for (const backend of stats.backends) {
    must(isText(backend.id) && isText(backend.name) && isWhole(backend.requests) && isWhole(backend.pending), "stats: backends");
    must(typeof backend.average_latency_ms === "number", "stats: average_latency_ms");
  }
  for (const model of stats.models) must(isText(model.name) && isWhole(model.requests) && typeof model.average_duration_ms === "number", "stats: models");
}

function checkList(models) {
  must(models.object === "list", "models: object");
  let last = "";
  for (const model of models.data) {
    must(isText(model.id) && model.object === "model" && isWhole(model.created) && isText(model.owned_by), "models: entry");
    must(typeof model.context_length === "number" && typeof model.capabilities.tools === "boolean", "models: more");
    must(model.id >= last, "models: order");
    last = model.id;
  }
}

// Drawing

function element(tag, text, className) {
  const node = document.createElement(tag);
  node.textContent = text;
  if (className) node.className = className;
  return node;
}

function draw() {
  if (state.stats) {
    $("uptime").textContent = state.stats.uptime_seconds + " s";
    $("total-requests").textContent = state.stats.requests.total;
  }
  $("active-backends").textContent = state.backends.filter((backend) => backend.status === "Healthy").length;
  $("available-models").textContent = new Set(state.models.map((model) => model.id)).size;
  $("no-backends").hidden = state.backends.length > 0;
  $("backend-cards").replaceChildren(...state.backends.map((backend) => {
    const card = element("div", "", "backend-card " + (backend.status === "Healthy" ? "healthy" : backend.status === "Unhealthy" ? "unhealthy" : "unknown"));
    card.dataset.id = backend.id;
    card.append(element("h3", backend.name), element("p", backend.url), element("p", backend.last_error ?? "", "error"),
      element("p", backend.models.map((model) => model.name).join(", "), "models"));
    return card;
  }));
  $("model-matrix-tbody").replaceChildren(...state.models.map((model) => {
    const row = element("tr", "");
    row.append(element("th", model.id), element("td", model.owned_by));
    return row;
  }));
  $("history-tbody").replaceChildren(...state.history.slice(-100).reverse().map((entry) => {
    const row = element("tr", "");
    const time = new Date(entry.timestamp * 1000).toLocaleTimeString();
    row.append(...[time, entry.model, entry.backend_id, entry.duration_ms + " ms", entry.status + " " + (entry.error_message ?? "")].map((text) => element("td", text)));
    return row;
  }));
}

// Data

function take({ stats, models, backends, history }) {
  if (stats) { checkStats(stats); state.stats = stats; }
  if (models) { checkList(models); state.models = models.data; }
  if (backends) { backends.forEach(checkBackend); state.backends = backends; }
  if (history) { history.forEach(checkEntry); state.history = history; }
  draw();
}

const get = (path) => fetch(path).then((answer) => answer.json());
const getStats = () => get("/v1/stats").then((stats) => take({ stats })).catch(() => {});
const getModels = () => get("/v1/models").then((models) => take({ models })).catch(() => {});
const getHistory = () => get("/v1/history").then((history) => take({ history })).catch(() => {});
const getBackends = () => get("/v1/backends").then((answer) => take({ backends: Array.isArray(answer) ? answer : answer.data })).catch(() => {});

function update({ update_type: type, data }) {
  window.seen.types[type] = (window.seen.types[type] ?? 0) + 1;
  if (type === "BackendStatus") {
    // All backends, in the place of all cards.
    take({ backends: data });
  } else if (type === "RequestComplete") {
    checkEntry(data);
    state.history = [...state.history, data].slice(-100);
    if (state.stats) state.stats.requests.total += 1;
    draw();
  } else if (type === "ModelChange") {
    must(isText(data.backend_id) && Array.isArray(data.models), "ModelChange");
    data.models.forEach(checkModel);
    const backend = state.backends.find((one) => one.id === data.backend_id);
    if (backend) backend.models = data.models;
    draw();
  } else must(false, "an update of another kind: " + type);
}

// Connection

const delays = [3, 6, 12, 24, 48, 60];
let tries = 0;
let polling = 0;

function connect() {
  const socket = new WebSocket((location.protocol === "https:" ? "wss://" : "ws://") + location.host + "/ws");
  socket.onopen = () => {
    window.seen.opened += 1;
    if (tries > 0) { getStats(); getModels(); getHistory(); }
    tries = 0;
    clearInterval(polling);
    document.querySelector(".status-dot").className = "status-dot connected";
    document.querySelector(".status-text").textContent = "Connected";
  };
  socket.onmessage = (event) => {
    must(isText(event.data), "a message that is no text");
    const length = new TextEncoder().encode(event.data).length;
    window.seen.messages += 1;
    window.seen.longest = Math.max(window.seen.longest, length);
    must(length <= 10240, "a message of " + length + " bytes");
    update(JSON.parse(event.data));
  };
  socket.onclose = () => {
    document.querySelector(".status-dot").className = "status-dot";
    document.querySelector(".status-text").textContent = "Reconnecting";
    setTimeout(connect, delays[Math.min(tries, delays.length - 1)] * 1000);
    tries += 1;
    if (tries === 5) polling = setInterval(() => { getStats(); getModels(); getHistory(); }, 5000);
  };
}

take(JSON.parse($("initial-data").textContent));
window.drawnAtFirst = { cards: $("backend-cards").children.length, rows: $("history-tbody").children.length };
getStats(); getModels(); getHistory(); getBackends();
setInterval(getStats, 5000);
setInterval(getModels, 30000);
connect();
