// Server-sent events out of the bytes of an answer, however they are cut: inside a character, a line end or an event.
// Pure: no network. The rules: HTML, section 9.2.6, "interpreting an event stream".

/** Characters of one line that are kept; a server that sends more is not one of ours. */
const longestLine = 1 << 22;

export class EventStream {
  #decoder = new TextDecoder("utf-8");
  #text = "";
  #data = [];
  #event = "";
  #afterReturn = false;

  /** @param bytes a Uint8Array
   *  @returns the events that are complete now, [{event, data}] */
  push(bytes) { return this.#take(this.#decoder.decode(bytes, { stream: true })); }

  /** The answer is over. What has no empty line behind it is no event, says the standard; a last one without it is still told. */
  end() {
    const events = this.#take(`${this.#decoder.decode()}\n\n`);
    this.#text = "";
    return events;
  }

  #take(text) {
    // Of CR LF that was cut in two the LF ends no other line.
    if (this.#afterReturn && text.startsWith("\n")) text = text.slice(1);
    if (text) this.#afterReturn = text.endsWith("\r");
    const lines = (this.#text + text).split(/\r\n|\n|\r/);
    this.#text = lines.pop();
    if (this.#text.length > longestLine) throw new Error("A line of the answer is too long to be an event.");
    const events = [];
    for (const line of lines) this.#line(line, events);
    return events;
  }

  #line(line, events) {
    if (line === "") {
      if (this.#data.length) events.push({ event: this.#event || "message", data: this.#data.join("\n") });
      this.#data = [];
      this.#event = "";
      return;
    }
    const colon = line.indexOf(":");
    if (colon === 0) return;
    const name = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
    if (name === "data") this.#data.push(value);
    if (name === "event") this.#event = value;
  }
}
