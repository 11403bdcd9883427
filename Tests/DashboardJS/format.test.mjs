import assert from "node:assert/strict";
import { test } from "node:test";

import * as format from "../../dashboard/format.js";

// The same examples as in Tests/DashboardTests/HTMLTests.swift: both sides must say the same.

test("durations", () => {
  const examples = [[0, "0 ms"], [999, "999 ms"], [1000, "1.00 s"], [1234, "1.23 s"], [9994, "9.99 s"], [9995, "10.0 s"],
    [59949, "59.9 s"], [59950, "1 min 00 s"], [125000, "2 min 05 s"]];
  for (const [milliseconds, text] of examples) assert.equal(format.duration(milliseconds), text);
  assert.equal(format.duration(undefined), "0 ms");
});

test("counts", () => {
  assert.deepEqual([0, 999, 1000, -1234567, NaN].map(format.count), ["0", "999", "1,000", "-1,234,567", "0"]);
  assert.equal(format.counted(1, "model", "models"), "1 model");
});

test("uptime, context, share, age, latency", () => {
  assert.deepEqual([5, 65, 3660, 187432].map(format.uptime), ["5s", "1m 5s", "1h 1m", "2d 4h"]);
  assert.deepEqual([0, 2048, 128000, 131072, 777].map(format.context), ["–", "2K", "128K", "128K", "777"]);
  assert.equal(format.percent(271, 22372), "1.2%");
  assert.equal(format.rate(0), "0.0");
  assert.equal(format.rate(7.44), "7.4");
  assert.equal(format.rate(7.45), "7.5");
  assert.equal(format.rate(99.94), "99.9");
  assert.equal(format.rate(99.95), "100");
  assert.equal(format.rate(142.4), "142");
  assert.equal(format.rate(1050.5), "1,051");
  assert.equal(format.percent(0, 0), "0.0%");
  assert.deepEqual([-3, 12, 95, 7300, 200000].map(format.age), ["just now", "12 s ago", "1 min ago", "2 h ago", "2 d ago"]);
  assert.deepEqual([0, NaN, 841.6].map(format.latency), ["–", "–", "842 ms"]);
});

test("instants", () => {
  assert.equal(format.instant(1767323045999), "2026-01-02T03:04:05Z");
  assert.equal(format.instant(NaN), null);
  assert.equal(format.clock(NaN, 0), "–");
  const now = Date.now();
  assert.match(format.clock(now, now), /^\d\d:\d\d:\d\d$/);
  assert.match(format.clock(0, now), /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$/);
});
