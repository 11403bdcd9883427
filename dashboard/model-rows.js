// The rows of the table of models out of GET /v1/models?per_backend=1, and which of them are looked for and drawn. Pure.

/** The list as it came, of which one backend's part is replaced when that has changed. */
export class Offers {
  #parts = new Map();
  #aliases = new Map();

  takeAll(data) {
    this.#parts.clear();
    this.#aliases.clear();
    this.#add(data);
  }

  /** @param data of the list of this backend alone */
  take(backendID, data) {
    this.#parts.delete(backendID);
    this.#add(data);
  }

  #add(data) {
    for (const one of data) {
      // Of an alias whose model is gone no row is made.
      if (one.alias_of !== undefined) this.#aliases.set(one.id, one);
      else if (this.#parts.has(one.backend_id)) this.#parts.get(one.backend_id).push(one);
      else this.#parts.set(one.backend_id, [one]);
    }
  }

  get data() { return [...[...this.#parts.values()].flat(), ...this.#aliases.values()]; }
}

/**
 * One row for each name, in the list's order; aliases have `aliasOf` and no holders of their own, but those of their model.
 * Row: {id, aliasOf, context, abilities, size, holders: [{id, name, context, loaded, until, memory, device, state}], isServed, loaded,
 * memory, until}; null for what is not known. `loaded`: the number of backends that have it in memory, null if none tells.
 * `state` of a holder: how it stands if it does not serve now, such as "draining".
 */
export function modelRows(data) {
  const rows = new Map();
  const aliases = [];
  for (const one of data) {
    if (one.alias_of !== undefined) {
      aliases.push(one);
      continue;
    }
    let row = rows.get(one.id);
    if (!row) rows.set(one.id, (row = { id: one.id, aliasOf: null, context: null, abilities: [], size: null, holders: [] }));
    row.holders.push({
      id: one.backend_id, name: one.owned_by, context: one.context_length || null, loaded: one.loaded ?? null,
      until: one.loaded_until ?? null, memory: one.memory_bytes ?? null, device: one.device_memory_bytes ?? null,
      state: serving.has(one.backend_status ?? "Healthy") ? null : stateWord(one.backend_status),
    });
    // A request may go to any of them.
    if (one.context_length && !(row.context <= one.context_length && row.context)) row.context = one.context_length;
    for (const ability of one.abilities ?? []) if (!row.abilities.includes(ability)) row.abilities.push(ability);
    row.size ??= one.size_bytes ?? null;
  }
  for (const row of rows.values()) sumUp(row);
  const found = [...rows.values()];
  for (const one of aliases) {
    const model = rows.get(one.alias_of);
    if (model) found.push({ ...model, id: one.id, aliasOf: one.alias_of });
  }
  for (const row of found) {
    row.text = searched(row);
    row.order = order(row.id);
  }
  return found;
}

/** By what names are sorted: in any case of letters, numbers in them by their value. Compared often, so a plain text. */
const order = (id) => id.toLowerCase().replace(/\d+/g, (digits) => digits.padStart(12, "0"));

/** Of backends that get requests. */
const serving = new Set(["Healthy", "GoingDown", "Degraded"]);
/** "going up" */
const stateWord = (state) => state.replace(/(?!^)[A-Z]/g, (letter) => ` ${letter}`).toLowerCase();

/** Who has it, and how those stand that do not serve now: "gpu-1, gpu-2 (draining)". */
export const holderWords = (row) => row.holders.map((one) => (one.state ? `${one.name} (${one.state})` : one.name)).join(", ");

function sumUp(row) {
  row.holders.sort((one, other) => compare(one.name ?? "", other.name ?? "") || compare(one.id ?? "", other.id ?? ""));
  row.isServed = row.holders.some((holder) => holder.state === null);
  const loaded = row.holders.filter((holder) => holder.loaded);
  row.loaded = row.holders.every((holder) => holder.loaded === null) ? null : loaded.length;
  const known = loaded.map((holder) => holder.memory).filter((memory) => memory !== null);
  row.memory = known.length && known.length === loaded.length ? known.reduce((sum, one) => sum + one, 0) : null;
  const times = loaded.map((holder) => holder.until).filter((until) => until !== null);
  // The first that goes; one that stays goes after all.
  row.until = times.filter((until) => until !== "forever").sort()[0] ?? (times.length ? "forever" : null);
}

const searched = (row) =>
  [row.id, row.aliasOf ?? "", ...row.abilities, ...row.holders.map((holder) => holder.name), ...row.holders.map((holder) => holder.state ?? ""),
    row.loaded ? "loaded" : "", row.aliasOf ? "alias" : ""].join("\n").toLowerCase();

/** Rows that have every word of the query somewhere: in their name, their backends' or what they can do; "loaded", "alias". */
export function matching(rows, query) {
  const words = query.toLowerCase().split(/\s+/).filter(Boolean);
  return words.length ? rows.filter((row) => words.every((word) => row.text.includes(word))) : rows;
}

const compare = (a, b) => (a < b ? -1 : a > b ? 1 : 0);
const keys = {
  model: (row) => row.order,
  loaded: (row) => row.loaded,
  memory: (row) => row.memory,
  expires: (row) => row.until,
  context: (row) => row.context,
  size: (row) => row.size,
  backends: (row) => row.holders.length,
};

/** In a new array. What is not known comes last in both directions; equals by name. */
export function sorted(rows, key, descending = false) {
  const value = keys[key] ?? keys.model;
  const direction = descending ? -1 : 1;
  return [...rows].sort((one, other) => {
    const [a, b] = [value(one), value(other)];
    if (a === null || b === null) return a === b ? compare(one.order, other.order) : a === null ? 1 : -1;
    return compare(a, b) * direction || compare(one.order, other.order);
  });
}

/** Which of `count` rows of one height are drawn, with the space before and after them: {first, last, before, after}. */
export function visible(count, { top, height, row, spare = 8 }) {
  const first = Math.max(0, Math.min(Math.floor(top / row) - spare, count - 1));
  const last = Math.min(count, Math.ceil((top + height) / row) + spare);
  return { first, last: Math.max(first, last), before: first * row, after: Math.max(0, count - Math.max(first, last)) * row };
}
