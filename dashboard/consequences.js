// What a change of a backend does to others, in sentences that are read before it is confirmed. Pure.

const shownModels = 5;

const names = (list) => {
  const shown = list.slice(0, shownModels).join(", ");
  return list.length > shownModels ? `${shown} and ${list.length - shownModels} more` : shown;
};

const count = (number, one, many = `${one}s`) => `${number.toLocaleString("en")} ${number === 1 ? one : many}`;

/** Names that requests may use, which only this backend serves. `offers`: data of GET /v1/models?per_backend=1. */
export function onlyHere(backendID, offers) {
  const elsewhere = new Set();
  const here = new Set();
  for (const one of offers) {
    if (one.alias_of !== undefined) continue;
    (one.backend_id === backendID ? here : elsewhere).add(one.id);
  }
  const only = [...here].filter((id) => !elsewhere.has(id));
  const lost = new Set(only);
  return [...only, ...offers.filter((one) => lost.has(one.alias_of)).map((one) => one.id)];
}

/** Requests under way at a backend, of GET /v1/requests/active: {all, streams}. */
export function underWay(backendID, active) {
  const all = active.filter((one) => one.backend_id === backendID);
  return { all: all.length, streams: all.filter((one) => one.stream).length };
}

/**
 * @param change "drain", "remove" or "remove-now"
 * @param facts {offers, active}; null for what could not be fetched
 */
export function consequences(change, backend, { offers, active }) {
  const sentences = [];
  if (active === null) sentences.push("How many requests are under way there is not known now.");
  else {
    const { all, streams } = underWay(backend.id, active);
    const what = all ? `${count(all, "request")}${streams ? `, ${streams} of them ${streams === 1 ? "a stream" : "streams"},` : ""} ${all === 1 ? "is" : "are"} under way there` : "";
    if (!all) sentences.push("No request is under way there.");
    else if (change === "remove-now") sentences.push(`${what}: those of which nothing has reached the client are tried elsewhere, the others end with an error.`);
    else sentences.push(`${what} and will end as usual.`);
  }
  sentences.push({
    drain: "It gets no new request until it is enabled again; its probes go on.",
    remove: "It gets no new request, and goes when its last one has ended.",
    "remove-now": "It goes at once.",
  }[change]);
  if (offers === null) sentences.push("Whether another backend has its models is not known now.");
  else {
    const lost = onlyHere(backend.id, offers);
    if (lost.length) {
      sentences.push(`No other backend serves ${names(lost)}: requests for ${lost.length === 1 ? "it" : "them"} will fail.`);
    } else sentences.push("Other backends serve all of its models.");
  }
  if (change !== "drain" && backend.discovery_source === "static") {
    sentences.push("The configuration names it: without keeping the removal it is back at the next start.");
  }
  return sentences;
}
