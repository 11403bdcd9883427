// Makes elements. What comes from outside becomes text or the value of an attribute, never markup.

const namespace = "http" + "://www.w3.org/2000/svg";

/**
 * An element of HTML: h("p", {class: "note", onclick: () => …}, "text", other).
 *
 * Attributes: `on…` is a listener; `class`; `data` and `style` are objects of names and values; true is an attribute without a
 * value; false, null and undefined are none; `value` and `checked` are set as properties. Children: texts, numbers,
 * nodes, lists of these; null, undefined and false are none.
 */
export function h(tag, attributes, ...children) {
  return filled(document.createElement(tag), attributes, children);
}

/** The same for SVG. */
export function s(tag, attributes, ...children) {
  return filled(document.createElementNS(namespace, tag), attributes, children);
}

/** Takes all children away. */
export function clear(node) {
  node.replaceChildren();
  return node;
}

/** Puts these in the place of all children. */
export function fill(node, ...children) {
  clear(node);
  append(node, children);
  return node;
}

/** What somebody else named: isolated, so that its direction stays its own, and with signs in the place of direction controls. */
export function name(text) {
  return h("bdi", { class: "name" }, visible(text));
}

/** A text with signs in the place of the controls that show it as another (Unicode's embeddings, overrides and isolates). */
export function visible(text) {
  return String(text ?? "").replace(/[\u202a-\u202e\u2066-\u2069]/g, "\ufffd");
}

/**
 * Makes the children of `parent` those of `items`, in their order, and keeps the elements of items that were there before.
 * @param key gives what an item is told from others by
 * @param draw gives the element of an item; its second argument is the element of the same item as it is, or null. It may change that
 *   one and give it back.
 */
export function list(parent, items, key, draw) {
  const wanted = new Set(items.map((item) => String(key(item))));
  const before = new Map();
  for (const child of [...parent.children]) {
    if (wanted.has(child.listKey) && !before.has(child.listKey)) before.set(child.listKey, child);
    else child.remove();
  }
  let place = parent.firstElementChild;
  for (const item of items) {
    const itemKey = String(key(item));
    const old = before.get(itemKey) ?? null;
    before.delete(itemKey);
    const node = draw(item, old);
    node.listKey = itemKey;
    if (old && old !== node) {
      if (place === old) place = old.nextElementSibling;
      old.remove();
    }
    // What stays where it is keeps focus and selection.
    if (node === place) place = place.nextElementSibling;
    else if (node === place?.nextElementSibling) {
      parent.append(place);
      place = node.nextElementSibling;
    } else {
      parent.insertBefore(node, place);
    }
  }
}

/** Sets a text only if it is another, so that a screen reader is not told twice. */
export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

const properties = new Set(["value", "checked"]);

function filled(node, attributes, children) {
  for (const [key, value] of Object.entries(attributes ?? {})) {
    if (value === null || value === undefined || value === false) continue;
    if (key.startsWith("on")) node.addEventListener(key.slice(2).toLowerCase(), value);
    else if (key === "data") Object.assign(node.dataset, value);
    else if (key === "style") for (const [name, each] of Object.entries(value)) node.style.setProperty(name, each);
    else if (properties.has(key)) continue;
    else if (key === "href") node.setAttribute(key, safeAddress(value));
    else node.setAttribute(key, value === true ? "" : String(value));
  }
  append(node, children);
  // After the children: the value of a select is one of them.
  for (const key of properties) {
    const value = attributes?.[key];
    if (value !== null && value !== undefined) node[key] = value;
  }
  return node;
}

function append(node, children) {
  for (const child of children.flat(Infinity)) {
    if (child === null || child === undefined || child === false) continue;
    node.append(child instanceof Node ? child : String(child));
  }
}

/** Of this page, or of another one: no script. */
function safeAddress(value) {
  const text = String(value);
  if (/^(#|\/|\?|blob:|https?:)/.test(text)) return text;
  throw new Error(`This is no address for a link: ${text}`);
}
