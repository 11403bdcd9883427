// When to fetch which parts: the first change at once, many changes together, and never so often that the fetching itself is
// a load. A state machine without a network or a timer: `live.js` carries out what it says.

/** Milliseconds between the starts of two fetches, at least. */
export const shortestGap = 250;
/** A gateway that takes long is given a rest of so many times that. */
const restOfGateway = 4;
/** The same of the browser, which draws what came. */
const restOfBrowser = 2;
/** What took longer is followed by no longer rest (milliseconds). */
const longest = 1000;

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

  /** The answer is there, or will not come. What failed to come is still wanted. */
  answered(ok, now) {
    if (!ok) this.want(this.#underWay ?? []);
    this.#next = Math.max(this.#begun + shortestGap, now + Math.min(Math.max(0, now - this.#begun), longest) * restOfGateway);
  }

  /**
   * What came is in the page, and others may be fetched.
   * @param work milliseconds for which the browser was kept busy by it
   */
  ended(now, work) {
    this.#underWay = null;
    this.#next = Math.max(this.#next, now + Math.min(work, longest) * restOfBrowser);
  }
}
