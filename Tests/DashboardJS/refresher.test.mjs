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
  refresher.ended(true, 10);
  assert.deepEqual(refresher.step(10), { wait: shortestGap - 10 });
  assert.deepEqual(refresher.step(shortestGap), { fetch: ["summary", "history"] });
});

test("a change that comes late does not wait", () => {
  const refresher = new Refresher();
  refresher.want(["history"]);
  refresher.step(0);
  refresher.ended(true, 10);
  refresher.want(["models"]);
  assert.deepEqual(refresher.step(5000), { fetch: ["models"] });
});

test("a slow gateway is asked less often, but not ever less", () => {
  const refresher = new Refresher();
  refresher.want(["models"]);
  refresher.step(0);
  refresher.ended(true, 400);
  refresher.want(["models"]);
  assert.deepEqual(refresher.step(400), { wait: 1600 });
  refresher.step(2000);
  refresher.ended(true, 62_000);
  refresher.want(["models"]);
  assert.deepEqual(refresher.step(62_000), { wait: 4000 });
});

test("what failed to come is still wanted", () => {
  const refresher = new Refresher();
  refresher.want(["models"]);
  refresher.step(0);
  refresher.want(["history"]);
  refresher.ended(false, 10);
  assert.deepEqual(refresher.step(60_000), { fetch: ["history", "models"] });
});

test("what cannot be seen waits until it can", () => {
  const refresher = new Refresher();
  refresher.want(["summary", "models"]);
  assert.deepEqual(refresher.step(0, (part) => part === "summary"), { fetch: ["summary"] });
  refresher.ended(true, 1);
  assert.equal(refresher.step(5000, (part) => part === "summary"), null);
  assert.deepEqual(refresher.step(5000), { fetch: ["models"] });
});
