// Starts the page. It is complete as it came; from here on its parts are replaced by newer ones of the gateway's.

import { Live } from "./live.js";
import { replaceParts } from "./morph.js";
import { Status } from "./status.js";
import { Times } from "./times.js";
import { Updates } from "./updates.js";

/** The page's own data. The page as it came still stands without them. */
function initialData() {
  try {
    return JSON.parse(document.getElementById("initial-data").textContent);
  } catch {
    return null;
  }
}

const times = new Times();
const live = new Live(new Updates(initialData()), {
  replace: (html) => {
    replaceParts(html);
    times.synchronise();
    times.show(live.stale);
  },
  changed: () => status.show(),
});
const status = new Status(live);

function tick() {
  if (document.hidden) return;
  times.show(live.stale);
  status.show();
}

times.synchronise();
live.start();
tick();
setInterval(tick, 1000);
