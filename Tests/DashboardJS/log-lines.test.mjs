import assert from "node:assert/strict";
import { test } from "node:test";

import { LogLines, lineLimit } from "../../dashboard/log-lines.js";

const answer = (from, to, more) => ({
  instance_id: "a", last_seq: to, skipped: 0, data: Array.from({ length: to - from + 1 }, (_, index) => ({ seq: from + index, message: "m" })), ...more,
});
const numbers = (log) => log.lines.map((line) => line.seq);

test("lines come once, in their order, and only newer ones are asked for", () => {
  const log = new LogLines();
  log.take(answer(1, 3));
  assert.equal(log.after, 3);
  log.take(answer(2, 5));
  assert.deepEqual(numbers(log), [1, 2, 3, 4, 5]);
  log.take(answer(1, 0, { last_seq: 9 }));
  assert.equal(log.after, 9, "lines of other levels are not asked for again");
});

test("what is missing is counted, and what is kept is bounded", () => {
  const log = new LogLines();
  log.take(answer(1, 600));
  log.take(answer(700, 1400, { skipped: 99 }));
  assert.equal(log.lines.length, lineLimit);
  assert.equal(log.skipped, 99);
});

test("a gateway that was restarted is read from its beginning, behind what was read before", () => {
  const log = new LogLines();
  log.take(answer(1, 3));
  assert.equal(log.take(answer(4, 4, { instance_id: "b" })), false);
  assert.equal(log.after, 0);
  log.take(answer(1, 2, { instance_id: "b" }));
  assert.deepEqual(log.lines.map((line) => line.restart ? "restart" : line.seq), [1, 2, 3, "restart", 1, 2]);
});
