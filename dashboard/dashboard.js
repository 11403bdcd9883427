// Starts the page. It is complete as it came; from here on its parts are replaced by newer ones of the gateway's.

import { setText } from "./dom.js";
import { listenToKeys } from "./keys.js";
import { Live } from "./live.js";
import { replaceParts } from "./morph.js";
import { drawing, hint, keepHistory, listen } from "./overview.js";
import { Status } from "./status.js";
import { Times } from "./times.js";
import { TroubleNews } from "./trouble-news.js";
import { allParts, partsElsewhere, Updates } from "./updates.js";
import { Router, views } from "./views.js";

const times = new Times();
const live = new Live(new Updates(), {
  replace: async (html) => {
    const isOther = keepHistory(html);
    const work = await replaceParts(html);
    times.synchronise();
    times.show(live.stale);
    hint();
    tellTroubles();
    if (isOther) live.dispatchEvent(new Event("instance"));
    return work;
  },
  parameters: drawing,
});
const status = new Status(live);
const announcer = document.getElementById("announcer");
const announce = (text) => setText(announcer, text);
const router = new Router({
  live,
  announce,
  shown: (view) => {
    status.view = view;
    live.show(view.load ? partsElsewhere : allParts);
    status.show();
  },
});

/** As they stand in the strip. */
const troubles = () => [...document.querySelectorAll("#trouble-items > .trouble-item")].map((item) => ({
  id: item.dataset.id, words: item.querySelector(".trouble-what").textContent,
}));
const news = new TroubleNews(troubles());

function tellTroubles() {
  const text = news.take(troubles());
  if (text) announce(text);
}

function tick() {
  if (document.hidden) return;
  times.show(live.stale);
  status.show();
}

live.addEventListener("status", () => status.show());
listen(live, announce);
listenToKeys({ views, go: (fragment) => router.go(fragment), refresh: () => live.refresh(allParts) });
times.synchronise();
hint();
router.start();
live.start();
tick();
setInterval(tick, 1000);
