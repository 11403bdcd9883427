// The time line of one request, drawn to scale, with everything that is known of it.

import { getJSON, path, send } from "./api.js";
import { confirm } from "./confirm.js";
import { fill, h, name, s, visible } from "./dom.js";
import { bytes, count, duration, rate } from "./figures.js";
import { attempt, notify } from "./notices.js";
import { curl, lanes, ticks, words } from "./timeline.js";
import { clock } from "./times.js";

/** Milliseconds between two looks at a request that is under way. */
const lookAgain = 1000;

let abort = null;
let timer = 0;

export function open(root, id, context) {
  abort = new AbortController();
  load(root, id, context, abort.signal);
}

export function close() {
  abort?.abort();
  clearTimeout(timer);
}

async function load(root, id, context, signal) {
  const head = h("div", { class: "drawer-head" }, h("h2", null, "Request"),
    h("button", { class: "button quiet small", type: "button", onclick: context.close }, "Close"));
  const shell = (...children) => fill(root, head, h("p", { class: "note" }, name(id)), ...children);
  if (!root.firstChild) shell(h("p", { class: "note" }, "Loading…"));
  const query = context.state.seq ? `?seq=${encodeURIComponent(context.state.seq)}` : "";
  try {
    const answer = await getJSON(path`/v1/requests/${id}` + query, { signal });
    if (answer.state === "active") {
      shell(active(answer.active));
      timer = setTimeout(() => load(root, id, context, signal), lookAgain);
    } else {
      shell(ended(answer, context));
    }
  } catch (error) {
    if (!signal.aborted) shell(h("p", { class: "notice warning", role: "alert" }, visible(error.message)));
  }
}

const fact = (label, ...value) => value.flat().some((each) => each || each === 0)
  && h("div", null, h("dt", null, label), h("dd", null, ...value));

function active(request) {
  return [
    h("dl", { class: "facts" },
      fact("Phase", request.phase, request.place && `, place ${request.place}`), fact("Elapsed", duration(request.elapsed_ms)),
      fact("Model", name(request.model)), fact("Backend", request.backend && name(request.backend)),
      fact("Client", request.client), fact("API", request.api, request.stream ? ", stream" : ""),
      fact("First token", duration(request.ttft_ms)), fact("Tokens", request.tokens === null ? "" : `~${count(request.tokens)}`),
      fact("Tokens/s", request.tokens_per_second === null ? "" : `~${rate(request.tokens_per_second)}`)),
    h("div", { class: "buttons" }, h("button", { class: "button danger", type: "button", onclick: () => cancel(request) }, "Cancel the request")),
  ];
}

async function cancel(request) {
  const isWanted = await confirm({
    title: "Cancel this request?", action: "Cancel the request", isDangerous: true,
    body: h("p", null, "It is ended at its server as well. Its client gets status 499, or an error as the last event of its stream."),
  });
  if (isWanted) {
    await attempt(() => send("DELETE", `${path`/v1/requests/${request.id}`}?exchange=${encodeURIComponent(request.exchange)}`), "Cancelled.");
  }
}

function ended(answer, context) {
  const { record } = answer;
  const isGood = record.status === "Success";
  const about = record.tokens_estimated ? "~" : "";
  const rest = answer.others.map((seq) => h("li", null,
    h("a", { href: context.link({ ...context.state, request: record.request_id, seq: String(seq) }) }, `number ${seq}`)));
  return [
    h("p", null, h("span", { class: isGood ? "badge success" : "badge error" }, h("span", { "aria-hidden": "true" }, isGood ? "✓ " : "✕ "),
      isGood ? "Success" : "Error"), ` HTTP ${record.status_code}, ended ${clock(record.timestamp * 1000, Date.now())}`),
    record.error_message && h("p", { class: "error-message" }, visible(record.error_message)),
    drawing(answer),
    h("dl", { class: "facts" },
      fact("Model", record.model && name(record.model)), fact("Backend", name(record.backend_id)), fact("Duration", duration(record.duration_ms)),
      fact("Client", record.client), fact("API", record.api, record.stream ? ", stream" : ""), fact("Path", record.endpoint),
      fact("First token", duration(record.ttft_ms)), fact("Tokens in", count(record.prompt_tokens)),
      fact("Cached", count(record.cached_tokens)),
      fact("Tokens out", record.completion_tokens === null ? "" : about + count(record.completion_tokens)),
      fact("Tokens/s", record.tokens_per_second === null ? "" : about + rate(record.tokens_per_second)),
      fact("Sent by client", bytes(answer.request_bytes)), fact("Sent to client", bytes(answer.answer_bytes))),
    h("h3", null, "What happened"),
    answer.events.length === 0 && steps(record.route ?? []),
    answer.events.length > 0 && h("table", { class: "events" },
      h("caption", { class: "visually-hidden" }, "Events of the request, with the time from its arrival"),
      h("thead", null, h("tr", null, h("th", { scope: "col", class: "number" }, "At"), h("th", { scope: "col" }, "Event"))),
      h("tbody", null, answer.events.map((event) => h("tr", { class: event.event === "attempt_failed" ? "failed" : null },
        h("td", { class: "number" }, moment(event.at_ms)), h("td", null, name(words(event)), scores(event)))))),
    rest.length > 0 && [h("h3", null, "Others of this id"), h("p", { class: "note" }, "Clients may choose the id of a request."), h("ul", null, rest)],
    command(record),
  ];
}

/** The attempts, where the times of what happened are not kept: of a request that only the file still has. */
function steps(route) {
  if (route.length === 0) return h("p", { class: "note" }, "It was asked once, of the backend above.");
  return h("ol", null, route.map((step) => h("li", null,
    name(step.backend_id), `: ${step.outcome ?? ""}`, step.error_message && `, ${visible(step.error_message)}`, scores(step))));
}

/** With more digits than a duration: what happens within a millisecond is told apart. */
const moment = (milliseconds) => milliseconds < 10 ? `${milliseconds.toFixed(2)} ms` : duration(milliseconds);

function scores({ score, parts }) {
  if (score === undefined || !parts) return null;
  const taken = Object.entries(parts).filter(([, points]) => points !== 0);
  return h("small", null, `Score ${score}`, taken.length > 0 && `: ${taken.map(([part, points]) => `${part.replaceAll("_", " ")} ${points}`).join(", ")}`);
}

const names = {
  choosing: "choosing a backend", queued: "waiting for a place", connecting: "connecting", waiting: "waiting for the first token",
  answering: "answering", ending: "ending", failed: "failed", left: "given up",
};
/** What is a moment. */
const marks = { failed: "l8 10m0 -10l-8 10", left: "l8 0m-4 -4l4 4l-4 4" };

/** To scale: a stretch is as long as it took. What took next to no time is a line. */
function drawing({ events, record }) {
  if (events.length === 0) return h("p", { class: "note" }, "When what happened is not kept of this request.");
  const { lanes: rows, end } = lanes(events);
  const [left, width, rowHeight, top] = [0, 520, 34, 22];
  const height = top + rows.length * rowHeight;
  const place = (at) => left + (end > 0 ? (at / end) * width : 0);
  const used = new Set();
  const bars = rows.flatMap((lane, index) => {
    const y = top + index * rowHeight;
    const label = `${lane.label}${lane.backend ? `: ${lane.backend}` : ""}`;
    return [
      s("text", { x: left, y: y + 11, class: "lane" }, label),
      ...lane.segments.map((segment) => {
        used.add(segment.kind);
        const x = place(segment.from);
        if (marks[segment.kind]) {
          return s("path", { class: `segment ${segment.kind}`, d: `M${Math.min(x, width - 8)} ${y + (segment.kind === "failed" ? 16 : 21)}${marks[segment.kind]}` });
        }
        return s("rect", { class: `segment ${segment.kind}`, x, y: y + 16, height: 10, width: Math.max(1.5, place(segment.to) - x), rx: 1.5 },
          s("title", null, `${names[segment.kind]}: ${moment(segment.to - segment.from)}`));
      }),
    ];
  });
  const axis = ticks(end).map((at) => [
    s("line", { class: "grid", x1: place(at), x2: place(at), y1: 14, y2: height }),
    s("text", { x: Math.min(place(at), width - 4), y: 10, class: "tick", "text-anchor": at === 0 ? "start" : at > end * 0.95 ? "end" : "middle" },
      duration(at)),
  ]);
  const told = rows.map((lane) => `${lane.label}${lane.backend ? ` at ${lane.backend}` : ""}: ${lane.segments
    .map((segment) => marks[segment.kind] ? names[segment.kind] : `${names[segment.kind]} ${moment(segment.to - segment.from)}`).join(", ")}`);
  return h("figure", { class: "timeline" },
    s("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": `Time line of ${duration(record.duration_ms)}. ${told.join(". ")}.` }, axis, bars),
    h("figcaption", { class: "legend" }, [...used].map((kind) => h("span", null, h("span", { class: `key ${kind}`, "aria-hidden": "true" }), names[kind]))));
}

function command(record) {
  const text = curl(record, location.origin);
  return [
    h("div", { class: "section-head" }, h("h3", null, "Ask again"),
      h("button", { class: "button quiet small", type: "button", onclick: () => copy(text) }, "Copy as curl")),
    h("pre", { class: "command", tabindex: "0" }, text),
    h("p", { class: "note" }, "What the client wrote is not kept, and neither is its key: put yours in."),
  ];
}

async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    notify("Copied.");
  } catch {
    // Browsers give the clipboard to pages of this machine or of https alone.
    const area = h("textarea", { readonly: true, class: "visually-hidden" }, text);
    document.body.append(area);
    area.select();
    const isDone = document.execCommand("copy");
    area.remove();
    notify(isDone ? "Copied." : "The browser does not let this page copy. Select the text instead.", { isError: !isDone });
  }
}
