import assert from "node:assert/strict";
import { test } from "node:test";

import { holderWords, matching, modelRows, Offers, sorted, visible } from "../../dashboard/model-rows.js";

const offer = (id, backend, more) => ({ id, owned_by: backend, backend_id: backend, context_length: 0, abilities: [], ...more });
const ids = (rows) => rows.map((row) => row.id);

test("one row a name, with who has it, and aliases with who has their model", () => {
  const rows = modelRows([
    offer("a", "one", { context_length: 8192, abilities: ["tools"], size_bytes: 5 }),
    offer("a", "two", { context_length: 4096, abilities: ["vision", "tools"] }),
    { ...offer("fast", "one"), alias_of: "a" }, { ...offer("gone", "one"), alias_of: "nothing" },
  ]);
  assert.deepEqual(ids(rows), ["a", "fast"]);
  assert.deepEqual([rows[0].context, rows[0].abilities, rows[0].size], [4096, ["tools", "vision"], 5]);
  assert.deepEqual(rows[1].holders.map((holder) => holder.name), ["one", "two"]);
  assert.equal(rows[1].aliasOf, "a");
});

test("where it is loaded, how much memory that takes, and which goes first; what is not known is null", () => {
  const [a, b, c, d] = modelRows([
    offer("a", "one", { loaded: true, memory_bytes: 5, loaded_until: "2026-01-01T00:00:02Z" }),
    offer("a", "two", { loaded: true, memory_bytes: 6, loaded_until: "2026-01-01T00:00:01Z" }),
    offer("b", "one", { loaded: true, memory_bytes: null, loaded_until: "forever" }),
    offer("c", "one", { loaded: false }), offer("d", "one"),
  ]);
  assert.deepEqual([a.loaded, a.memory, a.until], [2, 11, "2026-01-01T00:00:01Z"]);
  assert.deepEqual([b.loaded, b.memory, b.until], [1, null, "forever"]);
  assert.deepEqual([c.loaded, c.memory, c.until], [0, null, null]);
  assert.equal(d.loaded, null);
});

test("the part of one backend is replaced, with what its models are called besides", () => {
  const offers = new Offers();
  offers.takeAll([offer("a", "one"), offer("b", "one"), offer("a", "two"), { ...offer("fast", "one"), alias_of: "b" }]);
  offers.take("one", [offer("a", "one", { loaded: true }), offer("c", "one"), { ...offer("new", "one"), alias_of: "c" }]);
  const rows = modelRows(offers.data);
  assert.deepEqual(ids(sorted(rows, "model")), ["a", "c", "new"]);
  assert.deepEqual([rows.find((row) => row.id === "a").loaded, rows.find((row) => row.id === "a").holders.length], [1, 2]);
  offers.take("two", []);
  assert.equal(modelRows(offers.data)[0].holders.length, 1);
});

test("every word must be somewhere, in any case", () => {
  const rows = modelRows([offer("Llama3:8b", "gpu-1", { abilities: ["tools"], loaded: true }), offer("qwen", "gpu-2")]);
  assert.deepEqual(ids(matching(rows, "LLAMA gpu")), ["Llama3:8b"]);
  assert.deepEqual(ids(matching(rows, "gpu")), ["Llama3:8b", "qwen"]);
  assert.deepEqual(ids(matching(rows, "loaded tools")), ["Llama3:8b"]);
  assert.deepEqual(matching(rows, "  "), rows);
});

test("numbers in names count as numbers, and what is not known comes last both ways", () => {
  const rows = modelRows([offer("m10", "a"), offer("m9", "a", { context_length: 5 }), offer("m2", "a", { context_length: 9 })]);
  assert.deepEqual(ids(sorted(rows, "model")), ["m2", "m9", "m10"]);
  assert.deepEqual(ids(sorted(rows, "model", true)), ["m10", "m9", "m2"]);
  assert.deepEqual(ids(sorted(rows, "context")), ["m9", "m2", "m10"]);
  assert.deepEqual(ids(sorted(rows, "context", true)), ["m2", "m9", "m10"]);
});

test("only rows near the window are drawn, and the space of all is kept", () => {
  for (const top of [0, 1, 1000, 199_000, 1e9]) {
    const view = visible(5000, { top, height: 600, row: 40 });
    assert.ok(view.last - view.first <= 40 && view.last > view.first, `${top}`);
    assert.equal(view.before + (view.last - view.first) * 40 + view.after, 5000 * 40);
  }
  assert.deepEqual(visible(0, { top: 0, height: 600, row: 40 }), { first: 0, last: 0, before: 0, after: 0 });
});

test("5,000 models at 10 backends each are made, searched and sorted", () => {
  const data = [];
  for (let model = 0; model < 5000; model += 1) for (let at = 0; at < 10; at += 1) data.push(offer(`model-${model}`, `gpu-${at}`));
  const rows = modelRows(data);
  assert.equal(sorted(matching(rows, "model-49"), "model").length, 111);
  assert.deepEqual(ids(sorted(rows, "model").slice(0, 3)), ["model-0", "model-1", "model-2"]);
});

test("backends that do not serve stand there with their state, and a model that no one serves is told from the others", () => {
  const [a, b] = modelRows([
    offer("a", "one", { backend_status: "GoingDown" }), offer("a", "two", { backend_status: "Draining" }), offer("b", "three", { backend_status: "GoingUp" }),
  ]);
  assert.equal(holderWords(a), "one, two (draining)");
  assert.deepEqual([a.isServed, b.isServed, holderWords(b)], [true, false, "three (going up)"]);
  assert.deepEqual(ids(matching([a, b], "draining")), ["a"]);
  assert.equal(modelRows([offer("c", "one")])[0].isServed, true);
});
