// Actions that run or have run, out of live updates and of GET /v1/actions, which may overtake one another. Pure.

export class Runs {
  #runs = new Map();

  /** A change of one. What has ended does not run again. */
  take(progress) {
    const before = this.#runs.get(progress.id);
    if (before && before.status !== "running" && progress.status === "running") return;
    this.#runs.set(progress.id, { ...before, ...progress });
  }

  /** The list of GET /v1/actions. One that ran here and is not there any more has ended, and nobody knows how. */
  takeAll(list) {
    for (const one of list) this.take(one);
    const told = new Set(list.map((one) => one.id));
    for (const [id, run] of this.#runs) {
      if (run.status === "running" && !told.has(id) && run.isListed) this.#runs.set(id, { ...run, status: "unknown" });
    }
    for (const id of told) this.#runs.get(id).isListed = true;
  }

  get(id) { return this.#runs.get(id); }
  get all() { return [...this.#runs.values()]; }
  get running() { return this.all.filter((run) => run.status === "running"); }
}

/** How a run stands, in words. */
export function standing({ status, message, error }) {
  switch (status) {
    case "running": return message || "running";
    case "succeeded": return "done";
    case "cancelled": return "cancelled";
    case "failed": return error || "failed";
    default: return "ended, and how is not known";
  }
}
