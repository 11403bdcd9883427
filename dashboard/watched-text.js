// What has come of the text of a watched request, as far as it is kept here. No document, no network: tested by itself.

/** Characters that are kept; of more the oldest go. */
export const textLimit = 200_000;

export class WatchedText {
  /** One after another: `kind` ("answer", "thinking", "call" or "gap") and `text`. */
  parts = [];
  /** "waiting", "live", "ended", "hidden" or "lost" */
  state = "waiting";
  /** Of the request, once it has ended. */
  status = null;
  /** Characters that came, and characters that did not, since others were newer. */
  characters = 0;
  skipped = 0;
  /** What was put away here, since there is so much. */
  forgotten = 0;
  #kept = 0;

  /** Takes a message of the socket; gives whether there is something new to be drawn. */
  take(message) {
    const data = message?.data ?? {};
    switch (message?.update_type) {
      case "ExchangeWatched":
        this.state = "live";
        return true;
      case "ExchangeText":
        if (typeof data.text !== "string") return false;
        this.#append(String(data.kind), data.text);
        this.characters += [...data.text].length;
        return true;
      case "ExchangeSkipped":
        this.skipped += data.characters ?? 0;
        this.#append("gap", data.characters ? `[${data.characters} characters left out]` : "[some left out]");
        return true;
      case "ExchangeEnded":
        this.state = data.reason === "hidden" ? "hidden" : "ended";
        this.status = data.status ?? null;
        return true;
      default:
        return false;
    }
  }

  /** The socket has closed. */
  closed() {
    if (this.state === "live" || this.state === "waiting") this.state = this.state === "live" ? "lost" : "refused";
  }

  /** For people. */
  get told() {
    switch (this.state) {
      case "waiting": return "Asking for it.";
      case "live": return this.characters > 0 ? "Live. Others see that this request is watched." : "Live. Nothing has come yet.";
      case "ended": return this.status === null ? "The request has ended." : `The request has ended with status ${this.status}.`;
      case "hidden": return "The configuration does not allow it any more.";
      case "refused": return "It is not shown: the request may have ended, or as many watch as may.";
      default: return "The connection is lost. Close this and watch again.";
    }
  }

  #append(kind, text) {
    const last = this.parts.at(-1);
    if (last?.kind === kind && kind !== "gap") last.text += text;
    else this.parts.push({ kind, text });
    this.#kept += text.length;
    while (this.#kept > textLimit) {
      const first = this.parts[0];
      const size = Math.min(first.text.length, this.#kept - textLimit);
      first.text = first.text.slice(size);
      this.#kept -= size;
      this.forgotten += size;
      if (first.text === "") this.parts.shift();
    }
  }
}
