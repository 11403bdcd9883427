// Which view of the page is shown, by the address's fragment (fragment.js), and the navigation between them.
//
// A view is a module that is loaded when it is first opened:
//
//     export const view = { name, title, mount(root, context) {…}, unmount() {…}, update(query) {…} };
//
// `root` is an empty section that belongs to it until `unmount`, by which it has ended its timers and requests. `update` tells that
// the query has changed while it is shown. `context`:
//
//     query          URLSearchParams
//     go(fragment)   opens a fragment; `replace` as the second argument leaves the history of the browser as it is
//     link(state)    the fragment of {view, query, backend, request}
//     live           EventTarget: "update" with each message of the socket as its detail, "status" when the connection
//                    changes, "instance" when the gateway has restarted
//     announce(text) tells a screen reader
//
// With `styles: true` the file view-NAME.css is loaded before it is mounted.

import { fill, h } from "./dom.js";
import { parse, write } from "./fragment.js";

/** In the order of the navigation. The first one is the page as the gateway draws it. */
export const views = [
  { name: "overview", title: "Overview" },
  { name: "history", title: "History", load: () => import("./view-history.js"), styles: true },
  { name: "plots", title: "Plots", load: () => import("./view-plots.js"), styles: true },
  { name: "models", title: "Models", load: () => import("./view-models.js") },
  { name: "playground", title: "Playground", load: () => import("./view-playground.js") },
  { name: "connect", title: "Connect", load: () => import("./view-connect.js") },
  { name: "gateway", title: "Gateway", load: () => import("./view-gateway.js") },
];

/**
 * What lies over a view: `open(root, id, context)` draws it, `close()` ends it. `context` is that of a view, with the whole `state` of the
 * fragment, and `close` to put it away.
 */
const layers = [
  { name: "request", title: "Time line of a request", load: () => import("./drawer-request.js") },
  { name: "backend", title: "Details of a backend", load: () => import("./drawer-backend.js") },
];

export class Router {
  #live;
  #announce;
  #nav = document.getElementById("views");
  #overview = document.getElementById("overview-view");
  #main = document.getElementById("main");
  #current = null;
  #state = null;
  /** Of what lies over the view: its name, id, module and element. */
  #layer = null;
  #turn = 0;
  #before = null;

  /** @param shown called with the entry of `views` that is shown from now on */
  constructor({ live, announce, shown }) {
    this.#live = live;
    this.#announce = announce;
    this.shown = shown;
  }

  start() {
    this.#drawNavigation();
    window.addEventListener("hashchange", () => this.#follow());
    return this.#follow();
  }

  get state() { return this.#state; }

  /** Opens a fragment, such as "#history?model=m". */
  go(fragment, { replace = false } = {}) {
    if (fragment === location.hash) return;
    if (replace) {
      history.replaceState(null, "", fragment);
      this.#follow();
    } else {
      location.hash = fragment;
    }
  }

  /** Closes what lies over the view. */
  closeLayer() {
    if (this.#layer) this.go(write({ ...this.#state, backend: null, request: null, seq: null }));
  }

  #drawNavigation() {
    if (views.length < 2) return;
    fill(this.#nav, views.map(({ name, title }) => h("a", { href: `#${name}`, data: { view: name } }, title)));
    this.#nav.hidden = false;
  }

  async #follow() {
    // The link over the navigation leads into the view that is shown.
    if (location.hash === "#main" && this.#current) return;
    const state = parse(location.hash);
    const entry = views.find(({ name }) => name === state.view) ?? views[0];
    const isSame = this.#current?.entry === entry;
    this.#state = state;
    for (const link of this.#nav.children) {
      if (link.dataset.view === entry.name) link.setAttribute("aria-current", "page");
      else link.removeAttribute("aria-current");
    }
    if (!isSame) await this.#open(entry, state);
    else this.#current.view?.update?.(state.query);
    if (this.#state === state) await this.#openLayer(state);
  }

  #context(state) {
    return {
      query: state.query,
      go: (fragment, options) => this.go(fragment, options),
      link: write,
      live: this.#live,
      announce: this.#announce,
    };
  }

  async #open(entry, state) {
    const turn = ++this.#turn;
    this.#current?.view?.unmount?.();
    this.#current?.root?.remove();
    this.#overview.hidden = Boolean(entry.load);
    this.#current = { entry, view: null, root: null };
    this.shown(entry);
    if (!entry.load) return;
    const root = h("section", { class: "view", id: `view-${entry.name}`, "aria-label": entry.title });
    this.#current.root = root;
    this.#main.append(root);
    // Where the last view stood says nothing of this one.
    window.scrollTo(0, 0);
    try {
      const [module] = await Promise.all([entry.load(), entry.styles ? stylesheet(`view-${entry.name}.css`) : null]);
      if (turn !== this.#turn) return;
      this.#current.view = module.view;
      module.view.mount(root, this.#context(this.#state ?? state));
    } catch (error) {
      if (turn === this.#turn) fill(root, failed(error));
    }
  }

  // What lies over a view

  async #openLayer(state) {
    const wanted = layers.find(({ name }) => state[name]);
    const id = wanted ? state[wanted.name] : null;
    const { seq } = state;
    if (this.#layer && this.#layer.name === wanted?.name && this.#layer.id === id && this.#layer.seq === seq) return;
    const before = this.#layer?.opener ?? document.activeElement;
    this.#layer?.module?.close?.();
    this.#layer?.root.remove();
    this.#layer = null;
    if (!wanted) {
      // Back to what opened it.
      if (this.#before?.isConnected) this.#before.focus({ preventScroll: true });
      this.#before = null;
      return;
    }
    this.#before ??= before;
    const root = h("dialog", { class: `drawer ${wanted.name}-drawer`, "aria-label": wanted.title, tabindex: "-1" });
    const layer = { name: wanted.name, id, seq, root, module: null };
    this.#layer = layer;
    document.body.append(root);
    root.addEventListener("keydown", (event) => {
      if (event.key === "Escape" && !event.defaultPrevented) this.closeLayer();
    });
    root.show();
    root.focus({ preventScroll: true });
    try {
      const module = await wanted.load();
      if (this.#layer !== layer) return;
      layer.module = module;
      module.open(root, id, { ...this.#context(state), state, close: () => this.closeLayer() });
    } catch (error) {
      if (this.#layer === layer) fill(root, failed(error));
    }
  }
}

const sheets = new Map();

/** Loads a file of styles once. It stays: its rules name its view. */
function stylesheet(file) {
  if (!sheets.has(file)) {
    sheets.set(file, new Promise((resolve, reject) => {
      const link = h("link", { rel: "stylesheet", onload: resolve, onerror: () => reject(new Error(`${file} did not come.`)) });
      link.href = new URL(file, import.meta.url).pathname;
      document.head.append(link);
    }));
  }
  return sheets.get(file);
}

/** A module that does not come is one of a gateway that is gone, or that has become another version. */
function failed(error) {
  console.warn(error);
  return h("div", { class: "notice warning", role: "alert" },
    h("p", null, "This part of the page could not be loaded. The gateway may be away, or have been replaced by another version."),
    h("button", { class: "button", type: "button", onclick: () => location.reload() }, "Load the page again"));
}
