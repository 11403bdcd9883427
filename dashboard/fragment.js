// What the page's fragment says: which view with which query, and what lies open over it.
//
//     #history?model=llama3&status=Error          a view and its query
//     #overview&backend=ID                        a drawer over a view
//     #history&request=ID&seq=N?model=llama3      a time line over a view that has a query
//
// What lies over a view stands before the query, so that a view may have a `backend` in its query: #plots?backend=ID. A `request`
// in the query, or the `backend` of a view that has no query of its own, is understood as well. No document: tested by itself.

/** The views that have no query. */
const plain = new Set(["overview"]);
const layers = ["backend", "request"];

/** {view, query: URLSearchParams, backend: ID or null, request: ID or null, seq: which of several requests with that id, or null} */
export function parse(fragment) {
  const text = fragment.replace(/^#/, "");
  const mark = text.indexOf("?");
  const head = mark < 0 ? text : text.slice(0, mark);
  const query = new URLSearchParams(mark < 0 ? "" : text.slice(mark + 1));
  const [view, ...rest] = head.split("&");
  const over = new URLSearchParams(rest.join("&"));
  const state = { view: view || "overview", query, backend: over.get("backend"), request: over.get("request"), seq: over.get("seq") };
  for (const layer of layers) {
    if (layer === "backend" && !plain.has(state.view)) continue;
    state[layer] ??= query.get(layer);
    query.delete(layer);
  }
  state.seq ??= state.request && query.get("seq");
  if (!state.request) state.seq = null;
  query.delete("seq");
  return state;
}

/** The fragment of a state; `query` may be an object, whose empty members are left out. */
export function write({ view, query = {}, backend = null, request = null, seq = null }) {
  const values = query instanceof URLSearchParams ? [...query] : Object.entries(query);
  const kept = values.filter(([, value]) => value !== null && value !== undefined && value !== "");
  const over = new URLSearchParams();
  if (backend) over.set("backend", backend);
  if (request) over.set("request", request);
  if (request && seq) over.set("seq", seq);
  const parts = [view, over.toString()].filter(Boolean).join("&");
  const tail = new URLSearchParams(kept).toString();
  return `#${parts}${tail ? `?${tail}` : ""}`;
}
