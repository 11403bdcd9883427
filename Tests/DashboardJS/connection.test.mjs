import assert from "node:assert/strict";
import { test } from "node:test";

import { Connection, isStale, retryDelay, staleSeconds } from "../../dashboard/connection.js";

const types = (effects) => effects.map((effect) => (effect.type === "poll" ? `poll ${effect.on}` : effect.type));
const noJitter = () => 0;

function connected() {
  const machine = new Connection(noJitter);
  machine.handle("start");
  machine.handle("opened");
  return machine;
}

test("delays double from 3 s and stay at 60 s; chance only adds, a fifth at most", () => {
  assert.deepEqual([0, 1, 2, 3, 4, 5, 6, 50].map((tries) => retryDelay(tries, 0)), [3, 6, 12, 24, 48, 60, 60, 60]);
  assert.ok(Math.abs(retryDelay(0, 0.5) - 3.3) < 1e-9);
  assert.ok(retryDelay(9, 0.999) < 72);
});

test("the first connection needs no resynchronisation, later ones do", () => {
  const machine = new Connection(noJitter);
  assert.equal(machine.status, "connecting");
  assert.deepEqual(types(machine.handle("start")), ["open"]);
  assert.deepEqual(types(machine.handle("opened")), []);
  assert.equal(machine.status, "connected");
  assert.deepEqual(machine.handle("closed"), [{ type: "poll", on: true }, { type: "retry", seconds: 3 }]);
  assert.equal(machine.status, "reconnecting");
  assert.deepEqual(types(machine.handle("retry")), ["open"]);
  assert.deepEqual(types(machine.handle("opened")), ["poll false", "resync"]);
});

test("from the first failure on it polls and goes on trying, and says so after five tries; a connection ends both", () => {
  const machine = connected();
  const seconds = [];
  let effects = machine.handle("closed");
  for (let tries = 0; tries < 7; tries += 1) {
    seconds.push(effects.at(-1).seconds);
    assert.equal(machine.status, tries < 5 ? "reconnecting" : "polling");
    assert.deepEqual(types(effects), tries === 0 ? ["poll true", "retry"] : ["retry"]);
    machine.handle("retry");
    effects = machine.handle("closed");
  }
  assert.deepEqual(seconds, [3, 6, 12, 24, 48, 60, 60]);
  machine.handle("retry");
  assert.equal(machine.status, "polling");
  assert.deepEqual(types(machine.handle("opened")), ["poll false", "resync"]);
  assert.equal(machine.status, "connected");
  assert.equal(machine.handle("closed").at(-1).seconds, 3);
});

test("the network's return, or a look at the tab, cuts the waiting short", () => {
  for (const event of ["online", "wake"]) {
    const machine = connected();
    machine.handle("closed");
    assert.deepEqual(types(machine.handle(event)), ["cancelRetry", "open"]);
  }
});

test("a hidden tab rests and wakes with a resynchronisation", () => {
  const machine = connected();
  assert.deepEqual(types(machine.handle("rest")), ["close"]);
  assert.equal(machine.status, "paused");
  for (const event of ["closed", "retry", "opened", "online", "rest"]) assert.deepEqual(machine.handle(event), []);
  assert.deepEqual(types(machine.handle("wake")), ["open", "resync"]);
  machine.handle("closed");
  assert.deepEqual(types(machine.handle("rest")), ["cancelRetry", "poll false"]);
});

test("after a sleep the socket is not trusted", () => {
  const machine = connected();
  assert.deepEqual(types(machine.handle("slept")), ["close", "open", "resync"]);
  assert.equal(machine.status, "reconnecting");
  assert.deepEqual(types(machine.handle("opened")), ["resync"]);
  machine.handle("closed");
  assert.deepEqual(types(machine.handle("slept")), ["cancelRetry", "open"]);
});

test("resting ends polling", () => {
  const machine = connected();
  machine.handle("closed");
  for (let tries = 0; tries < 5; tries += 1) {
    machine.handle("retry");
    machine.handle("closed");
  }
  assert.equal(machine.polling, true);
  assert.deepEqual(types(machine.handle("rest")), ["cancelRetry", "poll false"]);
});

test("no order of events breaks it: never two sockets, never two timers", () => {
  const events = ["start", "opened", "closed", "retry", "rest", "wake", "online", "slept"];
  let seed = 1;
  const random = (below) => (seed = (seed * 48271) % 2147483647) % below;
  for (let run = 0; run < 500; run += 1) {
    const machine = new Connection(noJitter);
    let sockets = 0;
    let timers = 0;
    let polling = false;
    for (let step = 0; step < 60; step += 1) {
      const event = events[random(events.length)];
      // Only what the world can do: a socket that is not there says nothing, a timer that is off does not fire.
      if ((event === "opened" || event === "closed") && sockets === 0) continue;
      if (event === "opened" && machine.phase !== "connecting") continue;
      if (event === "retry" && timers === 0) continue;
      if (event === "closed") sockets -= 1;
      if (event === "retry") timers -= 1;
      for (const effect of machine.handle(event)) {
        if (effect.type === "open") sockets += 1;
        if (effect.type === "close") sockets -= 1;
        if (effect.type === "retry") timers += 1;
        if (effect.type === "cancelRetry") timers -= 1;
        if (effect.type === "poll") polling = effect.on;
      }
      assert.ok(sockets >= 0 && sockets <= 1 && timers >= 0 && timers <= 1, `${event}: ${sockets} ${timers}`);
      assert.equal(polling, machine.polling);
      if (machine.phase !== "idle") assert.equal(sockets + timers, machine.phase === "resting" ? 0 : 1);
    }
  }
});

test("stale: when nothing comes, or when only part of it does", () => {
  const now = 1_000_000;
  const old = now - staleSeconds * 1000 - 1;
  assert.equal(isStale({ status: "connected", heard: now, whole: old }, now), false);
  assert.equal(isStale({ status: "connected", heard: old, whole: now }, now), true);
  assert.equal(isStale({ status: "reconnecting", heard: now, whole: now }, now), false);
  assert.equal(isStale({ status: "reconnecting", heard: now, whole: old }, now), true);
  assert.equal(isStale({ status: "polling", heard: now, whole: now }, now), false);
});

test("stale at once when neither socket nor request has an answer", () => {
  const now = 1_000_000;
  assert.equal(isStale({ status: "reconnecting", heard: now, whole: now, failed: true }, now), true);
  assert.equal(isStale({ status: "connected", heard: now, whole: now, failed: true }, now), false);
});
