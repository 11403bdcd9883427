// When to open the socket, when to try again, when to poll and when to rest. A state machine without a socket or a
// timer: events in, effects out. `live.js` carries the effects out.

export const pollSeconds = 5;
/** Tries at reconnecting before the page says that it polls. It does from the first failure on. */
export const triesBeforePolling = 5;
const firstDelay = 3;
const longestDelay = 60;
/** Share of a delay that chance adds, so that a restarted gateway does not get every page at once. */
const jitter = 0.2;

/** 3, 6, 12, 24, 48 s, then 60 s; `random` in 0..<1 adds up to a fifth. */
export function retryDelay(tries, random) {
  return Math.min(firstDelay * 2 ** tries, longestDelay) * (1 + jitter * random);
}

/**
 * Effects, in order:
 *   {type: "open"}                opens a socket (events: opened, closed)
 *   {type: "close"}               closes it; no closed event is expected
 *   {type: "retry", seconds}      after that time the event is retry
 *   {type: "cancelRetry"}
 *   {type: "poll", on: boolean}   fetch everything at once and every `pollSeconds`, or stop
 *   {type: "resync"}              fetch everything once
 */
export class Connection {
  /** @param random gives 0..<1 */
  constructor(random = Math.random) {
    this.random = random;
    /** "idle" | "connecting" | "connected" | "waiting" | "resting" */
    this.phase = "idle";
    this.tries = 0;
    this.polling = false;
    this.connectedBefore = false;
  }

  /** For the header: what the page may claim about itself. */
  get status() {
    if (this.phase === "resting") return "paused";
    if (this.phase === "connected") return "connected";
    if (this.polling && this.tries > triesBeforePolling) return "polling";
    return this.connectedBefore || this.tries > 0 ? "reconnecting" : "connecting";
  }

  handle(event) {
    switch (`${this.phase} ${event}`) {
      case "idle start":
      case "waiting retry":
        this.phase = "connecting";
        return [{ type: "open" }];
      case "connecting opened":
        return this.#opened();
      case "connecting closed":
      case "connected closed":
        return this.#closed();
      case "waiting online":
      case "waiting wake":
      case "waiting slept":
        // The network is back, or somebody looks: no reason to wait for the timer.
        this.phase = "connecting";
        return [{ type: "cancelRetry" }, { type: "open" }];
      case "connecting slept":
      case "connected slept":
        // Whether the other side still knows of the socket would be told late, or never.
        this.phase = "connecting";
        this.connectedBefore = true;
        return [{ type: "close" }, { type: "open" }, { type: "resync" }];
      case "connecting rest":
      case "connected rest":
        return this.#rest([{ type: "close" }]);
      case "waiting rest":
        return this.#rest([{ type: "cancelRetry" }]);
      case "resting wake":
        this.phase = "connecting";
        return [{ type: "open" }, { type: "resync" }];
      default:
        return [];
    }
  }

  #opened() {
    // The first socket follows the page's own data; later ones follow a gap.
    const missed = this.connectedBefore || this.tries > 0;
    const effects = this.#stopPolling();
    this.phase = "connected";
    this.tries = 0;
    this.connectedBefore = true;
    if (missed) effects.push({ type: "resync" });
    return effects;
  }

  #closed() {
    const effects = [];
    this.phase = "waiting";
    if (!this.polling) {
      this.polling = true;
      effects.push({ type: "poll", on: true });
    }
    effects.push({ type: "retry", seconds: retryDelay(this.tries, this.random()) });
    this.tries += 1;
    return effects;
  }

  #rest(effects) {
    this.phase = "resting";
    this.tries = 0;
    return [...effects, ...this.#stopPolling()];
  }

  #stopPolling() {
    if (!this.polling) return [];
    this.polling = false;
    return [{ type: "poll", on: false }];
  }
}

/** Seconds without news after which a page says that it may be out of date. */
export const staleSeconds = 15;

/**
 * Whether what is shown may be out of date. `heard`: the last answer or message of any kind; `whole`: the last time
 * everything was known to be fresh (a live socket, or a complete poll); `failed`: the last request had no answer. Milliseconds.
 */
export function isStale({ status, heard, whole, failed = false }, now) {
  const limit = staleSeconds * 1000;
  // Neither socket nor request: there is nothing to wait for.
  if (failed && status !== "connected") return true;
  return now - heard > limit || (status !== "connected" && now - whole > limit);
}
