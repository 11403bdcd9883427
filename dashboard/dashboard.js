// Starts the page. It is complete as it came; from here on its parts are replaced by newer ones of the gateway's.

import { setText } from "./dom.js";
import { Live } from "./live.js";
import { replaceParts } from "./morph.js";
import { Status } from "./status.js";
import { Times } from "./times.js";
import { allParts, partsElsewhere, Updates } from "./updates.js";
import { Router } from "./views.js";

const times = new Times();
const live = new Live(new Updates(), {
  replace: (html) => {
    replaceParts(html);
    times.synchronise();
    times.show(live.stale);
  },
});
const status = new Status(live);
const announcer = document.getElementById("announcer");
const router = new Router({
  live,
  announce: (text) => setText(announcer, text),
  shown: (view) => {
    status.view = view;
    live.show(view.load ? partsElsewhere : allParts);
    status.show();
  },
});

function tick() {
  if (document.hidden) return;
  times.show(live.stale);
  status.show();
}

live.addEventListener("status", () => status.show());
times.synchronise();
router.start();
live.start();
tick();
setInterval(tick, 1000);
