import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { test } from "node:test";

import { clientTexts, placeholder, quoted, word } from "../../dashboard/connect-texts.js";

const parts = (options) =>
  clientTexts({ origin: "http://gpu:8000", model: "m", ...options }).flatMap((client) => client.parts);
const part = (id, options) => parts(options).find((one) => one.id === id).text;
const hostile = `it's "x" $(id) \`id\` \\ \u202e </script> é 😀`;

test("every client is there, each part with a name of its own", () => {
  const clients = clientTexts({ origin: "http://gpu:8000", model: "m" });
  assert.deepEqual(clients.map((client) => client.id), [
    "curl", "openai", "anthropic", "claude-code", "ollama", "langchain", "open-webui", "continue", "zed",
  ]);
  const ids = parts().map((one) => one.id);
  assert.equal(new Set(ids).size, ids.length);
});

test("all texts name the address that the browser used; those with a model name it", () => {
  for (const one of parts({ origin: "https://llm.example:8443", model: "llama3.2:3b" })) {
    assert.ok(one.text.includes("https://llm.example:8443"), one.id);
    if (!["openai-env", "ollama-env", "open-webui"].includes(one.id)) assert.ok(one.text.includes("llama3.2:3b"), one.id);
  }
});

test("a key is only ever a placeholder", () => {
  for (const one of parts()) {
    for (const [, value] of one.text.matchAll(/(?:api_?key|token|bearer)["']?[ =:]+["']?([\w-]+)/gi)) {
      assert.equal(value.startsWith(placeholder) || value === "claude", true, `${one.id}: ${value}`);
    }
  }
});

test("a name of a model is a text in every language, whatever is in it", () => {
  assert.deepEqual(JSON.parse(quoted(hostile)), hostile);
  assert.ok(!quoted(hostile).includes("\u202e"));
  const printed = execFileSync("sh", ["-c", `printf %s ${word(hostile)}`]).toString();
  assert.equal(printed, hostile);
  assert.deepEqual(JSON.parse(part("zed", { model: hostile })).language_models.openai_compatible.Nexus.available_models[0].name, hostile);
  assert.equal(JSON.parse(part("claude-code-settings", { model: hostile })).env.ANTHROPIC_MODEL, hostile);
  const script = part("curl", { model: hostile }).replace("curl ", "printf '%s\\n' ");
  const body = execFileSync("sh", ["-c", script]).toString().split("\n").at(-2);
  assert.equal(JSON.parse(body).model, hostile);
});

test("what is known of the model is told, and what is not is named as a guess", () => {
  const of = (options) => JSON.parse(part("zed", options)).language_models.openai_compatible.Nexus.available_models[0];
  assert.equal(of({ context: 32768 }).max_tokens, 32768);
  assert.deepEqual(of({ vision: true, tools: true }).capabilities, {
    tools: true, images: true, parallel_tool_calls: false, prompt_cache_key: false,
  });
  const note = (options) => clientTexts({ origin: "http://a", model: "m", ...options }).at(-1).note;
  assert.ok(note({}).includes("guess") && !note({ context: 1 }).includes("guess"));
  assert.ok(part("continue", { tools: true }).includes("tool_use") && !part("continue").includes("tool_use"));
});

test("a container reaches a gateway that listens on this machine alone", () => {
  for (const origin of ["http://localhost:8000", "http://127.0.0.1:8000", "http://[::1]:8000"]) {
    assert.ok(part("open-webui", { origin }).includes("--network=host"), origin);
  }
  assert.ok(part("open-webui", { origin: "http://192.168.1.5:8000" }).includes("-p 3000:8080"));
});
