// Puts newer parts of the page into the place of the old ones. The markup is the gateway's own, made by the same function
// that made the page, with every text from outside escaped there; this page makes no markup itself.
//
// An element that stays is changed rather than replaced, so that it keeps focus, selection and scroll position. Elements with
// `data-key` are the same thing as before wherever they stand.

/** @param html some of the page's sections, each with its id */
export function replaceParts(html) {
  const parts = new DOMParser().parseFromString(html, "text/html").body.children;
  for (const part of [...parts]) {
    const old = document.getElementById(part.id);
    if (old) morph(old, part);
  }
}

/** Makes `old` what `next` is. Both are elements of one kind. */
export function morph(old, next) {
  // An instant that has not changed is the matter of times.js.
  if (old.dataset.kind && sameInstant(old, next)) return;
  copyAttributes(old, next);
  morphChildren(old, next);
}

const sameInstant = (old, next) =>
  old.dataset.kind === next.dataset.kind && old.dateTime === next.dateTime
  && old.dataset.started === next.dataset.started && old.dataset.elapsed === next.dataset.elapsed;

/** What this script adds to an element, such as a mark for the eye, begins so and stays. */
const ownPrefix = "data-own-";

function copyAttributes(old, next) {
  for (const { name } of [...old.attributes]) {
    if (!next.hasAttribute(name) && !name.startsWith(ownPrefix)) old.removeAttribute(name);
  }
  for (const { name, value } of next.attributes) {
    // Also when equal, setting would tell a screen reader that something changed.
    if (old.getAttribute(name) !== value) old.setAttribute(name, value);
  }
}

const keyOf = (node) => node.dataset?.key ?? null;
const sameKind = (a, b) => a.nodeType === b.nodeType && a.nodeName === b.nodeName;

function morphChildren(old, next) {
  const keyed = new Map();
  const stay = new Set([...next.children].map(keyOf));
  for (const child of [...old.children]) {
    if (keyOf(child) === null) continue;
    if (stay.has(keyOf(child))) keyed.set(keyOf(child), child);
    else child.remove();
  }
  let place = old.firstChild;
  for (const wanted of [...next.childNodes]) {
    const found = find(wanted, place, keyed);
    if (!found) {
      old.insertBefore(arrived(wanted), place);
      continue;
    }
    // One that went down lets the others stay: what is moved loses focus and selection.
    if (found !== place && found === place?.nextSibling) old.append(place);
    else if (found !== place) old.insertBefore(found, place);
    place = found.nextSibling;
    if (found.nodeType === Node.ELEMENT_NODE) morph(found, wanted);
    else if (found.data !== wanted.data) found.data = wanted.data;
  }
  while (place) {
    const after = place.nextSibling;
    place.remove();
    place = after;
  }
}

function find(wanted, place, keyed) {
  const key = keyOf(wanted);
  if (key === null) return place && keyOf(place) === null && sameKind(place, wanted) ? place : null;
  const known = keyed.get(key);
  // Of two with one key the second is new.
  keyed.delete(key);
  return known && sameKind(known, wanted) ? known : null;
}

/** A row that was not there before is marked, so that the eye finds it. */
function arrived(wanted) {
  const node = document.importNode(wanted, true);
  if (node.localName === "tr" && "seq" in node.dataset) node.setAttribute(`${ownPrefix}fresh`, "");
  return node;
}
