// The rows of one model that pass a filter, kept current by a live query of the relay.

import { Problem } from "./api.js";
import { MOST, Rows } from "./store.js";

const FIRST_MS = 500;
const LAST_MS = 30_000;

/** Follows the query until `end`; calls `changed()` for every change of `rows`. */
export class Filter {
  constructor(api, model, text, changed) {
    this.api = api;
    this.text = text;
    this.rows = new Rows(model);
    this.changed = changed;
    this.known = false; // whether the rows were read
    this.step = []; // events whose stamp has not arrived
    this.stop = new AbortController();
    this.#run();
  }

  /** Stop; no more callbacks. */
  end() {
    this.stop.abort();
  }

  async #run() {
    const query = new URLSearchParams({
      where: this.text, order_by: "updatedAt", order: "desc", limit: MOST.rows,
    });
    const path = `api/v1/models/${encodeURIComponent(this.rows.model.key)}/live?${query}`;
    const { signal } = this.stop;
    for (let attempts = 0; !signal.aborted; attempts += 1) {
      let least = 0;
      this.step = [];
      try {
        await this.api.follow(path, signal, (event) => {
          attempts = 0;
          if (!signal.aborted) this.#take(event);
        });
      } catch (problem) {
        if (!(problem instanceof Problem)) throw problem;
        if (signal.aborted) return;
        least = problem.retryAfter * 1000;
        const final = problem.status >= 400 && problem.status < 500 && problem.status !== 429;
        if (final || !this.known) this.rows.problem = problem.message;
        this.changed();
        if (final) return;
      }
      await pause(Math.max(least, Math.min(LAST_MS, FIRST_MS * 2 ** attempts)), signal);
    }
  }

  /** The events of a step have their stamp at its end. */
  #take(event) {
    this.step.push(event);
    if (event.id === null) return;
    for (const { kind, data } of this.step) this.#apply(kind, data, Number(event.id));
    this.step = [];
    this.changed();
  }

  #apply(kind, data, stamp) {
    if (kind === "snapshot") {
      this.rows.fill(data.rows, [], stamp);
      this.rows.problem = null;
      this.known = true;
    } else if (kind === "leave") {
      this.rows.drop(data.id);
    } else if (data?.row) {
      this.rows.put(data.row, stamp);
    }
  }
}

function pause(ms, signal) {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener("abort", () => {
      clearTimeout(timer);
      resolve();
    });
  });
}
