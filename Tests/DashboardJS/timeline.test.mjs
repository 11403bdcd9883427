import assert from "node:assert/strict";
import { test } from "node:test";

import { curl, lanes, quoted, ticks, words } from "../../dashboard/timeline.js";

const at = (at_ms, event, more = {}) => ({ at_ms, event, ...more });
const shapes = (lane) => lane.segments.map(({ kind, from, to }) => `${kind} ${from}-${to}`);

test("a request that is answered at once has one attempt, and what it was at", () => {
  const { lanes: rows, end } = lanes([
    at(0, "arrived"), at(0, "attempt", { backend_id: "one", reason: "only-candidate", candidates: 1 }), at(2, "connected"),
    at(40, "first_byte"), at(41, "committed"), at(100, "last_byte"), at(101, "ended", { status_code: 200 }),
  ]);
  assert.equal(end, 101);
  assert.deepEqual(rows.map(({ label, backend }) => [label, backend]), [["Attempt 1", "one"]]);
  assert.deepEqual(shapes(rows[0]), ["connecting 0-2", "waiting 2-40", "answering 40-100", "ending 100-101"]);
});

test("waiting for a place, and a failure with another attempt behind it, have their stretches", () => {
  const { lanes: rows } = lanes([
    at(0, "arrived"), at(5, "queued"), at(50, "attempt", { backend_id: "one", reason: "smart", candidates: 2 }),
    at(60, "attempt_failed", { backend_id: "one", error_message: "refused", counts_against_backend: true }),
    at(90, "attempt", { backend_id: "two", reason: "smart;retry", candidates: 1 }), at(95, "connected"), at(99, "first_byte"),
    at(120, "ended", { status_code: 200 }),
  ]);
  assert.deepEqual(shapes(rows[0]), ["choosing 0-5", "queued 5-50", "choosing 60-90"]);
  assert.deepEqual(shapes(rows[1]), ["connecting 50-60", "failed 60-60"]);
  assert.equal(rows[1].failure, "refused");
  assert.deepEqual(shapes(rows[2]), ["connecting 90-95", "waiting 95-99", "answering 99-120"]);
});

test("of two attempts beside each other the one that is given up ends where it is, and the other goes on", () => {
  const { lanes: rows } = lanes([
    at(0, "arrived"), at(0, "attempt", { attempt: 0, backend_id: "one", reason: "smart", candidates: 2 }), at(2, "connected"),
    at(50, "attempt", { attempt: 1, backend_id: "two", reason: "smart;hedge", candidates: 1 }), at(53, "connected"),
    at(60, "attempt_leads", { attempt: 1 }), at(60, "attempt_left", { attempt: 0 }), at(60, "first_byte"), at(90, "last_byte"),
    at(90, "ended", { status_code: 200 }),
  ]);
  assert.deepEqual(rows.map(({ label }) => label), ["Attempt 1", "Attempt 2"]);
  assert.deepEqual(shapes(rows[0]), ["connecting 0-2", "waiting 2-60", "left 60-60"]);
  assert.deepEqual(shapes(rows[1]), ["connecting 50-53", "waiting 53-60", "answering 60-90"]);
});

test("stretches never overlap, never go back, and lie within the request", () => {
  const kinds = ["queued", "connected", "first_byte", "committed", "last_byte", "attempt_failed", "attempt_left", "attempt_leads", "model_left", "attempt"];
  let seed = 7;
  const random = (below) => (seed = (seed * 48271) % 2147483647) % below;
  for (let run = 0; run < 300; run += 1) {
    const events = [at(0, "arrived")];
    for (let index = 0; index < 12; index += 1) {
      events.push(at(events.at(-1).at_ms + random(20), kinds[random(kinds.length)], {
        backend_id: "b", attempt: random(4), reason: random(2) ? "smart" : "smart;hedge", candidates: 2,
      }));
    }
    events.push(at(events.at(-1).at_ms + random(20), "ended", { status_code: 200 }));
    const { lanes: rows, end } = lanes(events);
    for (const lane of rows) {
      let last = 0;
      for (const { from, to } of lane.segments) {
        assert.ok(from >= last && to >= from && to <= end);
        last = to;
      }
    }
  }
});

test("no event, no time: nothing to draw, and nothing breaks", () => {
  assert.deepEqual(lanes([]), { lanes: [], end: 0 });
  assert.deepEqual(lanes([at(0, "arrived"), at(0, "ended", { status_code: 404 })]).lanes, []);
});

test("an axis has round marks", () => {
  assert.deepEqual(ticks(100), [0, 20, 40, 60, 80, 100]);
  assert.deepEqual(ticks(0), [0]);
  assert.deepEqual(ticks(1234, 4), [0, 500, 1000]);
  for (const end of [0.003, 1, 17, 59_000, 1e7]) assert.ok(ticks(end).length >= 2 && ticks(end).length <= 8, String(end));
});

test("events are told in words", () => {
  assert.equal(words(at(0, "attempt", { backend_id: "one", reason: "smart;candidates=3;score=-1;retry", candidates: 3 })),
    "Asked one: chosen of 3 by smart, after another failed");
  assert.equal(words(at(0, "attempt", { backend_id: "one", reason: "only-candidate", candidates: 1 })),
    "Asked one: the only one that could be asked");
  assert.equal(words(at(0, "attempt_failed", { backend_id: "one", error_message: "x", counts_against_backend: false })),
    "one failed: x (not its fault)");
  assert.equal(words(at(0, "ended", { status_code: 502, error_message: "x" })), "Ended with 502: x");
  assert.equal(words(at(0, "something new")), "something new");
});

test("a command cannot hold more than one request, whatever the model is called", () => {
  const model = `x'; rm -rf ~ #\n\u202e"$(id)\``;
  const text = curl({ endpoint: "/v1/chat/completions", model, stream: true }, "http://h:1");
  assert.ok(!/[^\x20-\x7e\n]/.test(text));
  // As a POSIX shell takes words in single quotes apart.
  const inQuotes = [...text.matchAll(/'((?:[^']|'\\'')*)'/g)].map((match) => match[1].replaceAll("'\\''", "'"));
  const rest = text.replace(/'(?:[^']|'\\'')*'/g, "");
  assert.equal(rest.replace(/\s|\\/g, ""), "curl-H-d");
  assert.deepEqual(JSON.parse(inQuotes.at(-1)).model, model);
  assert.equal(quoted("a'b"), "'a'\\''b'");
});

test("a command has the body of its API, and no secret", () => {
  const body = (endpoint, stream = false) =>
    JSON.parse(curl({ endpoint, model: "m", stream }, "http://h").split("-d '")[1].slice(0, -1));
  assert.deepEqual(Object.keys(body("/v1/embeddings")), ["model", "input"]);
  assert.deepEqual(Object.keys(body("/v1/messages", true)), ["model", "max_tokens", "messages", "stream"]);
  assert.equal(body("/api/chat").stream, false);
  assert.ok(curl({ endpoint: "/x'; evil", model: "m" }, "http://h").startsWith("curl 'http://h/v1/chat/completions'"));
});
