import assert from "node:assert/strict";
import { test } from "node:test";

import { Runs, standing } from "../../dashboard/action-runs.js";

const run = (id, status, more) => ({ id, backend_id: "b", action: "pull", status, ...more });

test("what has ended does not run again, whichever news comes last", () => {
  const runs = new Runs();
  runs.take(run("1", "running", { fraction: 0.5 }));
  runs.take(run("1", "succeeded", { fraction: 1 }));
  runs.takeAll([run("1", "running", { fraction: 0.6 })]);
  assert.deepEqual([runs.get("1").status, runs.get("1").fraction], ["succeeded", 1]);
  assert.deepEqual(runs.running, []);
});

test("a list adds what an update does not tell, such as the result", () => {
  const runs = new Runs();
  runs.take(run("1", "succeeded"));
  runs.takeAll([run("1", "succeeded", { result: [1], duration_ms: 5 })]);
  assert.deepEqual(runs.get("1").result, [1]);
});

test("one that is not listed any more has ended, and nobody knows how; one that is just starting has not", () => {
  const runs = new Runs();
  runs.take(run("new", "running"));
  runs.takeAll([run("1", "running")]);
  runs.takeAll([]);
  assert.equal(runs.get("1").status, "unknown");
  assert.equal(runs.get("new").status, "running");
});

test("words for each standing", () => {
  assert.deepEqual(["running", "succeeded", "cancelled", "failed", "unknown"].map((status) => standing({ status })),
    ["running", "done", "cancelled", "failed", "ended, and how is not known"]);
  assert.equal(standing({ status: "failed", error: "no space" }), "no space");
  assert.equal(standing({ status: "running", message: "pulling a" }), "pulling a");
});
