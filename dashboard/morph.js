// Puts newer parts of the page into the place of the old ones. The markup is the gateway's own, made by the same function
// that made the page, with every text from outside escaped there; this page makes no markup itself.
//
// An element that stays is changed rather than replaced, so that it keeps focus, selection and scroll position. Elements with
// `data-key` are the same thing as before wherever they stand.

/** Milliseconds of work after which the browser gets its turn: to hear what a person does. */
const slice = 8;
/**
 * Changes after which it draws. It lays out and paints at one go all that has changed since it last did, and on a slow machine that takes
 * far longer than the changes.
 */
const changesAtOnce = 24;
/** Milliseconds that a frame is waited for; a page that is hidden meanwhile draws none. */
const frame = 100;

/**
 * Resolves when all is replaced. Large parts take several turns, between which a row or a card is either the old or the new one; the next
 * parts have to wait for that.
 * @param html some of the page's sections, each with its id
 * @returns milliseconds for which that kept the browser busy
 */
export async function replaceParts(html) {
  let since = performance.now();
  const parts = new DOMParser().parseFromString(html, "text/html").body.children;
  let end = since + slice;
  let work = 0;
  let undrawn = 0;
  for (const part of [...parts]) {
    const old = document.getElementById(part.id);
    if (!old) continue;
    for (const changes of steps(old, part)) {
      undrawn += changes;
      if (undrawn < changesAtOnce && performance.now() < end) continue;
      work += performance.now() - since;
      if (undrawn >= changesAtOnce) {
        work += await drawn();
        undrawn = 0;
      } else await turn();
      since = performance.now();
      end = since + slice;
    }
  }
  return work + performance.now() - since;
}

const turn = () => globalThis.scheduler?.yield?.() ?? new Promise((resolve) => { setTimeout(resolve); });

/** Resolves when the next frame is on the screen, with the milliseconds that the browser took to draw it. */
const drawn = () => new Promise((resolve) => {
  const late = setTimeout(resolve, frame, 0);
  // What is called for a frame comes before it is drawn.
  requestAnimationFrame((began) => {
    clearTimeout(late);
    setTimeout(() => resolve(performance.now() - began));
  });
});

/** Rows that arrive at once and are marked; of more the eye finds none, and to draw the marks costs more than the rows. */
const markedAtOnce = 5;

/**
 * Makes `old` what `next` is, in steps, each of which tells how much it has changed. Both are elements of one kind; one with a key is
 * done in one step.
 */
function* steps(old, next) {
  // An instant that has not changed is the matter of times.js.
  if (old.dataset.kind && sameInstant(old, next)) return;
  yield copyAttributes(old, next);
  yield* childSteps(old, next);
}

/** The same at once. */
function morph(old, next) {
  let sum = 0;
  for (const changes of steps(old, next)) sum += changes;
  return sum;
}

const sameInstant = (old, next) =>
  old.dataset.kind === next.dataset.kind && old.dateTime === next.dateTime
  && old.dataset.started === next.dataset.started && old.dataset.elapsed === next.dataset.elapsed;

/** What this script adds to an element, such as a mark for the eye, begins so and stays. */
const ownPrefix = "data-own-";

function copyAttributes(old, next) {
  let changes = 0;
  for (const { name } of [...old.attributes]) {
    if (next.hasAttribute(name) || name.startsWith(ownPrefix)) continue;
    old.removeAttribute(name);
    changes += 1;
  }
  for (const { name, value } of next.attributes) {
    // Also when equal, setting would tell a screen reader that something changed.
    if (old.getAttribute(name) === value) continue;
    old.setAttribute(name, value);
    changes += 1;
  }
  return changes;
}

const keyOf = (node) => node.dataset?.key ?? null;
const sameKind = (a, b) => a.nodeType === b.nodeType && a.nodeName === b.nodeName;

function* childSteps(old, next) {
  const keyed = new Map();
  const leaving = new Set();
  const stay = new Set([...next.children].map(keyOf));
  for (const child of old.children) {
    if (keyOf(child) === null) continue;
    if (stay.has(keyOf(child))) keyed.set(keyOf(child), child);
    else leaving.add(child);
  }
  const isMarked = stay.size - keyed.size <= markedAtOnce;
  for (const child of leaving) {
    if (!isMarked && isFree(child)) continue;
    leaving.delete(child);
    child.remove();
    yield 1;
  }
  let place = old.firstChild;
  for (const wanted of [...next.childNodes]) {
    let found = find(wanted, place, keyed);
    // Where nearly all is new, what would go becomes what comes: a browser has far less to do for another text than for another row.
    if (!found && leaving.delete(place) && sameKind(place, wanted)) found = place;
    if (!found) {
      old.insertBefore(arrived(wanted, isMarked), place);
      yield 1 + (wanted.querySelectorAll?.("*").length ?? 0);
      continue;
    }
    // One that went down lets the others stay: what is moved loses focus and selection.
    if (found !== place && found === place?.nextSibling) old.append(place);
    else if (found !== place) old.insertBefore(found, place);
    place = found.nextSibling;
    if (found.nodeType !== Node.ELEMENT_NODE) {
      if (found.data === wanted.data) continue;
      found.data = wanted.data;
      yield 1;
    } else if (keyOf(found) === null) yield* steps(found, wanted);
    else yield morph(found, wanted);
  }
  while (place) {
    const after = place.nextSibling;
    place.remove();
    place = after;
  }
}

/** Nobody is at it: to a person it need not stay the same thing. */
const isFree = (node) => !node.contains(document.activeElement) && !document.getSelection()?.containsNode(node, true);

function find(wanted, place, keyed) {
  const key = keyOf(wanted);
  if (key === null) return place && keyOf(place) === null && sameKind(place, wanted) ? place : null;
  const known = keyed.get(key);
  // Of two with one key the second is new.
  keyed.delete(key);
  return known && sameKind(known, wanted) ? known : null;
}

/** A row that was not there before is marked, so that the eye finds it. */
function arrived(wanted, isMarked) {
  const node = document.importNode(wanted, true);
  if (isMarked && node.localName === "tr" && "seq" in node.dataset) node.setAttribute(`${ownPrefix}fresh`, "");
  return node;
}
