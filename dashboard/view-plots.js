// The plots: the last five minutes, hour, day, week and month as small plots of one time, which are read, compared and shown as tables.

import { getJSON } from "./api.js";
import { fill, h, list, name, setText } from "./dom.js";
import { count } from "./figures.js";
import { basisOf, changeItem, headingOf } from "./plot-changes.js";
import { Cursor } from "./plot-cursor.js";
import {
  asleepSteps, groupings, isStored, linesOf, newestWhole, pathOf, plotsOf, quantiles, queryOf, stepSpan, subjectOf, windows, wishes,
} from "./plot-data.js";
import { classOf, Plot, swatch } from "./plot-drawing.js";
import { clockOf, spanOf } from "./plot-scale.js";

/** Seconds after which what there is to choose from is asked for again. */
const choicesEvery = 60;
/** A table that is read is not drawn anew each second. */
const tableEvery = 5;

class PlotsView {
  #abort = new AbortController();
  #fetching = null;
  #comparing = null;
  #timer = 0;
  #answer = null;
  #plots = [];
  #drawnFor = "";
  /** Steps that an answer lies after the one before. */
  #passed = 0;
  #selecting = null;
  #tableDrawn = 0;
  #problem = null;
  #choicesAt = 0;
  #choices = { backends: [], models: [] };
  #compared = "";

  constructor(root, context) {
    this.root = root;
    this.context = context;
    this.wishes = wishes(context.query);
    this.cursor = new Cursor({
      steps: () => this.#answer?.awake_seconds.length ?? 1,
      moved: () => this.#read(),
      selecting: (from, to) => this.#showSelecting(from, to),
      selected: (from, to) => this.#select(from, to),
    });
    this.#build();
    const again = () => this.#refresh();
    const signal = this.#abort.signal;
    document.addEventListener("visibilitychange", again, { signal });
    context.live?.addEventListener("instance", again, { signal });
    this.#showWishes();
    this.#refresh();
    this.#compare();
  }

  end() {
    this.#abort.abort();
    this.#fetching?.abort();
    this.#comparing?.abort();
    clearTimeout(this.#timer);
  }

  update(query) {
    const before = pathOf(this.wishes);
    this.wishes = wishes(query);
    this.#showWishes();
    if (pathOf(this.wishes) !== before) {
      // What was shown is of something else.
      this.#fetching?.abort();
      this.#fetching = null;
      this.grid.classList.add("loading");
      this.#refresh();
    } else {
      this.#draw();
    }
    this.#compare();
  }

  // Elements

  #build() {
    this.windows = segments("Window", "window", windows, (value) => this.#wish({ window: value }));
    this.groupings = segments("Lines", "by", groupings, (value) => this.#wish({ by: value }));
    this.quantiles = segments("Quantile", "quantile", quantiles.map((each) => ({ name: each, title: each })),
      (value) => this.#wish({ quantile: value }));
    this.backends = h("select", { onchange: ({ target }) => this.#wish({ backend: target.value || null }) });
    this.models = h("select", { onchange: ({ target }) => this.#wish({ model: target.value || null }) });
    this.shows = h("button", { type: "button", class: "button quiet", onclick: () => this.#wish({ table: !this.wishes.table }) });
    this.when = h("span", { class: "plots-when" });
    this.note = h("p", { class: "note plots-note" });
    this.trouble = h("p", { class: "plots-trouble", role: "status" });
    this.legend = h("ul", { class: "plots-legend", "aria-label": "Lines" });
    this.slider = h("div", {
      class: "plots-slider", role: "slider", tabindex: "0", "aria-label": "Time that is read on all plots", "aria-valuemin": "0",
      "aria-describedby": "plots-keys",
    }, h("span", { class: "plots-thumb", "aria-hidden": "true" }));
    this.keys = h("p", { id: "plots-keys", class: "note" },
      "Left and right read other times, with Shift they select; Enter compares what is selected with the time before.");
    this.grid = h("div", { class: "plot-grid" });
    this.tables = h("div", { class: "plot-tables" });
    this.changes = h("section", { class: "plots-changes panel", "aria-labelledby": "plots-changes-heading", hidden: true });
    fill(this.root,
      h("h2", null, "Plots"),
      h("div", { class: "toolbar plots-toolbar" }, this.windows, this.groupings, field("Backend", this.backends),
        field("Model", this.models), this.quantiles, this.shows),
      this.trouble, this.changes, this.legend,
      h("div", { class: "plots-reader" }, this.when, this.slider), this.grid, this.tables, this.keys, this.note);
    this.slider.addEventListener("keydown", (event) => {
      if (event.ctrlKey || event.altKey || event.metaKey || !this.cursor.key(event)) return;
      event.preventDefault();
      event.stopPropagation();
    });
    this.cursor.follow(this.slider);
  }

  #wish(change) {
    const query = queryOf({ ...this.wishes, ...change });
    this.context.go(this.context.link({ view: "plots", query }), { replace: true });
  }

  #showWishes() {
    const { window, by, quantile, table } = this.wishes;
    choose(this.windows, window);
    choose(this.groupings, by);
    choose(this.quantiles, quantile);
    this.quantiles.hidden = by === "total";
    setText(this.shows, table ? "Show plots" : "Show tables");
    this.#showChoices();
  }

  #showChoices() {
    const options = (select, all, items, chosen) => {
      const known = chosen && !items.some(({ value }) => value === chosen) ? [...items, { value: chosen, text: chosen }] : items;
      list(select, [{ value: "", text: all }, ...known], ({ value }) => value, ({ value, text }, old) => {
        const option = old ?? h("option", { value });
        setText(option, text);
        return option;
      });
      select.value = chosen ?? "";
    };
    options(this.backends, "All backends", this.#choices.backends, this.wishes.backend);
    options(this.models, "All models", this.#choices.models, this.wishes.model);
  }

  // Fetching

  async #refresh() {
    clearTimeout(this.#timer);
    if (this.#abort.signal.aborted || document.hidden || this.#fetching) return;
    // What is selected must not move away below the pointer.
    if (this.cursor.isDragging) {
      this.#timer = setTimeout(() => this.#refresh(), 500);
      return;
    }
    const fetching = new AbortController();
    this.#fetching = fetching;
    const path = pathOf(this.wishes);
    try {
      const answer = await getJSON(path, { signal: fetching.signal });
      if (this.#fetching !== fetching) return;
      const before = path === this.#drawnFor ? this.#answer : null;
      this.#passed = before ? Math.round((answer.from - before.from) / answer.step_seconds) : 0;
      this.#answer = answer;
      this.#problem = null;
    } catch (error) {
      if (this.#fetching !== fetching || fetching.signal.aborted) return;
      this.#problem = error;
      // What is shown is of something else, or of nothing.
      if (path !== this.#drawnFor) this.#answer = null;
    }
    this.#fetching = null;
    this.#drawnFor = path;
    this.grid.classList.remove("loading");
    this.#draw();
    this.#refreshChoices();
    const every = windows.find((each) => each.name === this.wishes.window).every;
    this.#timer = setTimeout(() => this.#refresh(), Math.max(every, this.#problem ? 5 : 0) * 1000);
  }

  /** Backends and models that have been used: those without have nothing to plot. */
  async #refreshChoices() {
    if (Date.now() - this.#choicesAt < choicesEvery * 1000) return;
    this.#choicesAt = Date.now();
    const signal = this.#abort.signal;
    const named = (by) => getJSON(`/v1/series?window=24h&by=${by}&metrics=requests&limit=100`, { signal });
    try {
      const [backends, models] = await Promise.all([named("backend"), named("model")]);
      this.#choices = {
        backends: backends.series.filter((row) => row.backend_id).map((row) => ({ value: row.backend_id, text: row.backend })),
        models: models.series.filter((row) => row.model !== null).map((row) => ({ value: row.model, text: row.model })),
      };
      for (const items of Object.values(this.#choices)) items.sort((one, other) => one.text.localeCompare(other.text));
      // A list that is open would close.
      if (document.activeElement !== this.backends && document.activeElement !== this.models) this.#showChoices();
    } catch {
      // The figures themselves tell that the gateway cannot be reached.
    }
  }

  // Drawing

  #draw() {
    const answer = this.#answer;
    this.#showTrouble();
    const { table } = this.wishes;
    this.grid.hidden = table || !answer;
    this.slider.parentElement.hidden = table || !answer;
    this.keys.hidden = table || !answer || isStored(this.wishes.window);
    this.tables.hidden = !table || !answer;
    this.legend.hidden = table || !answer || this.wishes.by === "total";
    if (!answer) return;
    this.#drawLegend(answer);
    if (table) {
      if (Date.now() - this.#tableDrawn >= tableEvery * 1000 || this.tableOf !== this.#drawnFor) this.#drawTables(answer);
    } else {
      this.#drawPlots(answer);
      this.cursor.again(this.#passed);
      this.#passed = 0;
      this.#read();
    }
    this.#drawNote(answer);
  }

  #drawPlots(answer) {
    const wanted = plotsOf(this.wishes);
    if (this.#plots.map(({ plot }) => plot).join() !== wanted.join() || this.#plots.length !== wanted.length) {
      this.#plots = wanted.map((plot) => new Plot(plot));
      for (const plot of this.#plots) this.cursor.follow(plot.area);
      fill(this.grid, this.#plots.map(({ element }) => element));
    }
    for (const plot of this.#plots) plot.draw(linesOf(plot.plot, answer, this.wishes), answer, this.#titleOf(plot.plot));
    this.#showSelection();
  }

  #titleOf(plot) {
    if (this.wishes.by === "total") return plot.title;
    const title = plot.oneTitle ?? plot.title;
    return plot.one.includes("{q}") ? `${title}, ${this.wishes.quantile}` : title;
  }

  #drawLegend(answer) {
    if (this.wishes.by === "total") return;
    const items = answer.series.map((row, index) => ({ row, index, subject: subjectOf(row, this.wishes.by) }));
    list(this.legend, items, ({ subject, index }) => `${index} ${subject.text}`, ({ row, index, subject }, old) => {
      if (old) {
        setText(old.lastElementChild, count(row.requests));
        return old;
      }
      const mark = swatch();
      mark.setAttribute("class", `plot-swatch ${classOf(index, answer.series)}`);
      const { backend, model } = subject;
      const query = queryOf({ ...this.wishes, by: "total", ...(backend ? { backend } : null), ...(model ? { model } : null) });
      const text = subject.isOwn ? subject.text : h("a", { href: this.context.link({ view: "plots", query }) }, name(subject.text));
      return h("li", null, mark, text, h("span", { class: "note", title: "requests" }, count(row.requests)));
    });
  }

  #drawNote(answer) {
    const parts = [];
    if (answer.quantile_error > 0) parts.push(`Quantiles are off by at most ${Math.ceil(answer.quantile_error * 100)} %.`);
    if (answer.left_out > 0 && this.wishes.by !== "total") {
      parts.push(`${count(answer.left_out)} with fewer requests are not shown: choose one above.`);
    }
    const stored = isStored(this.wishes.window);
    if (asleepSteps(answer).length > 0) {
      parts.push(stored ? "Where it is grey, nothing was kept yet." : "Where it is grey, the gateway did not run.");
    }
    if (stored) parts.push("These figures come from the history on disk; what is compared is the last 24 hours.");
    if (answer.folded > 0) parts.push("Some that were unused for long are counted with the others.");
    setText(this.note, parts.join(" "));
  }

  #showTrouble() {
    const since = this.#answer ? `These are the figures of ${clockOf(this.#answer.to, 1)}. ` : "";
    setText(this.trouble, this.#problem ? `${since}${this.#problem.message}` : "");
    this.root.classList.toggle("stale", Boolean(this.#problem));
  }

  // Reading

  #read() {
    const answer = this.#answer;
    if (!answer || this.wishes.table) return;
    const isCursor = this.cursor.step !== null;
    const step = Math.min(this.cursor.step ?? newestWhole(answer), answer.awake_seconds.length - 1);
    for (const plot of this.#plots) plot.read(step, isCursor);
    const { from, to } = stepSpan(answer, step);
    const time = spanOf(from, to, isStored(this.wishes.window) ? answer.step_seconds : answer.step_seconds % 60 === 0 && to % 60 === 0 ? 60 : 1);
    setText(this.when, time);
    this.slider.firstElementChild.style.setProperty("left", `${((step + 0.5) / answer.awake_seconds.length) * 100}%`);
    this.slider.classList.toggle("set", isCursor);
    const values = {
      "aria-valuemax": answer.awake_seconds.length - 1, "aria-valuenow": step,
      "aria-valuetext": `${time}: ${this.#words(step) || "nothing is known"}`,
    };
    for (const [attribute, value] of Object.entries(values)) this.slider.setAttribute(attribute, value);
  }

  /** The values of a step for a screen reader. */
  #words(step) {
    return this.#plots.flatMap((plot) => {
      const values = plot.lines.map((line) => [line.label, plot.text(line, step)]).filter(([, text]) => text !== "");
      if (values.length === 0) return [];
      const title = this.#titleOf(plot.plot);
      return [`${title} ${values.map(([label, text]) => (plot.lines.length > 1 ? `${label} ${text}` : text)).join(", ")}`];
    }).join("; ");
  }

  // Selecting and comparing

  #showSelecting(from, to) {
    this.#selecting = from === null || isStored(this.wishes.window) ? null : { from, to: to + 1 };
    this.#showSelection();
  }

  #showSelection() {
    if (this.#selecting) {
      for (const plot of this.#plots) plot.select(this.#selecting.from, this.#selecting.to);
      return;
    }
    const { selection } = this.wishes;
    const answer = this.#answer;
    for (const plot of this.#plots) {
      if (!selection || !answer) {
        plot.select(null);
        continue;
      }
      const place = (seconds) => Math.min(answer.awake_seconds.length, Math.max(0, (seconds - answer.from) / answer.step_seconds));
      const [from, to] = [place(selection.from), place(selection.to)];
      plot.select(to > from ? from : null, to);
    }
  }

  #select(first, last) {
    const answer = this.#answer;
    if (!answer || isStored(this.wishes.window)) return;
    this.isAsked = true;
    this.#wish({ selection: { from: stepSpan(answer, first).from, to: Math.max(stepSpan(answer, first).from + 1, stepSpan(answer, last).to) } });
  }

  async #compare() {
    const { selection, backend, model } = this.wishes;
    const query = selection && new URLSearchParams({ ...selection, ...(backend ? { backend } : null), ...(model ? { model } : null) });
    const path = query ? `/v1/series/compare?${query}` : "";
    if (path === this.#compared) return;
    this.#compared = path;
    this.#comparing?.abort();
    this.changes.hidden = !path;
    if (!path) return;
    const comparing = new AbortController();
    this.#comparing = comparing;
    const heading = h("h3", { id: "plots-changes-heading" }, `What changed from ${spanOf(selection.from, selection.to, 1)}`);
    const close = h("button", { type: "button", class: "button quiet small", onclick: () => this.#wish({ selection: null }) }, "Clear");
    const words = h("p", { class: "note" }, "Comparing…");
    const found = h("ol", null);
    fill(this.changes, h("div", { class: "plots-changes-head" }, heading, close), words, found);
    try {
      const answer = await getJSON(path, { signal: comparing.signal });
      if (comparing.signal.aborted) return;
      setText(heading, headingOf(answer));
      setText(words, basisOf(answer));
      fill(found, answer.data.map((change) => changeItem(change, (each) => this.#linkOf(each))));
      if (this.isAsked) this.changes.scrollIntoView({ block: "nearest" });
      if (this.isAsked) this.context.announce?.([basisOf(answer), ...answer.data.slice(0, 3).map(({ text }) => text)].join(" "));
    } catch (error) {
      if (comparing.signal.aborted) return;
      setText(words, error.message);
    }
    this.isAsked = false;
  }

  /** The plots of what changed, with the same selection. */
  #linkOf({ backend_id: backend, model }) {
    const query = queryOf({ ...this.wishes, by: "total", backend, model });
    return this.context.link({ view: "plots", query });
  }

  // Tables

  #drawTables(answer) {
    this.#tableDrawn = Date.now();
    this.tableOf = this.#drawnFor;
    const steps = answer.awake_seconds.map((_, index) => index).reverse();
    const shown = plotsOf(this.wishes).map((plot) => ({ plot: new Plot(plot), lines: linesOf(plot, answer, this.wishes) }));
    const tables = this.wishes.by === "total"
      ? [{ title: "All figures", columns: shown.flatMap(({ plot, lines }) => lines.map((line) => column(plot, line, lines.length > 1))) }]
      : shown.map(({ plot, lines }) => ({
        title: this.#titleOf(plot.plot), columns: lines.map((line) => ({ head: name(line.label), text: (step) => plot.text(line, step) })),
      }));
    const places = [...this.tables.children].map((each) => [each.lastElementChild.scrollTop, each.lastElementChild.scrollLeft]);
    fill(this.tables, tables.map((table, index) => this.#table(table, index, steps, answer)));
    places.forEach(([top, left], index) => this.tables.children[index]?.lastElementChild.scrollTo(left, top));
  }

  #table({ title, columns }, index, steps, answer) {
    const id = `plot-table-${index}`;
    const row = (step) => {
      const { from, to } = stepSpan(answer, step);
      const time = h("th", { scope: "row" }, clockOf(from, answer.step_seconds), to < from + answer.step_seconds ? " (not over)" : null);
      return h("tr", null, time, columns.map(({ text }) => h("td", { class: "number" }, text(step))));
    };
    return h("section", { "aria-labelledby": id },
      h("h3", { id }, title),
      h("div", { class: "panel scroll", role: "group", "aria-labelledby": id, tabindex: "0" },
        h("table", null,
          h("thead", null, h("tr", null, h("th", { scope: "col" }, "From"),
            columns.map(({ head }) => h("th", { scope: "col", class: "number" }, head)))),
          h("tbody", null, steps.map(row)))));
  }
}

function column(plot, line, isOneOfMany) {
  return { head: isOneOfMany ? `${plot.plot.title}, ${line.label}` : plot.plot.title, text: (step) => plot.text(line, step) };
}

/** A choice of a few, as buttons of which one is pressed. */
function segments(title, group, items, chosen) {
  return h("fieldset", { class: "segments" }, h("legend", null, title),
    items.map(({ name: value, title: text }) => h("label", null,
      h("input", { type: "radio", name: `plots-${group}`, onchange: () => chosen(value), value }), h("span", null, text))));
}

function choose(fieldset, value) {
  for (const input of fieldset.querySelectorAll("input")) input.checked = input.value === value;
}

function field(title, control) {
  return h("label", { class: "field" }, title, control);
}

let shown = null;

export const view = {
  name: "plots",
  title: "Plots",
  mount(root, context) {
    shown = new PlotsView(root, context);
  },
  update(query) {
    shown?.update(query);
  },
  unmount() {
    shown?.end();
    shown = null;
  },
};
