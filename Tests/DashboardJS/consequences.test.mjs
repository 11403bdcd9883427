import assert from "node:assert/strict";
import { test } from "node:test";

import { consequences, onlyHere } from "../../dashboard/consequences.js";

const backend = { id: "one", discovery_source: "manual" };
const offers = [
  { id: "a", backend_id: "one" }, { id: "a", backend_id: "two" }, { id: "b", backend_id: "one" }, { id: "b2", alias_of: "b" },
  { id: "c", backend_id: "two" },
];
const active = [{ backend_id: "one", stream: true }, { backend_id: "one" }, { backend_id: "two", stream: true }, { backend_id: null }];

test("models that no other backend has are named, with the operator's names for them", () => {
  assert.deepEqual(onlyHere("one", offers), ["b", "b2"]);
  assert.deepEqual(onlyHere("two", offers), ["c"]);
  assert.deepEqual(onlyHere("three", offers), []);
});

test("what is under way is counted, and what becomes of it is told", () => {
  const drain = consequences("drain", backend, { offers, active }).join(" ");
  assert.match(drain, /2 requests, 1 of them a stream, are under way there and will end as usual/);
  assert.match(drain, /No other backend serves b, b2: requests for them will fail/);
  assert.match(consequences("remove-now", backend, { offers, active })[0], /tried elsewhere/);
  assert.match(consequences("remove", backend, { offers, active: [] })[0], /^No request/);
});

test("what could not be found out is told, and not taken for nothing", () => {
  const told = consequences("remove", backend, { offers: null, active: null }).join(" ");
  assert.match(told, /under way there is not known/);
  assert.match(told, /has its models is not known/);
});

test("a backend of the configuration comes back", () => {
  assert.match(consequences("remove", { ...backend, discovery_source: "static" }, { offers, active: [] }).join(" "), /back at the next start/);
  assert.doesNotMatch(consequences("drain", { ...backend, discovery_source: "static" }, { offers, active: [] }).join(" "), /next start/);
});

test("of many models a few are named", () => {
  const many = Array.from({ length: 9 }, (_, index) => ({ id: `m${index}`, backend_id: "one" }));
  assert.match(consequences("drain", backend, { offers: many, active: [] }).join(" "), /m4 and 4 more/);
});
