// The cursor over all plots, and what is selected of the time: by pointer or by keys. Steps in, steps out; the view draws them.

import { stepAt } from "./plot-scale.js";

/** Pixels that a pointer moves before it drags. */
const dragFrom = 6;

export class Cursor {
  #drag = null;

  /**
   * @param steps gives how many steps there are
   * @param moved called with the step of the cursor, or null
   * @param selecting called with the first and last step while something is being selected, or null
   * @param selected called with these once it is
   */
  constructor({ steps, moved, selecting, selected }) {
    Object.assign(this, { steps, moved, selecting, selected });
    this.step = null;
    /** Where a selection by keys began. */
    this.anchor = null;
    /** Where the pointer is, as a share of the width; null: not over a plot. */
    this.pointer = null;
  }

  /** Follows a pointer over an element whose width stands for all steps. */
  follow(element) {
    element.addEventListener("pointerdown", (event) => this.#down(element, event));
    element.addEventListener("pointermove", (event) => this.#move(element, event));
    element.addEventListener("pointerup", (event) => this.#up(element, event));
    element.addEventListener("pointercancel", () => this.#forget());
    element.addEventListener("pointerleave", (event) => {
      if (this.#drag || event.pointerType === "touch") return;
      this.pointer = null;
      this.#go(null);
    });
  }

  get isDragging() { return this.#drag !== null; }

  /** After the steps have moved on: the cursor of the keys stays at its time, that of a pointer where the pointer rests. */
  again(passed = 0) {
    if (this.pointer === null && passed > 0) {
      const earlier = (step) => (step === null ? null : Math.max(0, step - passed));
      [this.step, this.anchor] = [earlier(this.step), earlier(this.anchor)];
    }
    if (this.pointer !== null && !this.#drag) this.#go(stepAt(this.pointer, this.steps()));
  }

  /** Whether the key was one of the cursor's. */
  key({ key, shiftKey }) {
    const last = this.steps() - 1;
    // Before the first figures have come there is nothing to stand on.
    if (last < 0) return false;
    // Without a cursor it comes in at the end.
    const now = this.step ?? last + 1;
    const big = Math.max(1, Math.round(last / 6));
    const places = {
      ArrowLeft: now - 1, ArrowRight: now + 1, ArrowDown: now - 1, ArrowUp: now + 1, PageDown: now - big, PageUp: now + big, Home: 0,
      End: last,
    };
    if (key in places) {
      const next = Math.min(last, Math.max(0, places[key]));
      if (shiftKey) {
        this.anchor ??= Math.min(last, now);
        this.selecting(Math.min(this.anchor, next), Math.max(this.anchor, next));
      } else {
        this.#letGo();
      }
      this.#go(next);
      return true;
    }
    if (key === "Enter" && this.step !== null) {
      const from = this.anchor ?? this.step;
      this.#letGo();
      this.selected(Math.min(from, this.step), Math.max(from, this.step));
      return true;
    }
    if (key === "Escape" && (this.anchor !== null || this.step !== null)) {
      this.#letGo();
      this.#go(null);
      return true;
    }
    return false;
  }

  #letGo() {
    if (this.anchor === null) return;
    this.anchor = null;
    this.selecting(null);
  }

  #go(step) {
    this.step = step;
    this.moved(step);
  }

  #share(element, event) {
    const { left, width } = element.getBoundingClientRect();
    return width > 0 ? Math.min(1, Math.max(0, (event.clientX - left) / width)) : 0;
  }

  #down(element, event) {
    if (event.button !== 0) return;
    this.#drag = { x: event.clientX, from: stepAt(this.#share(element, event), this.steps()), isDrag: false };
    element.setPointerCapture(event.pointerId);
  }

  #move(element, event) {
    this.pointer = this.#share(element, event);
    const step = stepAt(this.pointer, this.steps());
    if (this.#drag && (this.#drag.isDrag || Math.abs(event.clientX - this.#drag.x) >= dragFrom)) {
      this.#drag.isDrag = true;
      this.selecting(Math.min(this.#drag.from, step), Math.max(this.#drag.from, step));
    }
    this.#go(step);
  }

  #up(element, event) {
    const drag = this.#drag;
    this.#drag = null;
    if (!drag) return;
    const step = stepAt(this.#share(element, event), this.steps());
    this.#go(step);
    if (!drag.isDrag) return;
    this.selecting(null);
    this.selected(Math.min(drag.from, step), Math.max(drag.from, step));
  }

  #forget() {
    if (this.#drag?.isDrag) this.selecting(null);
    this.#drag = null;
    this.pointer = null;
    this.#go(null);
  }
}
