// What the events of a request (GET /v1/requests/{id}) mean, as stretches of time. No document: tested by itself.

/**
 * Lanes of a time line: first the request as a whole, then each attempt.
 *
 * {label, backend, reason, score, parts, failure, segments: [{kind, from, to}]}, times in milliseconds from arrival. Kinds: "choosing" a
 * backend is looked for, "queued" it waits for a place, "connecting", "waiting" for the first data, "answering", "failed" a moment.
 */
export function lanes(events) {
  const whole = { label: "Request", segments: [] };
  const attempts = [];
  let end = 0;
  for (const event of events) end = Math.max(end, event.at_ms);
  let since = 0;
  let waits = "choosing";
  let open = null;
  const stretch = (lane, kind, from, to) => { if (to > from) lane.segments.push({ kind, from, to }); };
  /** The stretch of the attempt under way ends, and another kind begins. */
  const step = (at, next) => {
    if (!open) return;
    stretch(open, open.kind, open.since, at);
    Object.assign(open, { kind: next, since: at });
  };
  const close = (at) => {
    if (!open) return;
    step(at, null);
    delete open.kind;
    delete open.since;
    open = null;
    since = at;
  };
  for (const event of events) {
    const at = event.at_ms;
    switch (event.event) {
      case "queued":
        close(at);
        stretch(whole, waits, since, at);
        [waits, since] = ["queued", at];
        break;
      case "attempt":
        close(at);
        stretch(whole, waits, since, at);
        waits = "choosing";
        open = {
          label: `Attempt ${attempts.length + 1}`, backend: event.backend_id, reason: event.reason, candidates: event.candidates,
          score: event.score ?? null, parts: event.parts ?? null, failure: null, blames: false, segments: [], kind: "connecting", since: at,
        };
        attempts.push(open);
        break;
      case "connected": step(at, "waiting"); break;
      case "first_byte": step(at, "answering"); break;
      case "attempt_failed":
        if (open) {
          open.failure = event.error_message;
          open.blames = event.counts_against_backend;
          close(at);
          attempts.at(-1).segments.push({ kind: "failed", from: at, to: at });
        }
        break;
      case "last_byte": step(at, "ending"); break;
      case "ended":
        if (open) close(at);
        else stretch(whole, waits, since, at);
        break;
    }
  }
  if (open) close(end);
  return { lanes: [whole, ...attempts].filter(({ segments, backend }) => backend || segments.length > 0), end };
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
