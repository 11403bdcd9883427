import assert from "node:assert/strict";
import { test } from "node:test";

import * as figures from "../../dashboard/figures.js";

test("what is not known is blank, never a zero", () => {
  for (const unknown of [null, undefined, NaN, Infinity, "3"]) {
    for (const name of ["count", "duration", "bytes", "rate", "tokenRate", "percent", "context"]) {
      assert.equal(figures[name](unknown), "", name);
    }
    assert.equal(figures.counted(unknown, "model", "models"), "");
  }
  assert.equal(figures.estimate(""), "");
});

test("counts are grouped", () => {
  assert.deepEqual([0, 999, 1000, 1234567, -1000].map(figures.count), ["0", "999", "1,000", "1,234,567", "-1,000"]);
  assert.equal(figures.counted(1, "model", "models"), "1 model");
  assert.equal(figures.counted(2, "model", "models"), "2 models");
});

test("durations have as many digits as are read", () => {
  const said = { 0: "0 ms", 850: "850 ms", 999: "999 ms", 1000: "1.00 s", 1234: "1.23 s", 9994: "9.99 s", 12340: "12.3 s",
    59949: "59.9 s", 59950: "1 min 00 s", 125000: "2 min 05 s", 36_000_000: "10 h 00 min" };
  for (const [milliseconds, text] of Object.entries(said)) assert.equal(figures.duration(Number(milliseconds)), text);
});

test("bytes go up to the unit in which they are read", () => {
  assert.deepEqual([0, 512, 1024, 1536, 1048575, 12 * 2 ** 20, 3.4 * 2 ** 30].map(figures.bytes),
    ["0 B", "512 B", "1.0 KiB", "1.5 KiB", "1.0 MiB", "12 MiB", "3.4 GiB"]);
});

test("rates, shares and contexts", () => {
  assert.deepEqual([0, 7.5, 99.94, 142.3, 1050].map(figures.rate), ["0.0", "7.5", "99.9", "142", "1,050"]);
  assert.equal(figures.tokenRate(41.26, true), "~41.3 tokens/s");
  assert.deepEqual([0, 0.012, 1, 2].map(figures.percent), ["0.0%", "1.2%", "100.0%", "100.0%"]);
  assert.deepEqual([0, 128_000, 131_072, 200_500].map(figures.context), ["", "128K", "128K", "200,500"]);
  assert.equal(figures.estimate("12"), "~12");
});
