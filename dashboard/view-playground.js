// Tries a model: at one backend, wherever it is routed, or at two backends side by side.

import { bytes } from "./figures.js";
import { clear, fill, h } from "./dom.js";
import { Lane } from "./playground-lane.js";
import { chatBody, imageLimit, parameters } from "./playground-request.js";
import { ModelField, failure, fetchBackends, fetchRows, field, setProblem, tick } from "./tools.js";

class Playground {
  #abort = new AbortController();
  #image = null;

  constructor(root, context) {
    this.context = context;
    this.lanes = ["First answer", "Second answer"].map((label) => new Lane(label, context));
    this.model = new ModelField("Model", () => this.#drawBackends());
    this.model.value = context.query.get("model") ?? "";
    this.wanted = context.query.get("backend") ?? "";
    this.system = h("textarea", { rows: "2" });
    this.prompt = h("textarea", { rows: "5", onkeydown: (event) => { if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) this.#send(); } });
    this.values = Object.fromEntries(parameters.map((one) =>
      [one.name, h("input", { type: "text", inputmode: one.step === 1 ? "numeric" : "decimal", autocomplete: "off", placeholder: "as the server has it" })]));
    this.more = h("textarea", { rows: "2", spellcheck: "false", placeholder: '{"stop": ["\\n"]}' });
    this.file = h("input", { type: "file", accept: "image/*", onchange: () => this.#takeImage() });
    this.preview = h("div", { class: "preview" });
    this.stream = tick("Stream", { checked: true });
    this.compare = tick("Ask two backends side by side", { onchange: () => this.#drawLanes() });
    this.second = field("Second backend", this.lanes[1].backend, { problem: false });
    this.go = h("button", { type: "submit", class: "button" }, "Send");
    this.stop = h("button", { type: "button", class: "button quiet", disabled: true, onclick: () => this.lanes.forEach((lane) => lane.stop()) }, "Stop");
    this.problem = h("div");
    this.place = h("div", { class: "lanes" });
    fill(root, h("h2", null, "Playground"), h("div", { class: "playground" },
      h("form", { class: "panel form", novalidate: true, onsubmit: (event) => { event.preventDefault(); this.#send(); } },
        this.model.element, field("Backend", this.lanes[0].backend, { problem: false }), this.compare.element, this.second,
        field("System prompt", this.system, { problem: false }), field("Prompt", this.prompt, { hint: "Ctrl and Enter send it." }),
        field(`Image (up to ${bytes(imageLimit)})`, this.file), this.preview,
        h("details", null, h("summary", null, "Parameters"),
          h("div", { class: "columns" }, parameters.map((one) => field(one.label, this.values[one.name]))),
          field("More members of the request, as JSON", this.more)),
        h("div", { class: "buttons" }, this.go, this.stop, this.stream.element),
        h("p", { class: "note" }, "These are requests like any other: they count, and stand in the history.")),
      h("div", null, this.problem, this.place)));
    this.#drawLanes();
    this.#load();
  }

  async #load() {
    clear(this.problem);
    try {
      const [rows, backends] = await Promise.all([fetchRows(this.#abort.signal), fetchBackends(this.#abort.signal)]);
      this.backends = backends;
      this.model.take(rows);
      this.#drawBackends();
    } catch (error) {
      if (!this.#abort.signal.aborted) fill(this.problem, failure(error, () => this.#load()));
    }
  }

  /** Those that have the model come first. */
  #drawBackends() {
    const holders = new Set(this.model.row?.holders.map((holder) => holder.id));
    const option = (backend) => h("option", { value: backend.id },
      backend.name + (backend.status === "Healthy" ? "" : ` (${backend.state ?? backend.status})`));
    const groups = [
      ["Have the model", (this.backends ?? []).filter((backend) => holders.has(backend.id))],
      ["Others", (this.backends ?? []).filter((backend) => !holders.has(backend.id))],
    ];
    this.lanes.forEach((lane, index) => {
      const chosen = lane.backend.value || (index ? "" : this.wanted);
      fill(lane.backend, h("option", { value: "" }, "Wherever it is routed"),
        groups.filter(([, all]) => all.length).map(([label, all]) => h("optgroup", { label }, all.map(option))));
      lane.backend.value = chosen;
      if (lane.backend.selectedIndex < 0) lane.backend.value = "";
    });
    const [first, second] = groups[0][1].filter((backend) => backend.id !== this.lanes[0].backend.value);
    if (!this.lanes[1].backend.value && (second ?? first)) this.lanes[1].backend.value = (first ?? second).id;
  }

  #drawLanes() {
    const isTwo = this.compare.input.checked;
    this.second.hidden = !isTwo;
    this.place.classList.toggle("two", isTwo);
    if (!isTwo) this.lanes[1].stop();
    fill(this.place, this.lanes.slice(0, isTwo ? 2 : 1).map((lane) => lane.element));
  }

  #takeImage() {
    const file = this.file.files[0];
    this.#image = null;
    clear(this.preview);
    setProblem(this.file, "");
    if (!file) return;
    const refuse = (text) => {
      this.file.value = "";
      setProblem(this.file, text);
    };
    if (!file.type.startsWith("image/")) return refuse("This is no image.");
    if (file.size > imageLimit) return refuse(`It has ${bytes(file.size)}; ${bytes(imageLimit)} at most.`);
    const reader = new FileReader();
    reader.onerror = () => refuse("The file cannot be read.");
    reader.onload = () => {
      if (this.file.files[0] !== file) return;
      this.#image = reader.result;
      fill(this.preview, h("img", { src: reader.result, alt: "The image that goes with the prompt" }),
        h("button", { type: "button", class: "button quiet small", onclick: () => { this.file.value = ""; this.#takeImage(); } }, "Leave it out"));
    };
    reader.readAsDataURL(file);
  }

  async #send() {
    const inputs = { model: this.model.input, prompt: this.prompt, more: this.more, ...this.values };
    for (const input of Object.values(inputs)) setProblem(input, "");
    const { body, error, field: wrong } = chatBody({
      model: this.model.value, system: this.system.value, prompt: this.prompt.value, image: this.#image,
      stream: this.stream.input.checked, more: this.more.value,
      values: Object.fromEntries(Object.entries(this.values).map(([key, input]) => [key, input.value])),
    });
    if (error) {
      inputs[wrong].closest("details")?.setAttribute("open", "");
      return setProblem(inputs[wrong], error);
    }
    const lanes = this.lanes.slice(0, this.compare.input.checked ? 2 : 1);
    this.stop.disabled = false;
    await Promise.all(lanes.map((lane) => lane.run(body)));
    this.stop.disabled = !this.lanes.some((lane) => lane.isRunning);
  }

  update(query) {
    const model = query.get("model");
    if (model) this.model.value = model;
    this.wanted = query.get("backend") ?? this.wanted;
    if (query.get("backend")) this.lanes[0].backend.value = this.wanted;
  }

  end() {
    this.#abort.abort();
    for (const lane of this.lanes) lane.stop();
  }
}

let shown = null;

export const view = {
  name: "playground",
  title: "Playground",
  mount(root, context) { shown = new Playground(root, context); },
  update(query) { shown?.update(query); },
  unmount() {
    shown?.end();
    shown = null;
  },
};
