// Carries out what the state machines decide: the socket, the requests, the timers.

import { Connection, isStale, pollSeconds } from "./connection.js";
import { Refresher } from "./refresher.js";
import { allParts } from "./updates.js";

/** Everything is fetched so often, whatever the socket says. */
const everythingSeconds = 30;
/** A hidden tab keeps its socket for so long, then rests. */
const restSeconds = 60;
const graceSeconds = 3;
/** A request that takes longer counts as failed. */
const fetchSeconds = 10;
/** A timer of one second that is so late was asleep, with the whole machine. */
const sleepSeconds = 20;

/**
 * Events: "update" with each message of the socket as its `detail`; "status" when the connection changed; "instance" when another
 * run of the gateway answers than before.
 */
export class Live extends EventTarget {
  #connection = new Connection();
  #refresher = new Refresher();
  #socket = null;
  #retryTimer = 0;
  #restTimer = 0;
  #pollTimer = 0;
  #everythingTimer = 0;
  #refreshTimer = 0;
  /** A tab that was hidden asked for nothing; it is not stale before the first answers could be there. */
  #graceUntil = 0;
  #failed = false;
  #awake = Date.now();
  #isShown = () => true;

  /**
   * @param updates tells which parts an update makes out of date
   * @param replace called with the HTML of newer parts; resolves when they are in the page, with the milliseconds of work that it took
   * @param parameters gives more of the query with which parts are fetched
   */
  constructor(updates, { replace, parameters = () => "" }) {
    super();
    this.updates = updates;
    this.replace = replace;
    this.parameters = parameters;
    /** When the last answer came, and when everything was last known to be fresh (milliseconds). */
    this.heard = Date.now();
    this.whole = Date.now();
  }

  get status() { return this.#connection.status; }
  get stale() {
    return this.status !== "paused" && Date.now() > this.#graceUntil && isStale(this.#news, Date.now());
  }

  /** Nothing at all comes, as opposed to a socket that fails while requests are answered. */
  get silent() { return this.#failed || isStale({ ...this.#news, status: "connected" }, Date.now()); }
  get #news() { return { status: this.status, heard: this.heard, whole: this.whole, failed: this.#failed }; }

  start() {
    this.#startTimers();
    document.addEventListener("visibilitychange", () => this.#visibility());
    window.addEventListener("online", () => this.#handle("online"));
    // Back from the browser's page cache, where sockets die silently.
    window.addEventListener("pageshow", (event) => {
      if (event.persisted) this.#handle("slept");
    });
    setInterval(() => this.#lookForSleep(), 1000);
    this.#handle("start");
    if (document.hidden) this.#visibility();
  }

  /** Only these parts can be seen from now on; others are fetched when they can. */
  show(parts) {
    const shown = new Set(parts);
    this.#isShown = (part) => shown.has(part);
    this.refresh([]);
  }

  #changed() { this.dispatchEvent(new Event("status")); }

  #handle(event) {
    for (const effect of this.#connection.handle(event)) this.#perform(effect);
    this.#changed();
  }

  #perform(effect) {
    switch (effect.type) {
      case "open": return this.#open();
      case "close": return this.#close();
      case "retry":
        this.#retryTimer = setTimeout(() => this.#handle("retry"), effect.seconds * 1000);
        return;
      case "cancelRetry": return clearTimeout(this.#retryTimer);
      case "poll":
        // The timer does the polling; its next round asks for everything.
        if (effect.on) this.#tick();
        return;
      case "resync": return this.refresh(allParts);
    }
  }

  // Socket

  #open() {
    const scheme = location.protocol === "https:" ? "wss:" : "ws:";
    // What changed, rather than all backends at each change: docs/dashboard.md.
    const socket = new WebSocket(`${scheme}//${location.host}/ws?updates=deltas,requests,trouble`);
    this.#socket = socket;
    // A socket that was given up must not speak any more.
    const current = (action) => (event) => { if (this.#socket === socket) action(event); };
    socket.onopen = current(() => {
      this.#handle("opened");
      // What changed since the page was made, or since the last socket.
      this.refresh(allParts);
    });
    socket.onmessage = current((event) => this.#receive(event.data));
    socket.onclose = current(() => {
      if (this.#connection.phase === "connected") this.whole = Date.now();
      this.#socket = null;
      this.#handle("closed");
    });
  }

  #close() {
    const socket = this.#socket;
    this.#socket = null;
    socket?.close();
  }

  #receive(text) {
    let update;
    try {
      update = JSON.parse(text);
    } catch {
      return;
    }
    this.dispatchEvent(new CustomEvent("update", { detail: update }));
    this.refresh(this.updates.parts(update));
  }

  // Requests

  /** These parts are out of date. A hidden page fetches them when it is looked at again. */
  refresh(parts) {
    this.#refresher.want(parts);
    if (document.hidden) return;
    clearTimeout(this.#refreshTimer);
    const step = this.#refresher.step(performance.now(), this.#isShown);
    if (step?.wait) this.#refreshTimer = setTimeout(() => this.refresh([]), step.wait);
    if (step?.fetch) this.#fetch(step.fetch);
  }

  async #fetch(parts) {
    const parameters = this.parameters();
    let html = null;
    try {
      html = await this.#html(`/?parts=${parts.join(",")}${parameters ? `&${parameters}` : ""}`);
    } catch {
      // `isStale` says when the viewer has to know.
    }
    this.#failed = html === null;
    this.#refresher.answered(html !== null, performance.now());
    let work = 0;
    try {
      work = await this.#take(html, parts, parameters);
    } finally {
      // Only now: parts are never drawn twice at once.
      this.#refresher.ended(performance.now(), work);
    }
    this.#changed();
    // What failed is asked for again with the next update or the next round, not in a loop.
    if (html !== null) this.refresh([]);
  }

  async #take(html, parts, parameters) {
    if (html === null) return 0;
    // What was asked for otherwise meanwhile comes with the next answer.
    if (parameters !== this.parameters()) {
      this.#refresher.want(parts);
      return 0;
    }
    this.heard = Date.now();
    const isComplete = allParts.every((part) => !this.#isShown(part) || parts.includes(part));
    if (this.status === "connected" || isComplete) this.whole = this.heard;
    return this.replace(html);
  }

  async #html(path) {
    const answer = await fetch(path, {
      headers: { accept: "text/html" }, cache: "no-store", signal: AbortSignal.timeout(fetchSeconds * 1000),
    });
    // The sign-in is over: the gateway asks for it in the place of the page.
    if (answer.status === 401) location.reload();
    if (!answer.ok) throw new Error(`${path}: ${answer.status}`);
    return answer.text();
  }

  // Timers

  #tick() {
    // Latencies and requests in flight change without an update.
    this.refresh(this.#connection.polling ? allParts : ["summary", "backends"]);
  }

  #startTimers() {
    this.#pollTimer ||= setInterval(() => this.#tick(), pollSeconds * 1000);
    this.#everythingTimer ||= setInterval(() => this.refresh(allParts), everythingSeconds * 1000);
  }

  #stopTimers() {
    clearInterval(this.#pollTimer);
    clearInterval(this.#everythingTimer);
    this.#pollTimer = this.#everythingTimer = 0;
  }

  /** Nobody looks: ask for nothing, and after a while give the socket back too. */
  #visibility() {
    clearTimeout(this.#restTimer);
    this.#awake = Date.now();
    if (document.hidden) {
      this.#stopTimers();
      this.#restTimer = setTimeout(() => this.#handle("rest"), restSeconds * 1000);
      return;
    }
    this.#graceUntil = Date.now() + graceSeconds * 1000;
    this.#startTimers();
    this.#handle("wake");
    this.#tick();
  }

  #lookForSleep() {
    const now = Date.now();
    const slept = !document.hidden && now - this.#awake > sleepSeconds * 1000;
    this.#awake = now;
    if (slept) this.#handle("slept");
  }
}
