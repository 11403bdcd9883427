import assert from "node:assert/strict";
import { test } from "node:test";

import { Updates } from "../../dashboard/updates.js";

const view = (id, more = {}) => ({ id, name: id, status: "Healthy", ...more });
const status = (...data) => ({ update_type: "BackendStatus", data });
const started = () => new Updates({ backends: [view("a"), view("b")] });

test("a request changes the history, the totals and its backend's card", () => {
  assert.deepEqual(started().parts({ update_type: "RequestComplete", data: {} }), ["summary", "backends", "history"]);
});

test("a round of probes that finds nothing new leaves the matrix alone", () => {
  assert.deepEqual(started().parts(status(view("a"), view("b"))), ["summary", "backends"]);
});

test("a backend that is new, gone, renamed or has another status changes the matrix, once", () => {
  for (const change of [view("c"), view("a", { removed: true }), view("a", { name: "x" }), view("a", { status: "Unhealthy" })]) {
    const updates = started();
    assert.deepEqual(updates.parts(status(change)), ["summary", "backends", "models"]);
    assert.deepEqual(updates.parts(status(change)), ["summary", "backends"]);
  }
});

test("an action's progress changes the cards", () => {
  assert.deepEqual(started().parts({ update_type: "ActionProgress", data: {} }), ["backends"]);
  assert.deepEqual(started().parts({ update_type: "Trouble", data: {} }), ["trouble", "backends"]);
});

test("a change of models changes everything but the history", () => {
  assert.deepEqual(started().parts({ update_type: "ModelChange", data: {} }), ["summary", "backends", "models"]);
});

test("odd data is survived, and unknown updates change nothing", () => {
  for (const data of [null, undefined, {}, { backends: "x" }, { backends: [null, 3, {}] }]) {
    const updates = new Updates(data);
    assert.deepEqual(updates.parts({ update_type: "BackendStatus", data: [null, {}, 3] }), ["summary", "backends"]);
    for (const update of [null, undefined, 3, {}, { update_type: "Other" }]) assert.deepEqual(updates.parts(update), []);
  }
});

test("what is under way has a part of its own", () => {
  for (const update_type of ["ActiveRequests", "RequestCancelled"]) assert.deepEqual(started().parts({ update_type, data: {} }), ["active"]);
});
