// One plot: a figure whose lines, marks and readings change while it stays.

import { h, list, s, setText } from "./dom.js";
import { asleepSteps, highest } from "./plot-data.js";
import { areaPath, dotPath, linePath } from "./plot-paths.js";
import { height, markOf, roundDuration, roundTop, timeMarks, written } from "./plot-scale.js";

export class Plot {
  #top = h("span", { class: "plot-top" });
  #reading = h("ul", { class: "plot-reading", "aria-hidden": "true" });
  #nothing = h("p", { class: "plot-nothing", hidden: true });
  #times = h("div", { class: "plot-times", "aria-hidden": "true" });
  #selection = s("rect", { class: "plot-selection", y: 0, height, visibility: "hidden" });
  #asleep = s("path", { class: "plot-asleep" });
  #lines = s("g", null);
  #cursor = s("line", { class: "plot-cursor", y1: 0, y2: height, visibility: "hidden" });
  #drawn = [];

  /** @param plot an entry of `plots` */
  constructor(plot) {
    this.plot = plot;
    this.title = h("h3", null, plot.title);
    this.svg = s("svg", { class: "plot-lines", preserveAspectRatio: "none", "aria-hidden": "true", focusable: "false" },
      s("path", { class: "plot-grid-line", d: "" }), this.#asleep, this.#selection, this.#lines, this.#cursor);
    this.area = h("div", { class: "plot-area" }, this.svg, this.#top, this.#nothing);
    this.element = h("figure", { class: "plot", data: { plot: plot.id } },
      h("figcaption", null, this.title, this.#reading), this.area, this.#times);
  }

  /** Lines of `plot-data.js`, of an answer. */
  draw(lines, answer, title) {
    this.lines = lines;
    setText(this.title, title);
    const steps = answer.awake_seconds.length;
    const most = highest(lines);
    const top = this.plot.unit === "duration" ? roundDuration(most) : roundTop(most);
    set(this.svg, "viewBox", `0 0 ${steps} ${height}`);
    set(this.svg.firstElementChild, "d", [4, 36, 68].map((y) => `M0 ${y}H${steps}`).join("") + `M0 ${height}H${steps}`);
    set(this.#asleep, "d", asleepSteps(answer).map((index) => `M${index} 0h1v${height}h-1z`).join(""));
    const known = lines.some(({ values }) => values.some((value) => value !== null));
    setText(this.#top, known ? written(top, this.plot.unit) : "");
    this.#nothing.hidden = known;
    setText(this.#nothing, known ? "" : "Nothing is known");
    while (this.#drawn.length < lines.length) this.#drawn.push(this.#addLine());
    while (this.#drawn.length > lines.length) this.#drawn.pop().group.remove();
    const isAlone = lines.length === 1;
    lines.forEach((line, index) => {
      const { group, area, path, dots } = this.#drawn[index];
      set(group, "class", classOf(index, lines, this.plot));
      set(path, "d", linePath(line.values, top));
      set(dots, "d", dotPath(line.values, top));
      set(area, "d", isAlone ? areaPath(line.values, top) : "");
    });
    this.#drawTimes(answer);
  }

  #addLine() {
    const [area, path, dots] = ["plot-fill", "plot-line", "plot-dots"].map((each) => s("path", { class: each }));
    const group = s("g", null, area, path, dots);
    this.#lines.append(group);
    return { group, area, path, dots };
  }

  #drawTimes(answer) {
    const to = answer.from + answer.awake_seconds.length * answer.step_seconds;
    list(this.#times, timeMarks(answer.from, to), ({ at }) => at, ({ share, at }, old) => {
      const mark = old ?? h("span", null, markOf(at, to - answer.from));
      mark.style.setProperty("left", `${share * 100}%`);
      return mark;
    });
  }

  /** Shows the values of a step; `isCursor`: the cursor stands there. */
  read(step, isCursor) {
    mark(this.#cursor, isCursor && step !== null);
    if (isCursor && step !== null) {
      set(this.#cursor, "x1", step + 0.5);
      set(this.#cursor, "x2", step + 0.5);
    }
    list(this.#reading, this.lines.map((line, index) => ({ line, index })), ({ index }) => index, ({ line, index }, old) => {
      const item = old ?? h("li", null, swatch(), h("span", { class: "plot-label" }), h("span", { class: "plot-value" }));
      const [mark, label, value] = item.children;
      set(mark, "class", `plot-swatch ${classOf(index, this.lines, this.plot)}`);
      // Of many, the legend has the names.
      setText(label, line.row && this.lines.length > 0 && this.lines[0].row !== this.lines.at(-1).row ? "" : line.label);
      setText(value, this.text(line, step));
      return item;
    });
  }

  /** A value in words, blank where it is not known, with "~" before an estimate. */
  text(line, step) {
    const text = step === null ? "" : written(line.values[step], this.plot.unit);
    return text && line.isEstimate(step) ? `~${text}` : text;
  }

  /** Marks steps as selected; null: none. */
  select(from, to) {
    mark(this.#selection, from !== null);
    if (from === null) return;
    set(this.#selection, "x", from);
    set(this.#selection, "width", Math.max(0, to - from));
  }
}

/** A piece of a line, as a legend has it. */
export function swatch() {
  return s("svg", { class: "plot-swatch", viewBox: "0 0 20 8", "aria-hidden": "true" },
    s("line", { class: "plot-line", x1: 1, y1: 4, x2: 19, y2: 4 }));
}

/** The class of a line: its colour and its dashes. */
export function classOf(index, lines, plot) {
  if (plot?.isBad && lines.length <= 2 && index === 0) return "plot-bad";
  return `plot-series-${index + 1}`;
}

/** An attribute that has not changed is left alone, since setting it would have the plot drawn again. */
function set(node, name, value) {
  if (node.getAttribute(name) !== String(value)) node.setAttribute(name, value);
}

function mark(node, isVisible) {
  set(node, "visibility", isVisible ? "visible" : "hidden");
}
