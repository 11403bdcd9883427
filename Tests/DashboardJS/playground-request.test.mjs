import assert from "node:assert/strict";
import { test } from "node:test";

import { Answer, chatBody, shownBody } from "../../dashboard/playground-request.js";

const form = (members) => ({ model: "m", prompt: "hi", stream: true, values: {}, ...members });

test("a chat has what was filled in, and nothing else", () => {
  assert.deepEqual(chatBody(form({})).body, {
    model: "m", messages: [{ role: "user", content: "hi" }], stream: true, stream_options: { include_usage: true },
  });
  assert.deepEqual(chatBody(form({ stream: false, system: "Be brief.", values: { temperature: "0", seed: "7" } })).body, {
    model: "m", messages: [{ role: "system", content: "Be brief." }, { role: "user", content: "hi" }], temperature: 0, seed: 7, stream: false,
  });
});

test("an image goes along as a data URL, and is not spelt out where the request is shown", () => {
  const image = `data:image/png;base64,${"A".repeat(500)}`;
  const { body } = chatBody(form({ image }));
  assert.deepEqual(body.messages[0].content[1], { type: "image_url", image_url: { url: image } });
  assert.ok(!shownBody(body).includes("AAAA") && shownBody(body).includes("(522 characters)"));
});

test("what is wrong is told with the field", () => {
  for (const [members, field, words] of [
    [{ model: " " }, "model", /model/], [{ prompt: "" }, "prompt", /prompt/],
    [{ values: { temperature: "3" } }, "temperature", /between 0 and 2/],
    [{ values: { max_tokens: "0" } }, "max_tokens", /at least 1/],
    [{ values: { max_tokens: "1.5" } }, "max_tokens", /whole number/],
    [{ values: { seed: "x" } }, "seed", /whole number/],
    [{ more: "{" }, "more", /not JSON/], [{ more: "[1]" }, "more", /JSON object/], [{ more: "null" }, "more", /JSON object/],
  ]) {
    const told = chatBody(form(members));
    assert.equal(told.field, field);
    assert.match(told.error, words);
    assert.equal(told.body, undefined);
  }
});

test("further members go over the others", () => {
  assert.equal(chatBody(form({ more: '{"stop":["x"],"stream":false}' })).body.stream, false);
});

const chunk = (delta, more) => ({ data: JSON.stringify({ choices: [{ index: 0, delta, ...more }] }) });

test("a stream tells its text, the time to its first token and its speed; until the server has counted these are estimates", () => {
  const answer = new Answer(1000);
  answer.event(chunk({ role: "assistant" }), 1100);
  assert.equal(answer.figures(1100).ttft, null);
  answer.event(chunk({ content: "a" }), 1200);
  answer.event(chunk({ content: "b" }), 1300);
  answer.event(chunk({ content: "c" }), 1400);
  assert.deepEqual(answer.figures(1500), { elapsed: 500, ttft: 200, tokens: 3, prompt: null, speed: 10, estimated: true });
  answer.event(chunk({}, { finish_reason: "stop" }), 1500);
  answer.event({ data: JSON.stringify({ choices: [], usage: { prompt_tokens: 5, completion_tokens: 5 } }) }, 1500);
  answer.event({ data: "[DONE]" }, 1500);
  assert.deepEqual(answer.figures(9000), { elapsed: 8000, ttft: 200, tokens: 5, prompt: 5, speed: 20, estimated: false });
  assert.deepEqual([answer.text, answer.finish, answer.error], ["abc", "stop", null]);
});

test("thinking and calls of tools are kept apart from the text", () => {
  const answer = new Answer(0);
  answer.event(chunk({ reasoning_content: "hm" }), 1);
  answer.event(chunk({ tool_calls: [{ index: 0, function: { name: "f", arguments: "{\"a\"" } }] }), 2);
  answer.event(chunk({ tool_calls: [{ index: 0, function: { arguments: ":1}" } }] }), 3);
  assert.equal(answer.thinking, "hm");
  assert.deepEqual(answer.calls, [{ name: "f", arguments: '{"a":1}' }]);
});

test("an error in the stream is told in the server's words, and so is what is not JSON", () => {
  const answer = new Answer(0);
  answer.event({ data: '{"error":{"message":"CUDA error"}}' }, 1);
  assert.equal(answer.error, "CUDA error");
  const other = new Answer(0);
  other.event({ data: "x" }, 1);
  assert.match(other.error, /not JSON/);
});

test("of a whole answer the first token's time is not known", () => {
  const answer = new Answer(0);
  answer.whole('{"choices":[{"message":{"content":"hello"},"finish_reason":"stop"}],"usage":{"prompt_tokens":3,"completion_tokens":2}}', 500);
  assert.equal(answer.text, "hello");
  assert.deepEqual(answer.figures(500), { elapsed: 500, ttft: null, tokens: 2, prompt: 3, speed: null, estimated: false });
});

test("the raw answer is bounded, and says what is left out", () => {
  const answer = new Answer(0);
  for (let i = 0; i < 5; i += 1) answer.keep("x".repeat(100_000));
  assert.equal(answer.raw.length + answer.rawOmitted, 500_000);
  assert.ok(answer.raw.length <= 256 * 1024);
});
