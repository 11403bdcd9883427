import assert from "node:assert/strict";
import { test } from "node:test";

import { parse, write } from "../../dashboard/fragment.js";

const plain = (fragment) => ({ ...parse(fragment), query: Object.fromEntries(parse(fragment).query) });

test("an empty fragment is the overview", () => {
  for (const fragment of ["", "#", "#overview", "overview"]) {
    assert.deepEqual(plain(fragment), { view: "overview", query: {}, backend: null, request: null, seq: null });
  }
});

test("a view has a query, and what lies over it stands before that", () => {
  assert.deepEqual(plain("#history?model=a%2Fb&status=Error"),
    { view: "history", query: { model: "a/b", status: "Error" }, backend: null, request: null, seq: null });
  assert.deepEqual(plain("#plots&backend=x%20y?backend=b"),
    { view: "plots", query: { backend: "b" }, backend: "x y", request: null, seq: null });
});

test("a request in the query lies over the view, and so does a backend where the view has no query", () => {
  assert.deepEqual(plain("#history?model=m&request=r"), { view: "history", query: { model: "m" }, backend: null, request: "r", seq: null });
  assert.deepEqual(plain("#overview?backend=b"), { view: "overview", query: {}, backend: "b", request: null, seq: null });
  assert.deepEqual(plain("#plots?backend=b").backend, null);
});

test("what was written is read again, whatever the names hold", () => {
  const odd = "a&b=c?d#e%20/\u202e ü";
  for (const state of [
    { view: "history", query: { text: odd, model: odd }, backend: null, request: odd, seq: "7" },
    { view: "overview", query: {}, backend: odd, request: null, seq: null },
    { view: "plots", query: { backend: odd }, backend: odd, request: null, seq: null },
  ]) assert.deepEqual(plain(write(state)), state);
});

test("what is empty is left out", () => {
  assert.equal(write({ view: "history", query: { model: "", status: null, text: undefined } }), "#history");
  assert.equal(write({ view: "overview" }), "#overview");
});
