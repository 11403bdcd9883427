// The newest lines of the gateway's log, as GET /v1/logs tells them piece by piece. Pure.

/** Lines that are kept. */
export const lineLimit = 1000;

/** Levels that can be chosen as the least that is shown. */
export const levels = ["trace", "debug", "info", "notice", "warning", "error", "critical"];

export class LogLines {
  lines = [];
  /** Lines that came too many at once, or that the gateway keeps no longer. */
  skipped = 0;
  /** The `after` of the next question. */
  after = 0;
  #instance = null;

  /** Takes an answer. Another run of the gateway counts from 1 again, and may not have told all yet: it is asked once more. */
  take({ instance_id: instance, last_seq: last, skipped, data }) {
    if (this.#instance !== null && instance !== this.#instance) {
      this.#instance = instance;
      this.after = 0;
      this.lines.push({ seq: `restart of ${instance}`, restart: true });
      return false;
    }
    this.#instance = instance;
    this.lines.push(...data.filter((line) => line.seq > this.after).map((line) => ({ ...line, key: `${instance} ${line.seq}` })));
    this.lines = this.lines.slice(-lineLimit);
    this.skipped += skipped;
    this.after = last;
    return true;
  }
}
