import assert from "node:assert/strict";
import { test } from "node:test";

import { EventStream } from "../../dashboard/event-stream.js";

const bytes = (text) => new TextEncoder().encode(text);

/** The events of a text that comes in pieces of so many bytes. */
function read(text, size = Infinity) {
  const stream = new EventStream();
  const all = bytes(text);
  const events = [];
  for (let at = 0; at < all.length; at += size) events.push(...stream.push(all.subarray(at, at + size)));
  events.push(...stream.end());
  return events;
}

const text = 'data: {"a":"é😀"}\r\n\r\n: keep-alive\n\nevent: error\ndata: one\ndata:  two\n\n\rdata\r\rid: 7\nretry: 1\ndata: [DONE]\n\n';
const events = [
  { event: "message", data: '{"a":"é😀"}' }, { event: "error", data: "one\n two" }, { event: "message", data: "" },
  { event: "message", data: "[DONE]" },
];

test("events are the same however their bytes are cut", () => {
  for (let size = 1; size <= bytes(text).length; size += 1) assert.deepEqual(read(text, size), events, `${size}`);
});

test("each event is told as soon as it is complete", () => {
  const stream = new EventStream();
  assert.deepEqual(stream.push(bytes("data: a\n")), []);
  assert.deepEqual(stream.push(bytes("\ndata: b")), [{ event: "message", data: "a" }]);
  assert.deepEqual(stream.end(), [{ event: "message", data: "b" }]);
});

test("bytes that are no text do not end it", () => {
  const stream = new EventStream();
  const events = stream.push(Uint8Array.of(...bytes("data: a"), 0xff, 0xfe, ...bytes("b\n\n")));
  assert.deepEqual(events, [{ event: "message", data: "a\ufffd\ufffdb" }]);
});

test("a line without an end is given up, not kept", () => {
  const stream = new EventStream();
  const piece = bytes("x".repeat(1 << 20));
  assert.throws(() => { for (let i = 0; i < 10; i += 1) stream.push(piece); }, /too long/);
});
