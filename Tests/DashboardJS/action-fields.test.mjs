import assert from "node:assert/strict";
import { test } from "node:test";

import { argumentsText, fields, isOfModel, title, together } from "../../dashboard/action-fields.js";

const action = (properties, required = [], more) => ({ name: "a", parameters: { type: "object", properties, required }, ...more });
const every = fields(action({
  model: { type: "string" }, note: { type: "string" }, tag: { type: "string", default: "latest" },
  steps: { type: "integer" }, ratio: { type: "number", default: 0.5 }, on: { type: "boolean", default: true },
  maybe: { type: "boolean" }, value: { default: [1] },
}, ["model", "steps"]));

test("the fields are those of the schema, whatever the action", () => {
  assert.deepEqual(every.map((field) => [field.name, field.kind, field.required, field.hint]), [
    ["model", "text", true, ""], ["note", "text", false, ""], ["tag", "text", false, "latest"], ["steps", "whole", true, ""],
    ["ratio", "number", false, "0.5"], ["on", "flag", false, ""], ["maybe", "choice", false, ""], ["value", "json", false, "[1]"],
  ]);
  assert.deepEqual(fields({ name: "x" }), []);
});

test("what is filled in becomes arguments; what is left empty is not sent", () => {
  assert.deepEqual(JSON.parse(argumentsText(every, { model: "m", steps: "3", on: false }).text), { model: "m", steps: 3, on: false });
  assert.deepEqual(
    JSON.parse(argumentsText(every, { model: " m ", note: "", steps: "-1", ratio: "1e3", on: true, maybe: "false", value: '{"a":1}' }).text),
    { model: " m ", steps: -1, ratio: 1000, on: true, maybe: false, value: { a: 1 } });
  assert.equal(argumentsText([], {}).text, "{}");
});

test("whole numbers keep all their digits", () => {
  assert.equal(argumentsText(fields(action({ n: { type: "integer" } })), { n: "9007199254740993" }).text, '{"n":9007199254740993}');
  assert.equal(argumentsText(fields(action({ n: { type: "integer" } })), { n: "007" }).text, '{"n":7}');
});

test("what is wrong is told with its argument", () => {
  for (const [values, field, words] of [
    [{ steps: "1" }, "model", /needed/], [{ model: "m", steps: "1.5" }, "steps", /whole number/],
    [{ model: "m", steps: "1", ratio: "x" }, "ratio", /number/], [{ model: "m", steps: "1", value: "{" }, "value", /JSON/],
  ]) {
    const told = argumentsText(every, values);
    assert.equal(told.field, field);
    assert.match(told.error, words);
  }
});

test("an action of several backends is one, unless it is another under the same name", () => {
  const [load, other] = [action({ model: { type: "string" } }), action({ model: { type: "string" }, n: { type: "integer" } })];
  const found = together([
    { backend: "one", actions: [load] }, { backend: "two", actions: [load] }, { backend: "three", actions: [other] },
  ]);
  assert.deepEqual(found.map((one) => one.backends), [["one", "two"], ["three"]]);
  assert.ok(isOfModel(load) && !isOfModel(action({ model: {} })) && !isOfModel({ name: "x" }));
});

test("names are read as words", () => assert.equal(title("pull_model"), "Pull model"));
