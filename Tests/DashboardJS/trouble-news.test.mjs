import assert from "node:assert/strict";
import { test } from "node:test";

import { TroubleNews } from "../../dashboard/trouble-news.js";

const items = (...ids) => ids.map((id) => ({ id, words: `${id} is down` }));

test("a trouble is told once when it begins and once when it is over", () => {
  const news = new TroubleNews(items("a"));
  assert.equal(news.take(items("a")), "");
  assert.equal(news.take(items("a", "b")), "Trouble: b is down.");
  assert.equal(news.take(items("a", "b")), "");
  assert.equal(news.take(items("b")), "Over: a is down.");
  assert.equal(news.take([]), "All is well again.");
  assert.equal(news.take([]), "");
});

test("a trouble whose words change, such as a count, is no new one", () => {
  const news = new TroubleNews([]);
  assert.equal(news.take([{ id: "x", words: "3 of 9 have failed" }]), "Trouble: 3 of 9 have failed.");
  assert.equal(news.take([{ id: "x", words: "4 of 9 have failed" }]), "");
});

test("of many at once some are told by name", () => {
  assert.equal(new TroubleNews([]).take(items("a", "b", "c", "d", "e")), "Trouble: a is down; b is down; c is down; 2 more.");
});
