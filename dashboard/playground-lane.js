// One request of the playground and its answer as it comes, at one backend or wherever it is routed.

import { confirmation } from "./api.js";
import { EventStream } from "./event-stream.js";
import { count, duration, tokenRate } from "./figures.js";
import { clear, fill, h, name, setText, visible } from "./dom.js";
import { Answer, shownBody } from "./playground-request.js";
import { code, copyButton } from "./tools.js";

/** Milliseconds between two drawings. */
const drawGap = 100;
const path = "/v1/chat/completions";
/** Candidates that are listed. */
const listed = 20;

const told = [
  ["x-nexus-backend", "Backend"], ["x-nexus-route-reason", "Why there"], ["x-nexus-attempts", "Attempts"],
  ["x-nexus-fallback-model", "Answered by the model"], ["x-nexus-warning", "Left out"],
];

export class Lane {
  #abort = null;
  #answer = null;
  #drawn = 0;
  #timer = 0;
  #head = null;
  #sent = "";

  /** @param label what it is called, such as "First answer" */
  constructor(label, context) {
    this.label = label;
    this.context = context;
    this.backend = h("select");
    this.state = h("p", { class: "lane-state" });
    this.facts = h("dl", { class: "facts" });
    this.text = h("div", { class: "answer", tabindex: "0", role: "region", "aria-label": `${label}, text` });
    this.thinking = h("div", { class: "thinking" });
    this.thinkingBox = h("details", { hidden: true }, h("summary", null, "Thinking"), this.thinking);
    this.why = h("details", { hidden: true }, h("summary", null, "Routing, as it stood just before"));
    this.raw = h("details", { hidden: true, ontoggle: () => this.#drawRaw() }, h("summary", null, "Request and response as they were sent"));
    this.rawBody = h("div");
    this.raw.append(this.rawBody);
    this.element = h("section", { class: "lane", "aria-label": label },
      this.state, this.facts, this.thinkingBox, this.text, this.why, this.raw);
  }

  get isRunning() { return this.#abort !== null; }

  stop() { this.#abort?.abort(); }

  /** Asks, and resolves when the answer has ended, however. */
  async run(body) {
    this.stop();
    clearInterval(this.#timer);
    const abort = new AbortController();
    this.#abort = abort;
    this.#drawn = 0;
    this.#head = null;
    for (const node of [this.text, this.thinking, this.facts, this.rawBody]) clear(node);
    this.why.hidden = this.thinkingBox.hidden = true;
    this.raw.hidden = false;
    const headers = { "content-type": "application/json" };
    if (this.backend.value) headers["x-nexus-backend"] = encodeURIComponent(this.backend.value);
    this.#sent = `POST ${path}\n${Object.entries(headers).map(([key, value]) => `${key}: ${value}\n`).join("")}\n${shownBody(body)}`;
    await this.#explain(body, headers, abort.signal);
    const answer = (this.#answer = new Answer(performance.now()));
    this.#timer = setInterval(() => this.#draw(), drawGap);
    let end = "Complete";
    try {
      await this.#read(await fetch(path, { method: "POST", headers: { ...confirmation(), ...headers }, body: JSON.stringify(body), signal: abort.signal }), answer);
    } catch (error) {
      if (!abort.signal.aborted) answer.error ??= error instanceof TypeError ? "The connection to the gateway was lost." : error.message;
      end = "Stopped";
    }
    if (this.#abort !== abort) return;
    clearInterval(this.#timer);
    this.#abort = null;
    this.#draw(answer.error ? "Failed" : end === "Complete" && answer.finish && answer.finish !== "stop" ? `Complete (${answer.finish})` : end);
    this.#drawRaw();
  }

  async #read(response, answer) {
    this.#head = response;
    this.#drawHead();
    const events = (response.headers.get("content-type") ?? "").startsWith("text/event-stream") ? new EventStream() : null;
    const decoder = new TextDecoder();
    let text = "";
    for (let reader = response.body.getReader(); ;) {
      const { done, value } = await reader.read();
      const piece = done ? decoder.decode() : decoder.decode(value, { stream: true });
      answer.keep(piece);
      const now = performance.now();
      if (!events) text += piece;
      else for (const event of done ? events.end() : events.push(value)) answer.event(event, now);
      if (done) break;
    }
    if (!events) answer.whole(text, performance.now());
    if (!response.ok) answer.error ??= `Status ${response.status}.`;
  }

  async #explain(body, headers, signal) {
    // What is routed by is that there is an image, not what it shows.
    const short = JSON.stringify(body, (key, value) => (key === "url" && String(value).startsWith("data:") ? "data:," : value));
    try {
      const response = await fetch("/v1/explain", { method: "POST", headers: { ...confirmation(), ...headers }, body: short, signal });
      if (!response.ok) return;
      const explained = await response.json();
      this.why.replaceChildren(this.why.firstChild, explanation(explained));
      this.why.hidden = false;
    } catch {
      // The request itself will tell what is wrong.
    }
  }

  #drawHead() {
    const { headers } = this.#head;
    const id = headers.get("x-request-id");
    this.headFacts = told.filter(([key]) => headers.get(key)).map(([key, label]) => fact(label, name(headers.get(key))));
    if (id) this.headFacts.push(fact("Request", h("a", { href: this.context.link({ view: "history", request: id }), title: id }, "Time line")));
  }

  #draw(end = null) {
    const answer = this.#answer;
    const now = performance.now();
    if (end && answer.ended === undefined) answer.ended = now;
    const { elapsed, ttft, tokens, prompt, speed, estimated } = answer.figures(answer.ended ?? now);
    // Only what is new: an answer may be long.
    append(this.text, answer.text);
    append(this.thinking, answer.thinking);
    this.thinkingBox.hidden = !answer.thinking;
    const about = estimated ? "~" : "";
    const state = end ?? (ttft === null ? "Waiting for the first token" : "Streaming");
    setText(this.state, answer.error ? `Failed: ${visible(answer.error)}` : state);
    this.state.className = `lane-state${answer.error ? " bad" : ""}`;
    fill(this.facts,
      fact("Time", duration(elapsed)), fact("To the first token", duration(ttft)),
      fact("Tokens", tokens === null ? "" : `${about}${count(tokens)}`), fact("Speed", tokenRate(speed, estimated)),
      fact("Prompt", prompt === null ? "" : `${count(prompt)} tokens`), this.headFacts ?? []);
    if (!end) return;
    this.headFacts = null;
    if (answer.calls.length) {
      this.text.append(h("ul", { class: "calls" }, answer.calls.filter(Boolean).map((call) => h("li", null, h("code", null, visible(`${call.name}(${call.arguments})`))))));
    }
    this.context.announce(answer.error ? `${this.label} failed: ${answer.error}` : `${this.label}: ${state}`);
  }

  #drawRaw() {
    if (!this.raw.open || !this.#answer) return;
    const head = this.#head ? `HTTP ${this.#head.status}\n${[...this.#head.headers].map(([key, value]) => `${key}: ${value}\n`).join("")}\n` : "";
    const { raw, rawOmitted } = this.#answer;
    const response = `${head}${raw}${rawOmitted ? `\n… ${count(rawOmitted)} characters more` : ""}`;
    fill(this.rawBody, [["Request", this.#sent], ["Response", response]].map(([label, text]) =>
      h("figure", null, h("figcaption", null, label, copyButton(() => text, label, this.context.announce)), code(text, label))));
  }
}

const fact = (label, value) => (value ? h("div", null, h("dt", null, label), h("dd", null, value)) : null);

function append(node, text) {
  const shown = node.firstChild?.nodeType === Node.TEXT_NODE ? node.firstChild : node.appendChild(document.createTextNode(""));
  if (text.length > shown.length) shown.appendData(text.slice(shown.length));
}

/** What POST /v1/explain told, in a few lines. */
function explanation({ choice, targets }) {
  const first = choice.what === "served"
    ? h("p", null, "It would go to ", name(choice.backend), " with the model ", name(choice.model), ": ", h("code", null, choice.reason))
    : h("p", null, choice.what === "waits" ? "It would wait. " : "It would be refused. ", visible(choice.message ?? ""));
  return h("div", { class: "why" }, first, targets.map((target) => [
    targets.length > 1 ? h("h4", null, name(target.model)) : null,
    h("ul", null,
      target.candidates.slice(0, listed).map((one) => h("li", null, name(one.backend),
        [one.score === undefined ? "" : ` scores ${one.score}`, points(one.parts), one.has_place ? "" : ", has no place", one.left_alone ? ", is left alone for a while" : ""].join(""))),
      target.left_out.slice(0, listed).map((one) => h("li", { class: "muted" }, name(one.backend), ` ${visible(one.reason)}`)),
      rest(target))]));
}

const points = (parts) => {
  const taken = Object.entries(parts ?? {}).filter(([, value]) => value !== 0).map(([part, value]) => `${part} ${value}`);
  return taken.length ? ` (${taken.join(", ")})` : "";
};

function rest(target) {
  const more = target.omitted + Math.max(0, target.candidates.length - listed) + Math.max(0, target.left_out.length - listed);
  return more ? h("li", { class: "muted" }, `${count(more)} more`) : null;
}
