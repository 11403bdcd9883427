import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { age, clock, uptime } from "../../dashboard/times.js";

const vectors = JSON.parse(readFileSync(new URL("../DashboardTests/Vectors/times.json", import.meta.url)));

test("uptime and age are in the gateway's words", () => {
  for (const [seconds, text] of vectors.uptime) assert.equal(uptime(seconds), text);
  for (const [seconds, text] of vectors.age) assert.equal(age(seconds), text);
});

test("instants are in the viewer's time, with the date when it is another day", () => {
  const now = Date.now();
  assert.match(clock(now, now), /^\d\d:\d\d:\d\d$/);
  assert.match(clock(0, now), /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$/);
});
