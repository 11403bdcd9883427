// What a message of the socket makes out of date. The page draws nothing of a message itself: it fetches the parts that
// changed. No document, no network, no clock: tested by itself.

export const allParts = ["trouble", "summary", "active", "backends", "history", "models"];
/** Those that the page needs while another view is shown: trouble stands above each view, and the title tells of them. */
export const partsElsewhere = ["trouble", "summary"];

const list = (value) => (Array.isArray(value) ? value : []);

export class Updates {
  /** id to how a backend heads its column of the matrix. */
  #columns = new Map();

  /** @param data what the page was born with, or null */
  constructor(data) {
    for (const view of list(data?.backends)) if (view?.id) this.#columns.set(view.id, heading(view));
  }

  /** The parts that an update makes out of date; none for one of a kind that is not known. */
  parts(update) {
    switch (update?.update_type) {
      case "BackendStatus":
        return this.#note(list(update.data)) ? ["summary", "backends", "models"] : ["summary", "backends"];
      case "ModelChange": return ["summary", "backends", "models"];
      case "RequestComplete": return ["summary", "backends", "history"];
      case "ActiveRequests":
      case "RequestCancelled": return ["active"];
      case "ActionProgress": return ["backends"];
      // Cards tell of their backend's troubles as well.
      case "Trouble": return ["trouble", "backends"];
      default: return [];
    }
  }

  /** Whether the matrix looks different now: it may be large, and is not fetched after each round of probes. */
  #note(views) {
    let isNew = false;
    for (const view of views) {
      if (!view?.id) continue;
      if (view.removed) {
        isNew = this.#columns.delete(view.id) || isNew;
      } else if (this.#columns.get(view.id) !== heading(view)) {
        this.#columns.set(view.id, heading(view));
        isNew = true;
      }
    }
    return isNew;
  }
}

const heading = (view) => `${view.state ?? view.status} ${view.name}`;
