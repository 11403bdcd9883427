// The only ways this page makes and changes elements. Data goes into text and attributes, never into markup.

/** el("p", "note", "text", child, null): null children are left out. */
export function el(tag, className, ...children) {
  const node = document.createElement(tag);
  if (className) node.className = className;
  for (const child of children) if (child !== null && child !== undefined) node.append(child);
  return node;
}

export function attributes(node, values) {
  for (const [name, value] of Object.entries(values)) node.setAttribute(name, value);
  return node;
}

/** Touches the document only if something changes, so that a screen reader is not told twice. */
export function setText(node, text) {
  if (node && node.textContent !== text) node.textContent = text;
}

export function show(node, visible) {
  if (node && node.hidden === visible) node.hidden = !visible;
}

/**
 * Makes the children of `parent` those of `items`, in order. An element is kept while its item's signature stays the
 * same: what did not change keeps its focus, selection and scroll position.
 */
export function reconcile(parent, items, { key, signature, build }) {
  const known = parent.reconciled ?? new Map();
  const next = new Map();
  const nodes = items.map((item) => {
    const id = key(item);
    const sign = signature(item);
    const old = known.get(id);
    const entry = old && old.sign === sign ? old : { sign, node: build(item) };
    next.set(id, entry);
    return entry.node;
  });
  parent.reconciled = next;
  const wanted = new Set(nodes);
  for (const child of [...parent.childNodes]) if (!wanted.has(child)) child.remove();
  nodes.forEach((node, index) => {
    if (parent.childNodes[index] !== node) parent.insertBefore(node, parent.childNodes[index] ?? null);
  });
}
