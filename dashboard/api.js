// Asks the gateway. What goes wrong is told in the gateway's own words.

/** A request takes so long at most (milliseconds). */
const patience = 30_000;

/** Why a request was not answered as it should be. */
export class APIError extends Error {
  /**
   * @param status of HTTP; 0: there was no answer
   * @param body of the error, if it came: message, code, param
   */
  constructor(status, body) {
    super(body?.message || (status ? `The gateway answered with status ${status}.` : "The gateway cannot be reached."));
    this.name = "APIError";
    this.status = status;
    /** For programs, such as "backend_not_found". */
    this.code = body?.code ?? null;
    /** Which argument is wrong. */
    this.param = body?.param ?? null;
  }
}

/** The JSON of a GET. Throws APIError, and AbortError when `signal` ends it. */
export async function getJSON(path, { signal } = {}) {
  return answerOf(await ask(path, { signal }));
}

/** Sends a command, and gives the JSON of its answer (null: it has none). `body`: what becomes JSON; undefined: nothing. */
export async function send(method, path, body, options) {
  return sendText(method, path, body === undefined ? undefined : JSON.stringify(body), options);
}

/** The same with JSON that is written already. */
export async function sendText(method, path, text, { signal } = {}) {
  return answerOf(await ask(path, { method, signal, headers: { "content-type": "application/json" }, body: text }));
}

/** The path of something whose names came from outside: path`/v1/backends/${id}`. */
export function path(texts, ...values) {
  return texts.reduce((all, text, index) => all + encodeURIComponent(values[index - 1]) + text);
}

/** What shows that a command comes from this page, once somebody has signed in: the gateway's own cookie, which no other page can read. */
export function confirmation() {
  const value = /(?:^|; )nexus_csrf=([0-9a-f]+)/.exec(document.cookie)?.[1];
  return value ? { "x-nexus-csrf": value } : {};
}

async function ask(path, { signal, headers, ...rest }) {
  const limit = AbortSignal.timeout(patience);
  try {
    return await fetch(path, {
      ...rest, headers: { accept: "application/json", ...confirmation(), ...headers }, cache: "no-store",
      signal: signal ? AbortSignal.any([signal, limit]) : limit,
    });
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new APIError(0, error.name === "TimeoutError" ? { message: "The gateway did not answer in 30 s." } : null);
  }
}

async function answerOf(answer) {
  const text = await answer.text();
  let value = null;
  try {
    value = text === "" ? null : JSON.parse(text);
  } catch {
    throw new APIError(answer.status, { message: `The gateway's answer is no JSON (status ${answer.status}).` });
  }
  if (!answer.ok) throw new APIError(answer.status, typeof value?.error === "object" ? value.error : null);
  return value;
}
