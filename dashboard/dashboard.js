// Starts the page. It is complete as it came; from here on its parts are replaced by newer ones of the gateway's.

import { setText } from "./dom.js";
import { listenToKeys } from "./keys.js";
import { Live } from "./live.js";
import { replaceParts } from "./morph.js";
import { drawing, hint, keepHistory, listen } from "./overview.js";
import { Status } from "./status.js";
import { Times } from "./times.js";
import { allParts, partsElsewhere, Updates } from "./updates.js";
import { Router, views } from "./views.js";

const times = new Times();
const live = new Live(new Updates(), {
  replace: (html) => {
    const isOther = keepHistory(html);
    replaceParts(html);
    times.synchronise();
    times.show(live.stale);
    hint();
    if (isOther) live.dispatchEvent(new Event("instance"));
  },
  parameters: drawing,
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
listen(live);
listenToKeys({ views, go: (fragment) => router.go(fragment), refresh: () => live.refresh(allParts) });
times.synchronise();
hint();
router.start();
live.start();
tick();
setInterval(tick, 1000);
