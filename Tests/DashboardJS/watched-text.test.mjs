import assert from "node:assert/strict";
import { test } from "node:test";

import { WatchedText, textLimit } from "../../dashboard/watched-text.js";

const text = (kind, value) => ({ update_type: "ExchangeText", data: { exchange: "0-1", kind, position: 0, text: value } });

test("pieces of one kind are one part, and another kind begins another", () => {
  const watched = new WatchedText();
  for (const [kind, value] of [["thinking", "hm"], ["thinking", "m"], ["answer", "a"], ["answer", "b"], ["call", "f {}"]]) {
    assert.equal(watched.take(text(kind, value)), true);
  }
  assert.deepEqual(watched.parts, [{ kind: "thinking", text: "hmm" }, { kind: "answer", text: "ab" }, { kind: "call", text: "f {}" }]);
  assert.equal(watched.characters, 9);
});

test("what was left out is told where it is missing, and counted", () => {
  const watched = new WatchedText();
  watched.take(text("answer", "a"));
  watched.take({ update_type: "ExchangeSkipped", data: { exchange: "0-1", characters: 12, bytes: null } });
  watched.take(text("answer", "z"));
  assert.deepEqual(watched.parts.map((part) => part.text), ["a", "[12 characters left out]", "z"]);
  assert.equal(watched.skipped, 12);
});

test("of more than is kept the oldest go", () => {
  const watched = new WatchedText();
  watched.take(text("thinking", "t".repeat(10)));
  watched.take(text("answer", "a".repeat(textLimit)));
  assert.deepEqual(watched.parts.map((part) => [part.kind, part.text.length]), [["answer", textLimit]]);
  watched.take(text("answer", "bc"));
  assert.equal(watched.parts[0].text.length, textLimit);
  assert.ok(watched.parts[0].text.endsWith("abc"));
  assert.equal(watched.forgotten, 12);
});

test("it is said how the request stands", () => {
  const watched = new WatchedText();
  assert.equal(watched.told, "Asking for it.");
  watched.take({ update_type: "ExchangeWatched", data: { exchange: "0-1" } });
  assert.match(watched.told, /^Live/);
  watched.take({ update_type: "ExchangeEnded", data: { exchange: "0-1", reason: "ended", status: 200, message: null } });
  watched.closed();
  assert.equal(watched.told, "The request has ended with status 200.");
});

test("a socket that never opens is a refusal, and one that breaks a loss", () => {
  const [refused, lost] = [new WatchedText(), new WatchedText()];
  refused.closed();
  assert.match(refused.told, /not shown/);
  lost.take({ update_type: "ExchangeWatched", data: { exchange: "0-1" } });
  lost.closed();
  assert.match(lost.told, /lost/);
});

test("what it does not know it passes over", () => {
  const watched = new WatchedText();
  for (const message of [null, {}, { update_type: "Other" }, { update_type: "ExchangeText" }]) assert.equal(watched.take(message), false);
  assert.deepEqual(watched.parts, []);
});
