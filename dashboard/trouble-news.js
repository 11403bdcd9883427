// What a screen reader is told of troubles: each once when it begins, and once when it is over. Those that are there when the page
// is opened stand in it. Pure.

/** Troubles that are told by name at once; of more their number. */
const told = 3;

export class TroubleNews {
  /** id to words, of what is known. */
  #known = new Map();

  /** @param items those that there are at first: [{id, words}] */
  constructor(items) {
    for (const { id, words } of items) this.#known.set(id, words);
  }

  /** Takes all that there are now. Gives what is to be said; "" for nothing. */
  take(items) {
    const now = new Map(items.map(({ id, words }) => [id, words]));
    const begun = items.filter(({ id }) => !this.#known.has(id)).map(({ words }) => words);
    const over = [...this.#known].filter(([id]) => !now.has(id)).map(([, words]) => words);
    this.#known = now;
    const parts = [];
    if (begun.length) parts.push(`Trouble: ${listed(begun)}.`);
    if (over.length) parts.push(now.size ? `Over: ${listed(over)}.` : "All is well again.");
    return parts.join(" ");
  }
}

const listed = (words) => [...words.slice(0, told), ...(words.length > told ? [`${words.length - told} more`] : [])].join("; ");
