// What the playground asks, and what comes of it. Pure: no document, no network, no clock.

/** Bytes of an image's file. Base64 makes a third more of it, and the gateway bounds bodies (server.max_body_bytes). */
export const imageLimit = 8 * 1024 * 1024;

/** Each with what an API allows; a field that is left empty is not sent. */
export const parameters = [
  { name: "max_tokens", label: "Answer, tokens at most", step: 1, min: 1 },
  { name: "temperature", label: "Temperature", step: "any", min: 0, max: 2 },
  { name: "top_p", label: "Top p", step: "any", min: 0, max: 1 },
  { name: "seed", label: "Seed", step: 1 },
];

/**
 * The body of a chat.
 * @param form {model, system, prompt, image, stream, more, values}: `image` a data URL or nothing, `more` JSON of further
 *   members, which go over the others, `values` texts by the parameters' names
 * @returns {body} or {error, field}
 */
export function chatBody(form) {
  if (!form.model?.trim()) return { error: "Choose a model.", field: "model" };
  if (!form.prompt?.trim() && !form.image) return { error: "Write a prompt.", field: "prompt" };
  const body = { model: form.model.trim(), messages: [] };
  if (form.system?.trim()) body.messages.push({ role: "system", content: form.system });
  const content = form.image
    ? [{ type: "text", text: form.prompt ?? "" }, { type: "image_url", image_url: { url: form.image } }] : form.prompt;
  body.messages.push({ role: "user", content });
  for (const { name, label, step, min, max } of parameters) {
    const text = form.values?.[name]?.trim();
    if (!text) continue;
    const value = Number(text);
    if (!Number.isFinite(value) || (step === 1 && !Number.isInteger(value))) {
      return { error: `${label} must be a ${step === 1 ? "whole number" : "number"}.`, field: name };
    }
    if (value < min || value > max) return { error: `${label} must be ${range(min, max)}.`, field: name };
    body[name] = value;
  }
  body.stream = Boolean(form.stream);
  if (body.stream) body.stream_options = { include_usage: true };
  if (!form.more?.trim()) return { body };
  let more;
  try {
    more = JSON.parse(form.more);
  } catch (error) {
    return { error: `More members are not JSON: ${error.message}`, field: "more" };
  }
  if (more === null || typeof more !== "object" || Array.isArray(more)) {
    return { error: 'More members must be a JSON object, such as {"stop": ["\\n"]}.', field: "more" };
  }
  return { body: { ...body, ...more } };
}

const range = (min, max) => (max === undefined ? `at least ${min}` : `between ${min} and ${max}`);

/** The request as it is shown: the bytes of an image are told, not spelt out. */
export function shownBody(body) {
  return JSON.stringify(body, (_, value) => {
    if (typeof value !== "string" || !value.startsWith("data:") || value.length < 200) return value;
    return `${value.slice(0, value.indexOf(",") + 1)}… (${value.length} characters)`;
  }, 2);
}

/** Characters of a raw answer that are kept for showing. */
const rawLimit = 256 * 1024;

/** An answer as it comes. Times are milliseconds of one clock. */
export class Answer {
  text = "";
  thinking = "";
  calls = [];
  finish = null;
  /** Why it failed; null: it did not, so far. */
  error = null;
  usage = null;
  raw = "";
  rawOmitted = 0;
  #start;
  #first = null;
  #last = null;
  #pieces = 0;

  constructor(start) { this.#start = start; }

  /** Keeps what came, as it came. */
  keep(text) {
    const room = Math.max(0, rawLimit - this.raw.length);
    this.raw += text.slice(0, room);
    this.rawOmitted += Math.max(0, text.length - room);
  }

  /** One event of the stream. */
  event({ data }, now) {
    if (data === "[DONE]") return;
    let chunk;
    try {
      chunk = JSON.parse(data);
    } catch {
      this.error ??= "An event of the answer is not JSON.";
      return;
    }
    this.#chunk(chunk, now, (choice) => choice.delta);
  }

  /** A whole answer, or an error in the place of one. */
  whole(text, now) {
    let value;
    try {
      value = JSON.parse(text);
    } catch {
      this.error = "The answer is not JSON.";
      return;
    }
    this.#chunk(value, now, (choice) => choice.message);
    // Of a whole answer nobody knows when its first token was there.
    this.#first = null;
  }

  #chunk(value, now, part) {
    if (value?.error) {
      this.error = typeof value.error === "string" ? value.error : value.error.message ?? JSON.stringify(value.error);
      return;
    }
    if (value?.usage) this.usage = value.usage;
    const choice = value?.choices?.[0];
    if (!choice) return;
    if (choice.finish_reason) this.finish = choice.finish_reason;
    const delta = part(choice) ?? {};
    const thinking = delta.reasoning_content ?? delta.reasoning ?? "";
    if (typeof delta.content === "string") this.text += delta.content;
    if (typeof thinking === "string") this.thinking += thinking;
    for (const call of Array.isArray(delta.tool_calls) ? delta.tool_calls : []) this.#call(call);
    if (!delta.content && !thinking && !delta.tool_calls) return;
    this.#pieces += 1;
    this.#first ??= now;
    this.#last = now;
  }

  #call({ index = this.calls.length, function: called = {} }) {
    if (!Number.isInteger(index) || index < 0 || index > 127) return;
    const call = (this.calls[index] ??= { name: "", arguments: "" });
    call.name += called.name ?? "";
    call.arguments += called.arguments ?? "";
  }

  /**
   * {ttft, elapsed: milliseconds; tokens, prompt, speed; estimated}: null for what is not known. `estimated`: the tokens are
   * the events that came, since the server has not counted yet.
   */
  figures(now) {
    const counted = this.usage?.completion_tokens;
    const estimated = !Number.isFinite(counted);
    const tokens = estimated ? (this.#pieces && this.#first !== null ? this.#pieces : null) : counted;
    const seconds = this.#first === null ? 0 : ((this.#last ?? now) - this.#first) / 1000;
    return {
      elapsed: now - this.#start,
      ttft: this.#first === null ? null : this.#first - this.#start,
      tokens,
      prompt: this.usage?.prompt_tokens ?? null,
      // Between the first and the last there is one token less.
      speed: tokens > 1 && seconds > 0 ? (tokens - 1) / seconds : null,
      estimated,
    };
  }
}
