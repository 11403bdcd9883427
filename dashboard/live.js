// Carries out what the connection's state machine decides: the socket, the requests, the timers.

import { Connection, isStale, pollSeconds } from "./connection.js";

const modelsSeconds = 30;
/** A hidden tab keeps its socket for so long, then rests. */
const restSeconds = 60;
const graceSeconds = 3;
/** A request that takes longer counts as failed. */
const fetchSeconds = 10;
const everything = ["stats", "models", "history", "backends"];

export class Live {
  #connection = new Connection();
  #socket = null;
  #retryTimer = 0;
  #restTimer = 0;
  #statsTimer = 0;
  #modelsTimer = 0;
  /** A tab that was hidden asked for nothing; it is not stale before the first answers could be there. */
  #graceUntil = 0;
  #syncing = false;
  #syncAgain = false;

  /**
   * @param state the page's State
   * @param changed called after anything changed
   */
  constructor(state, changed) {
    this.state = state;
    this.changed = changed;
    this.heard = Date.now();
    this.whole = Date.now();
  }

  get status() { return this.#connection.status; }
  get stale() {
    return this.status !== "paused" && Date.now() > this.#graceUntil && isStale(this.#news, Date.now());
  }

  /** Nothing at all comes, as opposed to a socket that fails while requests are answered. */
  get silent() { return isStale({ ...this.#news, status: "connected" }, Date.now()); }
  get #news() { return { status: this.status, heard: this.heard, whole: this.whole }; }

  start() {
    this.#startTimers();
    document.addEventListener("visibilitychange", () => this.#visibility());
    window.addEventListener("online", () => this.#handle("online"));
    // Back from the browser's page cache, where sockets die silently.
    window.addEventListener("pageshow", (event) => {
      if (event.persisted) this.#refresh(everything);
    });
    this.#refresh(["stats", "models", "history"]);
    this.#handle("start");
    if (document.hidden) this.#visibility();
  }

  #handle(event) {
    for (const effect of this.#connection.handle(event)) this.#perform(effect);
    this.changed();
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
        // The timer of the statistics does the polling; its next round asks for everything.
        if (effect.on) this.#tick();
        return;
      case "resync": return this.#refresh(everything);
    }
  }

  // Socket

  #open() {
    const scheme = location.protocol === "https:" ? "wss:" : "ws:";
    // What changed, rather than all backends at each change: docs/dashboard.md.
    const socket = new WebSocket(`${scheme}//${location.host}/ws?updates=deltas&after=${this.state.seq}`);
    this.#socket = socket;
    // A socket that was given up must not speak any more.
    const current = (action) => (event) => { if (this.#socket === socket) action(event); };
    socket.onopen = current(() => {
      this.#note(true);
      this.#handle("opened");
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
    switch (update?.update_type) {
      case "BackendStatus": this.state.mergeBackends(update.data, Date.now()); break;
      case "RequestComplete": this.state.addRequest(update.data); break;
      case "ModelChange": this.state.changeModels(update.data); break;
      default: return;
    }
    this.#note(true);
    if (this.state.wantsOffers) {
      this.state.wantsOffers = false;
      this.#refresh(["models"]);
    }
    this.changed();
  }

  #note(whole) {
    this.heard = Date.now();
    if (whole) this.whole = this.heard;
  }

  // Requests

  #tick() {
    this.#refresh(this.#connection.polling ? everything : ["stats"]);
  }

  async #get(path) {
    const answer = await fetch(path, {
      headers: { accept: "application/json" }, cache: "no-store", signal: AbortSignal.timeout(fetchSeconds * 1000),
    });
    if (!answer.ok) throw new Error(`${path}: ${answer.status}`);
    return answer.json();
  }

  /** Fetches the named parts. Whole lists wait for the lists before them; what comes meanwhile is not lost. */
  async #refresh(parts) {
    const lists = parts.includes("history") || parts.includes("backends");
    if (lists && this.#syncing) {
      this.#syncAgain = true;
      return;
    }
    if (lists) {
      this.#syncing = true;
      this.state.beginSync();
    }
    const apply = {
      stats: (body) => this.state.applyStats(body, Date.now()),
      models: (body) => this.state.applyOffers(body),
      history: (body) => this.state.replaceHistory(body),
      backends: (body) => this.state.replaceBackends(body?.data, Date.now()),
    };
    const results = await Promise.allSettled(parts.map(async (part) => {
      apply[part](await this.#get(`/v1/${part}`));
      this.#note(false);
      this.changed();
    }));
    const complete = results.every((result) => result.status === "fulfilled");
    if (complete && parts.includes("backends")) this.#note(true);
    if (lists) {
      this.state.endSync();
      this.#syncing = false;
      if (this.#syncAgain) {
        this.#syncAgain = false;
        this.#refresh(everything);
      }
    }
    this.changed();
  }

  // Timers

  #startTimers() {
    this.#statsTimer ||= setInterval(() => this.#tick(), pollSeconds * 1000);
    this.#modelsTimer ||= setInterval(() => this.#refresh(["models"]), modelsSeconds * 1000);
  }

  #stopTimers() {
    clearInterval(this.#statsTimer);
    clearInterval(this.#modelsTimer);
    this.#statsTimer = this.#modelsTimer = 0;
  }

  /** Nobody looks: ask for nothing, and after a while give the socket back too. */
  #visibility() {
    clearTimeout(this.#restTimer);
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
}
