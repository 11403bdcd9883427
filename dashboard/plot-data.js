// What is plotted: from the answer of GET /v1/series (docs/series.md) to lines of values. No document: tested by itself.

/**
 * The steps that the gateway keeps of each window, and how often the page asks for newer ones (seconds). What is stored comes
 * from the history's file, also of earlier runs.
 */
export const windows = [
  { name: "5m", title: "5 minutes", every: 1 },
  { name: "1h", title: "1 hour", every: 10 },
  { name: "24h", title: "24 hours", every: 60 },
  { name: "week", title: "Week", every: 300, isStored: true },
  { name: "month", title: "Month", every: 900, isStored: true },
];

/** What there is a line of. */
export const groupings = [
  { name: "total", title: "Together" },
  { name: "backend", title: "By backend" },
  { name: "model", title: "By model" },
];

export const quantiles = ["p50", "p95", "p99"];

/** Lines that can be told apart. */
export const mostLines = 8;

/**
 * Each plot: `lines` are drawn of all together, [metric, label]; `one` is the metric of which each backend or model has a line
 * ("{q}" stands for the quantile that is chosen).
 */
export const plots = [
  { id: "requests", title: "Requests", unit: "perSecond", lines: [["requests", "ended"]], one: "requests" },
  { id: "errors", title: "Errors", unit: "perSecond", lines: [["errors", "errors"], ["refused", "429 and 503"]], one: "errors", isBad: true },
  {
    id: "duration", title: "Duration", unit: "duration", one: "duration_{q}_ms",
    lines: [["duration_p50_ms", "p50"], ["duration_p95_ms", "p95"], ["duration_p99_ms", "p99"]],
  },
  {
    id: "ttft", title: "Time to first token", unit: "duration", one: "ttft_{q}_ms",
    lines: [["ttft_p50_ms", "p50"], ["ttft_p95_ms", "p95"], ["ttft_p99_ms", "p99"]],
  },
  { id: "tokens", title: "Tokens generated", unit: "tokens", lines: [["completion_tokens", "generated"]], one: "completion_tokens" },
  { id: "speed", title: "Speed of an answer", unit: "tokens", lines: [["tokens_per_second", "mean"]], one: "tokens_per_second" },
  {
    id: "prompt", title: "Prompt tokens", unit: "tokens", one: "cached_tokens", oneTitle: "Cached tokens",
    lines: [["prompt_tokens", "prompt"], ["cached_tokens", "cached"]],
  },
  { id: "in_flight", title: "In flight", unit: "level", lines: [["in_flight", "mean"], ["in_flight_max", "most"]], one: "in_flight" },
  { id: "queue", title: "Queue", unit: "level", lines: [["queued", "mean"], ["queued_max", "most"]], one: null },
];

/** Metrics that count what happened within a step; they are shown by the second. */
const counts = new Set(["requests", "errors", "refused", "failed_attempts", "prompt_tokens", "completion_tokens", "cached_tokens"]);

/** Seconds from which nothing by the second follows. */
const fewSeconds = 3;

/** Whether a window comes from the history's file: what was in flight and what waited is not kept there, and not compared. */
export const isStored = (window) => windows.find((each) => each.name === window)?.isStored ?? false;

/** What a query of the page's fragment asks for, with nothing in it that the gateway would refuse. */
export function wishes(query) {
  const among = (name, list, usual) => {
    const value = query.get(name);
    return list.includes(value) ? value : usual;
  };
  const [from, to] = [wholeNumber(query.get("from")), wholeNumber(query.get("to"))];
  const window = among("window", windows.map(({ name }) => name), "5m");
  return {
    window,
    by: among("by", groupings.map(({ name }) => name), "total"),
    backend: query.get("backend") || null,
    model: query.get("model") || null,
    quantile: among("quantile", quantiles, "p95"),
    table: query.get("show") === "table",
    selection: !isStored(window) && from !== null && to !== null && from < to ? { from, to } : null,
  };
}

function wholeNumber(text) {
  return text && /^\d{1,12}$/.test(text) ? Number(text) : null;
}

/** The fragment's query of such wishes; what is usual is left out. */
export function queryOf({ window, by, backend, model, quantile, table, selection }) {
  return {
    window: window === "5m" ? null : window,
    by: by === "total" ? null : by,
    backend, model,
    quantile: quantile === "p95" ? null : quantile,
    show: table ? "table" : null,
    from: selection?.from, to: selection?.to,
  };
}

/** The plots that there are of such wishes: the queue is one for all, and of what is stored there are no levels. */
export function plotsOf(wishes) {
  if (isStored(wishes.window)) return plots.filter(({ unit }) => unit !== "level");
  const isOfAll = wishes.by === "total" && !wishes.backend && !wishes.model;
  return plots.filter(({ id }) => id !== "queue" || isOfAll);
}

/** The path of the request for them. */
export function pathOf(wishes) {
  const query = new URLSearchParams({ window: wishes.window, by: wishes.by, limit: wishes.by === "total" ? 1 : mostLines });
  if (wishes.backend) query.set("backend", wishes.backend);
  if (wishes.model) query.set("model", wishes.model);
  const metrics = plotsOf(wishes).flatMap((plot) => metricsOf(plot, wishes)).concat("tokens_estimated");
  query.set("metrics", [...new Set(metrics)].join(","));
  return `/v1/series?${query}`;
}

const oneOf = (plot, wishes) => plot.one.replace("{q}", wishes.quantile);
const metricsOf = (plot, wishes) => (wishes.by === "total" ? plot.lines.map(([metric]) => metric) : [oneOf(plot, wishes)]);

/** Where a row's name and what leads to it come from: {backend, model, text}. */
export function subjectOf(row, by) {
  if (row.rest) return { text: by === "model" ? "other models" : "other backends", isOwn: true };
  if (by === "model") return { text: row.model ?? "", model: row.model };
  if (row.backend_id === "none") return { text: "no backend", isOwn: true };
  return { text: row.backend ?? "", backend: row.backend_id };
}

/**
 * The lines of a plot: [{label, row, values, isEstimate}], `values` with null where nothing is known. Counts are by the second in
 * which the gateway ran; those of a step that has only just begun say too little.
 */
export function linesOf(plot, answer, wishes) {
  if (wishes.by === "total") {
    const row = answer.series[0];
    return plot.lines.map(([metric, label]) => lineOf(metric, label, row, answer));
  }
  return answer.series.map((row) => lineOf(oneOf(plot, wishes), subjectOf(row, wishes.by).text, row, answer));
}

function lineOf(metric, label, row, answer) {
  const told = row?.values[metric] ?? answer.awake_seconds.map(() => null);
  const values = counts.has(metric) ? told.map((value, index) => perSecond(value, index, answer)) : told;
  const estimates = metric === "completion_tokens" ? row?.values.tokens_estimated : null;
  return { label, row, values, isEstimate: (index) => estimates?.[index] === 1 };
}

function perSecond(value, index, answer) {
  const awake = answer.awake_seconds[index];
  if (value === null || !(awake > 0)) return null;
  const isNew = index === answer.awake_seconds.length - 1 && awake < fewSeconds;
  return isNew ? null : value / awake;
}

/** The highest value of some lines; 0: there is none. */
export function highest(lines) {
  return lines.reduce((most, { values }) => values.reduce((all, value) => (value > all ? value : all), most), 0);
}

/** When a step begins and ends, in Unix seconds; the last one ends now. */
export function stepSpan(answer, index) {
  const from = answer.from + index * answer.step_seconds;
  return { from, to: Math.max(from, Math.min(from + answer.step_seconds, answer.to)) };
}

/** The step in which a time lies; null: none. */
export function stepOf(answer, seconds) {
  const index = Math.floor((seconds - answer.from) / answer.step_seconds);
  return index >= 0 && index < answer.awake_seconds.length ? index : null;
}

/** The step that says what is usual now: the last that is over, where there is one. */
export function newestWhole(answer) {
  const last = answer.awake_seconds.length - 1;
  return last > 0 && answer.awake_seconds[last - 1] > 0 ? last - 1 : last;
}

/** The steps in which the gateway did not run. Of one that has begun within this second it is not known yet. */
export function asleepSteps({ awake_seconds: awake }) {
  const last = awake.length - 1;
  return awake.flatMap((seconds, index) => (seconds > 0 || (index === last && awake[last - 1] > 0) ? [] : [index]));
}
