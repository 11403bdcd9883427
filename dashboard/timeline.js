// What the events of a request (GET /v1/requests/{id}) mean, as stretches of time. No document: tested by itself.

/**
 * Lanes of a time line: first the request as a whole, then each attempt. Two attempts may run beside each other.
 *
 * {label, backend, failure, segments: [{kind, from, to}]}, times in milliseconds from arrival. Kinds: "choosing" a backend is looked
 * for, "queued" it waits for a place, "connecting", "waiting" for the first data, "answering", "ending", and "failed" and "left" (given
 * up for a faster one), which are moments.
 */
export function lanes(events) {
  const whole = { label: "Request", segments: [], kind: "choosing", since: 0 };
  const attempts = [];
  let leading = null;
  const end = events.reduce((latest, event) => Math.max(latest, event.at_ms), 0);
  /** What a lane was at ends, and it is at something else; null: it is over. */
  const step = (lane, at, next) => {
    if (!lane?.kind) return;
    if (at > lane.since) lane.segments.push({ kind: lane.kind, from: lane.since, to: at });
    Object.assign(lane, { kind: next, since: at });
  };
  const isRunning = (lane) => Boolean(lane?.kind);
  /** Nothing runs any more: the request itself is what time is spent on. */
  const rest = (at, kind) => {
    if (!attempts.some(isRunning)) Object.assign(whole, { kind, since: Math.max(at, whole.since) });
  };
  for (const event of events) {
    const at = event.at_ms;
    const meant = attempts[event.attempt] ?? leading;
    switch (event.event) {
      case "queued":
        for (const lane of attempts) step(lane, at, null);
        if (!isRunning(whole)) rest(at, "choosing");
        step(whole, at, "queued");
        break;
      case "attempt": {
        const isBeside = String(event.reason).split(";").includes("hedge");
        if (!isBeside) for (const lane of attempts) step(lane, at, null);
        step(whole, at, null);
        const lane = { label: `Attempt ${attempts.length + 1}`, backend: event.backend_id, failure: null, segments: [], kind: "connecting", since: at };
        attempts.push(lane);
        if (!isBeside) leading = lane;
        break;
      }
      case "attempt_leads": leading = meant; break;
      case "connected":
        // The one that began last is the one whose connection was still to be made.
        step(attempts.findLast((lane) => lane.kind === "connecting") ?? leading, at, "waiting");
        break;
      case "first_byte": step(leading, at, "answering"); break;
      case "last_byte": step(leading, at, "ending"); break;
      case "attempt_failed":
      case "attempt_left":
        if (!isRunning(meant)) break;
        step(meant, at, null);
        meant.failure = event.error_message ?? null;
        meant.segments.push({ kind: event.event === "attempt_left" ? "left" : "failed", from: at, to: at });
        rest(at, "choosing");
        break;
      case "ended":
        for (const lane of attempts) step(lane, at, null);
        step(whole, at, null);
        break;
    }
  }
  for (const lane of [whole, ...attempts]) step(lane, end, null);
  const shown = [whole, ...attempts].filter(({ segments, backend }) => backend || segments.length > 0);
  return { lanes: shown.map(({ kind, since, ...lane }) => lane), end };
}

/** Marks of an axis up to `end`: about `wanted` of them, at round values. */
export function ticks(end, wanted = 5) {
  if (!(end > 0)) return [0];
  const rough = end / wanted;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((each) => each * power).find((each) => each >= rough);
  const marks = [];
  for (let index = 0; index * step <= end * (1 + 1e-9); index += 1) marks.push(index * step);
  return marks;
}

/** What an event says, in words. */
export function words(event) {
  switch (event.event) {
    case "arrived": return "The request arrived";
    case "queued": return "It waits for a place";
    case "model_left": return `The model ${event.model} cannot be served; the next one is tried`;
    case "attempt": return `Asked ${event.backend_id}: ${why(event)}`;
    case "connected": return "The connection to the server stands";
    case "first_byte": return "The first of the answer came";
    case "attempt_failed":
      return `${event.backend_id} failed: ${event.error_message}${event.counts_against_backend ? "" : " (not its fault)"}`;
    case "attempt_leads": return `From here on attempt ${event.attempt + 1} is the one`;
    case "attempt_left": return `Attempt ${event.attempt + 1} was given up: the other one was faster`;
    case "committed": return "The first of the answer went to the client";
    case "last_byte": return "The last of the answer came";
    case "ended": return event.error_message ? `Ended with ${event.status_code}: ${event.error_message}` : `Ended with ${event.status_code}`;
    default: return event.event;
  }
}

/** Why a backend was chosen: the first word of a reason is the strategy, or says that there was no choice. */
function why({ reason, candidates }) {
  const [strategy, ...parts] = String(reason).split(";");
  const again = parts.includes("retry") ? ", after another failed" : parts.includes("hedge") ? ", beside one that is late" : "";
  if (strategy === "only-candidate") return `the only one that could be asked${again}`;
  return `chosen of ${candidates} by ${strategy.replaceAll("_", " ")}${again}`;
}

/** A text as one word of a shell: nothing in it is understood by the shell. */
export const quoted = (text) => `'${String(text).replace(/'/g, "'\\''")}'`;

/** JSON in letters that show as what they are everywhere: no control, nothing that turns direction. */
const plainJSON = (value) => JSON.stringify(value).replace(/[^\x20-\x7e]/g, (character) =>
  `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`);

/**
 * A command that asks the same of the gateway. What the client wrote is not kept, and no key either: both have to be filled in.
 * @param record an entry of the history
 * @param origin such as the scheme and host of the page
 */
export function curl(record, origin) {
  const path = /^\/[\w./-]*$/.test(record.endpoint) ? record.endpoint : "/v1/chat/completions";
  const message = "…";
  const messages = [{ role: "user", content: message }];
  const bodies = {
    "/v1/completions": { prompt: message }, "/v1/embeddings": { input: message }, "/v1/responses": { input: message },
    "/v1/rerank": { query: message, documents: [message] }, "/v1/messages": { max_tokens: 1024, messages },
    "/api/generate": { prompt: message }, "/api/embed": { input: message }, "/api/embeddings": { prompt: message },
  };
  const body = { model: record.model, ...(bodies[path] ?? { messages }) };
  if (record.stream || path.startsWith("/api/")) body.stream = record.stream;
  return [`curl ${quoted(origin + path)}`, `-H 'content-type: application/json'`, `-d ${quoted(plainJSON(body))}`].join(" \\\n  ");
}
