// What the page knows, and how each message changes it. No document, no network, no clock: tested by itself.

export const historyLimit = 100;

const empty = () => ({
  stats: { uptime_seconds: 0, requests: { total: 0, success: 0, errors: 0 }, backends: [], models: [] },
  /** When `stats` came (milliseconds), for an uptime that ticks between two polls. */
  statsAt: 0,
  /** Objects of GET /v1/models. */
  offers: [],
  /** id to BackendView */
  backends: new Map(),
  /** id to when this page saw the present status begin (milliseconds). */
  since: new Map(),
  /** Oldest first. */
  history: [],
  /** The largest `seq` seen: where a reconnected socket goes on. */
  seq: 0,
  /** What came while a whole answer was on its way, or null. */
  sync: null,
});

const list = (value) => (Array.isArray(value) ? value : []);
/** A restarted gateway counts anew; the id of the request tells its numbers from the old ones. */
const same = (a, b) => Boolean(a.seq) && a.seq === b.seq && a.request_id === b.request_id;

export class State {
  constructor() {
    Object.assign(this, empty());
    /** Parts of the page that no longer show what is known: "summary", "backends", "models", "history". */
    this.dirty = new Set();
    /** A list came cut; the rest is to be had from GET /v1/models. */
    this.wantsOffers = false;
  }

  /** Takes the page's own data. */
  start(data, now) {
    this.applyStats(data?.stats, now);
    this.applyOffers(data?.models);
    this.replaceBackends(data?.backends, now);
    this.replaceHistory(data?.history);
    for (const part of ["summary", "backends", "models", "history"]) this.dirty.add(part);
  }

  applyStats(stats, now) {
    if (!stats?.requests) return;
    this.stats = { ...stats, requests: { ...stats.requests } };
    this.statsAt = now;
    this.dirty.add("summary");
    for (const { id, requests, average_latency_ms, pending } of list(stats.backends)) {
      const view = this.backends.get(id);
      if (!view) continue;
      this.#put({ ...view, total_requests: requests, avg_latency_ms: average_latency_ms, pending_requests: pending });
    }
  }

  applyOffers(models) {
    this.offers = list(models?.data ?? models);
    this.wantsOffers = false;
    this.dirty.add("models").add("summary");
  }

  // Backends

  /** A BackendStatus message of a socket that asked for deltas: some of the backends, merged by id. */
  mergeBackends(views, now) {
    for (const view of list(views)) {
      if (!view?.id) continue;
      this.sync?.backends.set(view.id, view);
      if (view.removed) {
        this.backends.delete(view.id);
        this.since.delete(view.id);
      } else {
        this.#noteStatus(view, now);
        this.#put(view);
        if (view.truncated?.models) this.wantsOffers = true;
      }
    }
    this.dirty.add("summary").add("backends").add("models");
  }

  /** All backends there are, as GET /v1/backends or the page's own data tell. */
  replaceBackends(views, now) {
    const came = this.sync?.backends ?? new Map();
    const ids = new Set(list(views).map((view) => view.id));
    for (const id of [...this.backends.keys()]) {
      if (ids.has(id) || came.has(id)) continue;
      this.backends.delete(id);
      this.since.delete(id);
    }
    this.mergeBackends(list(views).filter((view) => !came.has(view?.id)), now);
  }

  /** A ModelChange message. */
  changeModels(change) {
    const view = this.backends.get(change?.backend_id);
    if (!view) return;
    const next = { ...view, models: list(change.models), truncated: change.truncated };
    this.sync?.backends.set(next.id, next);
    this.#put(next);
    if (next.truncated?.models) this.wantsOffers = true;
    this.dirty.add("models").add("summary");
  }

  #put(view) {
    this.backends.set(view.id, view);
    this.dirty.add("backends");
  }

  #noteStatus(view, now) {
    const before = this.backends.get(view.id);
    if (before && before.status !== view.status) this.since.set(view.id, now);
  }

  // History

  /** A RequestComplete message. False for one that is known already. */
  addRequest(entry) {
    if (!entry || typeof entry !== "object") return false;
    if (this.history.some((known) => same(known, entry))) return false;
    this.history.push(entry);
    this.sync?.history.push(entry);
    if (this.history.length > historyLimit) this.history.splice(0, this.history.length - historyLimit);
    this.seq = Math.max(this.seq, entry.seq ?? 0);
    this.#bump(entry);
    this.dirty.add("history");
    return true;
  }

  /** The totals go on until the next poll of the statistics puts them right. */
  #bump(entry) {
    const requests = this.stats.requests;
    requests.total += 1;
    if (entry.status === "Error") requests.errors += 1;
    else requests.success += 1;
    this.dirty.add("summary");
    const view = this.backends.get(entry.backend_id);
    if (view) this.#put({ ...view, total_requests: (view.total_requests ?? 0) + 1 });
  }

  /** GET /v1/history: the truth, also after a restart of the gateway has begun a new count. */
  replaceHistory(entries) {
    const rows = list(entries).slice();
    for (const entry of this.sync?.history ?? []) {
      if (!rows.some((known) => same(known, entry))) rows.push(entry);
    }
    this.history = rows.slice(-historyLimit);
    this.seq = rows.reduce((largest, entry) => Math.max(largest, entry.seq ?? 0), 0);
    this.dirty.add("history");
  }

  // Whole answers that are on their way

  /** From now on remember what comes: it may be newer than the answers that are being fetched. */
  beginSync() {
    this.sync = { backends: new Map(), history: [] };
  }

  endSync() {
    this.sync = null;
  }
}
