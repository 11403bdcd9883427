import assert from "node:assert/strict";
import { test } from "node:test";

import { matrix } from "../../dashboard/render-models.js";
import { sorted } from "../../dashboard/render-backends.js";
import { historyLimit, State } from "../../dashboard/state.js";

const view = (id, more = {}) => ({ id, name: id, status: "Healthy", models: [], total_requests: 0, ...more });
const entry = (seq, more = {}) => ({ seq, request_id: `r${seq}`, timestamp: seq, model: "m", backend_id: "a", status: "Success", ...more });
const seqs = (state) => state.history.map((it) => it.seq);
const stats = (total, errors = 0) => ({ uptime_seconds: 1, requests: { total, success: total - errors, errors }, backends: [], models: [] });

function started(data = {}) {
  const state = new State();
  state.start({ stats: stats(0), models: { data: [] }, backends: [], history: [], ...data }, 0);
  state.dirty.clear();
  return state;
}

test("the page's own data fills everything and marks everything", () => {
  const state = new State();
  state.start({ stats: stats(3), models: { data: [{ id: "m" }] }, backends: [view("a")], history: [entry(1), entry(2)] }, 5);
  assert.equal(state.stats.requests.total, 3);
  assert.equal(state.offers.length, 1);
  assert.deepEqual([...state.backends.keys()], ["a"]);
  assert.equal(state.seq, 2);
  assert.deepEqual([...state.dirty].sort(), ["backends", "history", "models", "summary"]);
});

test("odd data is survived", () => {
  const state = new State();
  for (const data of [null, undefined, {}, { stats: 1, models: 2, backends: "x", history: {} }]) state.start(data, 0);
  state.mergeBackends(null, 0);
  state.mergeBackends([null, {}, 3], 0);
  state.changeModels(null);
  state.addRequest(null);
  assert.equal(state.backends.size, 0);
  assert.equal(state.history.length, 0);
});

test("a partial status is merged by id", () => {
  const state = started({ backends: [view("a"), view("b")] });
  state.mergeBackends([view("b", { status: "Unhealthy" }), view("c")], 1000);
  assert.deepEqual([...state.backends.keys()], ["a", "b", "c"]);
  assert.equal(state.backends.get("b").status, "Unhealthy");
  assert.equal(state.since.get("b"), 1000);
  assert.equal(state.since.has("a"), false);
});

test("a removed backend goes, and may come back", () => {
  const state = started({ backends: [view("a")] });
  state.mergeBackends([view("a", { status: "Draining", removed: true })], 0);
  assert.equal(state.backends.size, 0);
  state.mergeBackends([view("a")], 0);
  assert.equal(state.backends.size, 1);
});

test("a change of models is that backend's only", () => {
  const state = started({ backends: [view("a", { models: [{ id: "x" }] }), view("b", { models: [{ id: "x" }] })] });
  state.changeModels({ backend_id: "a", models: [] });
  state.changeModels({ backend_id: "nobody", models: [{ id: "y" }] });
  assert.deepEqual(state.backends.get("a").models, []);
  assert.equal(state.backends.get("b").models.length, 1);
  assert.ok(state.dirty.has("models"));
});

test("a request is shown once, counted until the next poll, and the oldest falls off", () => {
  const state = started({ stats: stats(10), backends: [view("a", { total_requests: 4 })], history: [entry(1)] });
  assert.equal(state.addRequest(entry(2)), true);
  assert.equal(state.addRequest(entry(2)), false);
  assert.equal(state.addRequest(entry(3, { status: "Error" })), true);
  assert.deepEqual(seqs(state), [1, 2, 3]);
  assert.deepEqual(state.stats.requests, { total: 12, success: 11, errors: 1 });
  assert.equal(state.backends.get("a").total_requests, 6);
  state.applyStats(stats(12, 1), 0);
  assert.equal(state.stats.requests.total, 12);
  for (let seq = 4; seq < 300; seq += 1) state.addRequest(entry(seq));
  assert.equal(state.history.length, historyLimit);
  assert.equal(state.history[0].seq, 200);
  assert.equal(state.seq, 299);
});

test("entries without a number are all shown", () => {
  const state = started();
  state.addRequest(entry(undefined));
  state.addRequest(entry(undefined));
  assert.equal(state.history.length, 2);
});

test("a restarted gateway counts anew: its numbers are not taken for old ones", () => {
  const state = started({ history: [entry(1), entry(2)] });
  assert.equal(state.addRequest(entry(1, { request_id: "new" })), true);
  state.replaceHistory([entry(1, { request_id: "new" })]);
  assert.equal(state.history.length, 1);
  assert.equal(state.seq, 1);
});

test("what comes while the lists are fetched is not lost", () => {
  const state = started({ backends: [view("a"), view("old")], history: [entry(1)] });
  state.beginSync();
  state.addRequest(entry(3));
  state.mergeBackends([view("a", { status: "Unhealthy" }), view("b")], 0);
  state.mergeBackends([view("gone", { removed: true })], 0);
  state.replaceHistory([entry(1), entry(2)]);
  state.replaceBackends([view("a"), view("gone"), view("c")], 0);
  state.endSync();
  assert.deepEqual(seqs(state), [1, 2, 3]);
  assert.deepEqual([...state.backends.keys()].sort(), ["a", "b", "c"]);
  assert.equal(state.backends.get("a").status, "Unhealthy");
});

test("statistics refresh the figures of the cards", () => {
  const state = started({ backends: [view("a")] });
  state.applyStats({ ...stats(1), backends: [{ id: "a", requests: 9, average_latency_ms: 5, pending: 2 }, { id: "x" }] }, 0);
  const { total_requests, avg_latency_ms, pending_requests } = state.backends.get("a");
  assert.deepEqual([total_requests, avg_latency_ms, pending_requests], [9, 5, 2]);
  assert.equal(state.backends.size, 1);
});

test("a cut list of models is made whole from the list of all", () => {
  const state = started({ backends: [view("a", { models: [{ id: "x" }], truncated: { models: 1 } })] });
  assert.ok(state.wantsOffers);
  state.applyOffers({ data: [{ id: "x", owned_by: "a" }, { id: "y", owned_by: "a" }, { id: "z", owned_by: "b" }] });
  assert.equal(state.wantsOffers, false);
  assert.deepEqual(matrix(state).rows.map((row) => row.id), ["x", "y"]);
});

test("the matrix counts healthy backends only and joins what they tell", () => {
  const model = { id: "m", context_length: 8, capabilities: { vision: true, tools: false, json_mode: false } };
  const state = started({ backends: [
    view("b", { models: [model] }),
    view("a", { models: [{ id: "m", context_length: 16, supports_tools: true }] }),
    view("c", { status: "Unhealthy", models: [{ id: "n" }] }),
  ] });
  const { columns, rows } = matrix(state);
  assert.deepEqual(columns.map((it) => it.id), ["a", "b", "c"]);
  assert.equal(rows.length, 1);
  assert.deepEqual([rows[0].context, rows[0].vision, rows[0].tools, rows[0].json], [16, true, true, false]);
  assert.deepEqual([...rows[0].on], [0, 1]);
});

test("what needs a look comes first", () => {
  const views = [view("h"), view("d", { status: "Draining" }), view("n", { status: "Unknown" }), view("z", { status: "Unhealthy" }), view("y", { status: "Unhealthy" })];
  assert.deepEqual(sorted(views).map((it) => it.id), ["y", "z", "n", "d", "h"]);
});
