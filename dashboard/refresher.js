// When to fetch which parts: the first change at once, many changes together, and never so often that the fetching itself is
// a load. A state machine without a network or a timer: `live.js` carries out what it says.

/** Milliseconds between the starts of two fetches, at least. */
export const shortestGap = 500;
/** A fetch that takes long is followed by a rest of so many times its length. */
const restShare = 4;
/** A fetch that took longer is followed by no longer rest (milliseconds). */
const longestFetch = 1000;

export class Refresher {
  #wanted = new Set();
  #underWay = null;
  #begun = 0;
  #next = 0;

  /** These are out of date. */
  want(parts) {
    for (const part of parts) this.#wanted.add(part);
  }

  /**
   * What to do now, at `now` (milliseconds of a clock that is never set back): {fetch: [part]}, {wait: milliseconds}, or null for nothing, since nothing is
   * wanted or a fetch is under way. `isShown` says of a part whether it can be seen: another one stays wanted until it can.
   */
  step(now, isShown = () => true) {
    const shown = [...this.#wanted].filter(isShown);
    if (this.#underWay || shown.length === 0) return null;
    if (now < this.#next) return { wait: this.#next - now };
    this.#underWay = shown;
    for (const part of shown) this.#wanted.delete(part);
    this.#begun = now;
    return { fetch: this.#underWay };
  }

  /** The fetch has ended. What failed to come is still wanted. */
  ended(ok, now) {
    if (!ok) this.want(this.#underWay ?? []);
    this.#underWay = null;
    const took = Math.min(Math.max(0, now - this.#begun), longestFetch);
    this.#next = Math.max(this.#begun + shortestGap, now + took * restShare);
  }
}
