// Starts the page: its own data first, so that it is complete before any request; then live.

import { Live } from "./live.js";
import { Renderer } from "./render.js";
import { State } from "./state.js";

function initialData() {
  try {
    return JSON.parse(document.getElementById("initial-data").textContent);
  } catch {
    // The page as the server made it still stands; the first requests fill the rest.
    return null;
  }
}

const state = new State();
const live = new Live(state, () => renderer.schedule());
const renderer = new Renderer(state, live);

const data = initialData();
if (data) state.start(data, Date.now());
renderer.schedule();
live.start();
setInterval(() => {
  if (!document.hidden) renderer.tick();
}, 1000);
