import assert from "node:assert/strict";
import { test } from "node:test";

import { fits, route } from "../../dashboard/history-filter.js";

const entry = {
  timestamp: 1_000_000, model: "m", backend_id: "two", status: "Error", status_code: 503, api: "openai", client: "10.0.0.7",
  request_id: "abc", endpoint: "/v1/chat/completions", error_message: "Nobody is there",
  route: [{ backend_id: "one", model: "m-at-one", error_message: "CUDA error" }, { backend_id: "two" }],
};
const now = 1_000_100_000;
const does = (query) => fits(entry, new URLSearchParams(query), now);

test("an entry fits a filter as it does at the gateway", () => {
  for (const query of [
    "", "model=m", "model=m-at-one", "backend=one", "backend=two", "status=Error", "status=503", "status=5xx", "api=OpenAI", "client=10.0.0.7",
    "text=cuda", "text=NOBODY", "text=abc", "text=completions", "last=300", "from=1000000", "to=1970-01-12T13:46:40Z", "model=m&status=5xx", "model=",
  ]) assert.ok(does(query), query);
  for (const query of [
    "model=n", "backend=three", "status=Success", "status=404", "status=4xx", "api=ollama", "client=10.0.0.8", "text=absent", "last=60",
    "from=1000001", "to=999999", "model=m&status=4xx",
  ]) assert.ok(!does(query), query);
});

test("what is asked of the gateway is what the address says, with the time worked out", () => {
  assert.equal(route(new URLSearchParams("model=a b&last=60&page=3"), now, { limit: 5 }), "/v1/history?model=a+b&from=1000040&limit=5");
  assert.equal(route(new URLSearchParams(""), now), "/v1/history");
});
