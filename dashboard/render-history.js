// The newest requests. Sources/Host/Dashboard/HistoryRows.swift makes the same.

import { attributes, el, reconcile } from "./dom.js";
import { count, duration, nothing, rate } from "./format.js";
import { badge, time } from "./render-backends.js";
import { historyLimit } from "./state.js";

/** Marks rows that came after the page, so that the eye finds them. */
let settled = false;
/** An entry without a number of its own is told from others by being itself. */
const names = new WeakMap();
let nextName = 0;

function key(entry) {
  if (entry.seq) return `${entry.seq} ${entry.request_id}`;
  if (!names.has(entry)) names.set(entry, `unnumbered ${(nextName += 1)}`);
  return names.get(entry);
}

export function renderHistory(tbody, entries) {
  reconcile(tbody, entries.slice(-historyLimit).reverse(), { key, signature: () => "", build: row });
  settled = true;
}

function row(entry) {
  const cells = [
    el("td", "time", time(entry.timestamp * 1000, "clock") ?? nothing),
    el("td", "model", entry.model || nothing),
    el("td", "backend", entry.backend_id ?? ""),
    el("td", "number duration", duration(entry.duration_ms)),
    el("td", "status", ...status(entry)),
  ];
  for (const cell of cells) cell.setAttribute("role", "cell");
  return attributes(el("tr", settled ? "fresh" : "", ...cells), { role: "row", "data-seq": String(entry.seq ?? 0) });
}

function status(entry) {
  const failed = entry.status === "Error";
  const text = detail(entry, failed);
  return [
    failed ? badge("error", "✕", "Error") : badge("success", "✓", "Success"),
    text ? el("span", "detail", text) : null,
    failed && entry.error_message ? el("span", "error-message", entry.error_message) : null,
  ];
}

function detail(entry, failed) {
  const parts = [];
  if (failed && entry.status_code > 0) parts.push(`HTTP ${entry.status_code}`);
  if (entry.attempts > 1) parts.push(`${entry.attempts} attempts`);
  if (entry.stream && Number.isFinite(entry.ttft_ms)) parts.push(`first byte ${duration(entry.ttft_ms)}`);
  if (Number.isFinite(entry.prompt_tokens)) parts.push(`${count(entry.prompt_tokens)} tokens in`);
  if (Number.isFinite(entry.completion_tokens)) {
    parts.push(`${entry.tokens_estimated ? "about " : ""}${count(entry.completion_tokens)} tokens out`);
  }
  if (Number.isFinite(entry.tokens_per_second)) parts.push(`${rate(entry.tokens_per_second)} tokens/s`);
  return parts.join(" · ");
}
