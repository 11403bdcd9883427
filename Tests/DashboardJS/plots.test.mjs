import assert from "node:assert/strict";
import { test } from "node:test";

import { basisOf } from "../../dashboard/plot-changes.js";
import { Cursor } from "../../dashboard/plot-cursor.js";
import {
  asleepSteps, highest, linesOf, newestWhole, pathOf, plots, plotsOf, queryOf, stepOf, stepSpan, subjectOf, wishes,
} from "../../dashboard/plot-data.js";
import { areaPath, dotPath, linePath, stretches } from "../../dashboard/plot-paths.js";
import { clockOf, place, roundDuration, roundTop, stepAt, timeMarks, written } from "../../dashboard/plot-scale.js";

const wished = (text) => wishes(new URLSearchParams(text));
const plot = (id) => plots.find((each) => each.id === id);

test("the top of a plot is a round number that no value exceeds", () => {
  const tops = [[0, 1], [0.3, 0.3], [0.31, 0.4], [1, 1], [1.2, 1.5], [7, 8], [85, 100], [1001, 1500]];
  for (const [value, top] of tops) assert.ok(Math.abs(roundTop(value) - top) < 1e-9, `${value}: ${roundTop(value)}`);
  for (const value of [NaN, Infinity, -1, null, undefined]) assert.equal(roundTop(value), 1);
  for (let value = 0.001; value < 1e9; value *= 1.37) assert.ok(roundTop(value) >= value && roundTop(value) <= value * 1.7);
});

test("durations have round seconds and minutes", () => {
  const tops = [[640, 800], [1400, 1500], [1600, 2000], [4100, 5000], [70_000, 80_000], [95_000, 120_000], [3_000_000, 3_000_000]];
  for (const [value, top] of tops) assert.equal(Math.round(roundDuration(value)), top, String(value));
});

test("values lie between the top and the bottom", () => {
  assert.equal(place(0, 10), 100);
  assert.equal(place(10, 10), 4);
  assert.equal(place(99, 10), 4);
  assert.equal(place(-3, 10), 100);
});

test("what is not known is a gap, and a value between gaps a dot", () => {
  const values = [1, 2, null, 4, null, null, NaN, 8];
  assert.deepEqual(stretches(values).map(({ first, values: known }) => [first, known.length]), [[0, 2], [3, 1], [7, 1]]);
  assert.equal(linePath(values, 8), "M0.5 88L1.5 76");
  assert.equal(dotPath(values, 8), "M3.5 52h0M7.5 4h0");
  assert.equal(areaPath([null, 8, 0], 8), "M1.5 100L1.5 4L2.5 100L2.5 100z");
  assert.equal(linePath([], 1) + linePath([null], 1) + areaPath([null], 1), "");
});

test("a place of the pointer is a step, also beside the plot", () => {
  assert.deepEqual([-1, 0, 0.499, 0.5, 1, 2].map((share) => stepAt(share, 30)), [0, 0, 14, 15, 29, 29]);
});

test("round times of the viewer's day are told below a plot", () => {
  assert.deepEqual(timeMarks(1010, 1310, 0).map(({ at }) => at), [1080, 1140, 1200, 1260]);
  assert.deepEqual(timeMarks(0, 86_400, 3600).map(({ at }) => at), [18_000, 39_600, 61_200, 82_800]);
  const [mark] = timeMarks(1010, 1310, 0);
  assert.ok(Math.abs(mark.share - 70 / 300) < 1e-9);
  for (const seconds of [300, 3600, 86_400, 9e6]) assert.ok(timeMarks(5, 5 + seconds, 0).length <= 105);
});

test("times have seconds where steps are shorter than a minute", () => {
  assert.match(clockOf(1_800_000_010, 10), /^\d\d:\d\d:\d\d$/);
  assert.match(clockOf(1_800_000_000, 60), /^\d\d:\d\d$/);
});

test("a step that has just begun is none in which the gateway did not run", () => {
  assert.deepEqual(asleepSteps({ awake_seconds: [0, 10, 0, 10, 0] }), [0, 2]);
  assert.deepEqual(asleepSteps({ awake_seconds: [10, 0, 0] }), [1, 2]);
});

test("a change in words says how long the times before were", () => {
  const told = { before: [1010, 1000], from: 1020, to: 1022, step_seconds: 10, left_out: 0, data: [{}] };
  assert.equal(basisOf(told), "Against the 2 times 10 s before, the most notable first.");
  assert.match(basisOf({ ...told, before: [] }), /^Nothing is known/);
  assert.match(basisOf({ ...told, data: [], before: [1010], to: 4700 }), /^Nothing is notably other than in the 61 min before/);
});

test("values are written in their unit, and what is not known is blank", () => {
  assert.equal(written(4100, "duration"), "4.10 s");
  assert.equal(written(0.25, "perSecond"), "0.25/s");
  assert.equal(written(0, "perSecond"), "0/s");
  assert.equal(written(1204, "tokens"), "1,204 tokens/s");
  assert.equal(written(3, "level"), "3.0");
  for (const unknown of [null, undefined, NaN]) assert.equal(written(unknown, "level"), "");
});

test("the fragment says what is wished, and nothing that the gateway would refuse", () => {
  assert.deepEqual(wished(""), {
    window: "5m", by: "total", backend: null, model: null, quantile: "p95", table: false, selection: null,
  });
  const odd = wished("window=7d&by=host&quantile=p101&from=9&to=3&show=1");
  assert.deepEqual(odd, wished(""));
  assert.equal(wished("from=1e9&to=2e9").selection, null);
  const all = "window=24h&by=backend&model=a%2Fb&quantile=p50&show=table&from=100&to=160";
  const kept = Object.entries(queryOf(wished(all))).filter(([, value]) => value !== null && value !== undefined);
  assert.equal(new URLSearchParams(kept).toString(), "window=24h&by=backend&model=a%2Fb&quantile=p50&show=table&from=100&to=160");
});

test("of weeks and months there are no levels, and nothing is selected to be compared", () => {
  for (const window of ["week", "month"]) {
    assert.equal(wished(`window=${window}&from=1&to=9`).selection, null);
    const metrics = new URL(pathOf(wished(`window=${window}`)), "http://gateway").searchParams.get("metrics");
    assert.equal(/in_flight|queued/.test(metrics), false);
    assert.equal(metrics.includes("requests"), true);
  }
});

test("times of long steps have their day, and few marks stand below a month", () => {
  assert.match(clockOf(1_800_000_000, 7200), /\d.* \d\d:\d\d$/);
  for (const seconds of [7 * 86_400, 30 * 86_400]) {
    const { length } = timeMarks(5, 5 + seconds, 0);
    assert.ok(length >= 3 && length <= 5, String(length));
  }
});

test("only what is shown is asked for", () => {
  const query = (text) => new URL(pathOf(wished(text)), "http://gateway").searchParams;
  assert.equal(query("by=model").get("metrics").includes("duration_p95_ms"), true);
  assert.equal(query("by=model").get("metrics").includes("duration_p50_ms"), false);
  assert.equal(query("by=model&quantile=p50").get("metrics").includes("duration_p50_ms"), true);
  assert.equal(query("").get("metrics").includes("queued"), true);
  assert.equal(query("backend=a%26b").get("metrics").includes("queued"), false);
  assert.equal(query("backend=a%26b").get("backend"), "a&b");
  assert.deepEqual(plotsOf(wished("model=m")).some(({ id }) => id === "queue"), false);
});

const answer = {
  window: "5m", from: 1000, to: 1031, step_seconds: 10, awake_seconds: [0, 10, 5, 2],
  series: [
    { backend_id: "a", backend: "A", model: null, rest: false, requests: 9, values: { requests: [null, 10, 5, 4], completion_tokens: [null, 0, 50, 7], tokens_estimated: [null, null, 1, null] } },
    { backend_id: null, backend: null, model: null, rest: true, requests: 1, values: { requests: [null, 0, 1, 0] } },
  ],
};

test("counts are by the second in which the gateway ran, and not of a step that has just begun", () => {
  const [line] = linesOf(plot("requests"), answer, wished(""));
  assert.deepEqual(line.values, [null, 1, 1, null]);
  const later = { ...answer, awake_seconds: [0, 10, 5, 4] };
  assert.deepEqual(linesOf(plot("requests"), later, wished(""))[0].values, [null, 1, 1, 1]);
});

test("estimates are known as such, and a metric that did not come is not known", () => {
  const [tokens] = linesOf(plot("tokens"), answer, wished(""));
  assert.deepEqual([1, 2].map(tokens.isEstimate), [false, true]);
  const [mean] = linesOf(plot("in_flight"), answer, wished(""));
  assert.deepEqual(mean.values, [null, null, null, null]);
  assert.equal(highest([mean]), 0);
  assert.deepEqual(linesOf(plot("requests"), { ...answer, series: [] }, wished(""))[0].values, [null, null, null, null]);
});

test("each backend has a line with its name", () => {
  const lines = linesOf(plot("requests"), answer, wished("by=backend"));
  assert.deepEqual(lines.map(({ label }) => label), ["A", "other backends"]);
  assert.deepEqual(subjectOf({ backend_id: "none", backend: "none", rest: false }, "backend"), { text: "no backend", isOwn: true });
  assert.deepEqual(subjectOf({ model: "m", rest: false }, "model"), { text: "m", model: "m" });
});

test("steps have their times, and the last one ends now", () => {
  assert.deepEqual(stepSpan(answer, 1), { from: 1010, to: 1020 });
  assert.deepEqual(stepSpan(answer, 3), { from: 1030, to: 1031 });
  assert.deepEqual([999, 1000, 1039, 1040].map((at) => stepOf(answer, at)), [null, 0, 3, null]);
  assert.equal(newestWhole(answer), 2);
  assert.equal(newestWhole({ awake_seconds: [0, 0, 0, 5] }), 3);
});

function cursor(steps = 30) {
  const seen = [];
  return {
    seen,
    cursor: new Cursor({
      steps: () => steps, moved: (step) => seen.push(step), selecting: (...range) => seen.push(["selecting", ...range]),
      selected: (...range) => seen.push(["selected", ...range]),
    }),
  };
}

test("keys move the cursor within the plots", () => {
  const { cursor: it, seen } = cursor();
  for (const key of ["ArrowLeft", "ArrowLeft", "Home", "ArrowLeft", "End", "PageDown", "Escape"]) assert.ok(it.key({ key }));
  assert.deepEqual(seen, [29, 28, 0, 0, 29, 24, null]);
  assert.equal(it.key({ key: "Escape" }), false, "nothing was left to end");
  assert.equal(it.key({ key: "a" }), false);
});

test("with Shift they select, and Enter compares", () => {
  const { cursor: it, seen } = cursor();
  it.key({ key: "End" });
  for (const key of ["ArrowLeft", "ArrowLeft"]) it.key({ key, shiftKey: true });
  it.key({ key: "Enter" });
  assert.deepEqual(seen.filter(Array.isArray), [["selecting", 28, 29], ["selecting", 27, 29], ["selecting", null], ["selected", 27, 29]]);
});

test("Enter compares a single step, and Escape lets a selection go", () => {
  const { cursor: it, seen } = cursor();
  it.key({ key: "Home" });
  it.key({ key: "Enter" });
  assert.deepEqual(seen.at(-1), ["selected", 0, 0]);
  it.key({ key: "ArrowRight", shiftKey: true });
  it.key({ key: "Escape" });
  assert.deepEqual(seen.at(-2), ["selecting", null]);
});

test("when time goes on, the cursor of the keys stays at its time", () => {
  const { cursor: it, seen } = cursor();
  it.key({ key: "End" });
  it.key({ key: "ArrowLeft", shiftKey: true });
  it.again(2);
  it.key({ key: "Enter" });
  assert.deepEqual(seen.at(-1), ["selected", 26, 27]);
  it.key({ key: "Home" });
  it.again(1);
  assert.equal(it.step, 0);
});

test("keys move no cursor before there are steps", () => {
  const moved = [];
  const cursor = new Cursor({ steps: () => 0, moved: (step) => moved.push(step), selecting() {}, selected() {} });

  assert.equal(cursor.key({ key: "End" }), false);
  assert.deepEqual([cursor.step, moved], [null, []]);
});
