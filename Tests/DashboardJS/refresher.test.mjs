import assert from "node:assert/strict";
import { test } from "node:test";

import { Refresher, shortestGap } from "../../dashboard/refresher.js";

test("the first change is fetched at once, and nothing without one", () => {
  const refresher = new Refresher();
  assert.equal(refresher.step(1000), null);
  refresher.want(["history"]);
  assert.deepEqual(refresher.step(1000), { fetch: ["history"] });
});

test("what changes meanwhile is fetched together, after the gap", () => {
  const refresher = new Refresher();
  refresher.want(["history"]);
  refresher.step(0);
  refresher.want(["summary"]);
  refresher.want(["summary", "history"]);
  assert.equal(refresher.step(5), null, "one fetch at a time");
  refresher.answered(true, 9);
  assert.equal(refresher.step(9), null, "nor another while it is drawn");
  refresher.ended(10, 1);
  assert.deepEqual(refresher.step(10), { wait: shortestGap - 10 });
  assert.deepEqual(refresher.step(shortestGap), { fetch: ["summary", "history"] });
});

test("a change that comes late does not wait", () => {
  const refresher = new Refresher();
  refresher.want(["history"]);
  refresher.step(0);
  refresher.answered(true, 9);
  refresher.ended(10, 1);
  refresher.want(["models"]);
  assert.deepEqual(refresher.step(5000), { fetch: ["models"] });
});

test("a slow gateway is asked less often, but not ever less", () => {
  const refresher = new Refresher();
  refresher.want(["models"]);
  refresher.step(0);
  refresher.answered(true, 400);
  refresher.ended(400, 0);
  refresher.want(["models"]);
  assert.deepEqual(refresher.step(400), { wait: 1600 });
  refresher.step(2000);
  refresher.answered(true, 62_000);
  refresher.ended(62_000, 0);
  refresher.want(["models"]);
  assert.deepEqual(refresher.step(62_000), { wait: 4000 });
});

test("a browser that has much to do for it is given a rest, however long it waited for its turns", () => {
  const refresher = new Refresher();
  refresher.want(["models"]);
  refresher.step(0);
  refresher.answered(true, 10);
  refresher.ended(900, 300);
  refresher.want(["models"]);
  assert.deepEqual(refresher.step(900), { wait: 600 });
  refresher.step(1500);
  refresher.answered(true, 1510);
  refresher.ended(9000, 7000);
  refresher.want(["models"]);
  assert.deepEqual(refresher.step(9000), { wait: 2000 });
});

test("what failed to come is still wanted", () => {
  const refresher = new Refresher();
  refresher.want(["models"]);
  refresher.step(0);
  refresher.want(["history"]);
  refresher.answered(false, 10);
  refresher.ended(10, 0);
  assert.deepEqual(refresher.step(60_000), { fetch: ["history", "models"] });
});

test("what cannot be seen waits until it can", () => {
  const refresher = new Refresher();
  refresher.want(["summary", "models"]);
  assert.deepEqual(refresher.step(0, (part) => part === "summary"), { fetch: ["summary"] });
  refresher.answered(true, 1);
  refresher.ended(1, 0);
  assert.equal(refresher.step(5000, (part) => part === "summary"), null);
  assert.deepEqual(refresher.step(5000), { fetch: ["models"] });
});
