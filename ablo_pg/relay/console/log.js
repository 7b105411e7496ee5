// The live log, newest first. It can be paused and filtered.

import { MANY, find, flash, make, painter, write } from "./dom.js";
import { actor, cut, exact } from "./format.js";

const LINES = 300; // shown
const OPS = { I: "create", U: "update", D: "delete", A: "archive", V: "unarchive", C: "visible" };
const ID_CHARACTERS = 80;

/** Shows a session's log. */
export class LogView {
  constructor() {
    const section = find("#log");
    this.body = find("tbody", section);
    this.note = find("#log-note");
    this.filter = find("#log-filter");
    this.pause = find("#log-pause");
    this.session = null;
    this.painted = 0; // the id of the newest line shown
    this.stoppedAt = null; // the newest id when it was paused
    this.paint = painter(() => this.#paint());
    this.filter.addEventListener("input", () => this.#again());
    this.pause.addEventListener("click", () => {
      this.stoppedAt = this.stoppedAt === null ? (this.session?.log.last ?? 0) : null;
      this.pause.setAttribute("aria-pressed", this.stoppedAt !== null);
      this.paint();
    });
  }

  /** Show what a session has read; null: nothing. */
  begin(session) {
    this.session = session;
    this.#again();
  }

  #again() {
    this.painted = 0;
    this.body.replaceChildren();
    this.paint();
  }

  #paint() {
    const lines = this.session?.log.lines ?? [];
    const until = this.stoppedAt ?? Infinity;
    const first = this.painted === 0;
    const wanted = this.filter.value.trim().toLowerCase();
    const fresh = [];
    for (let at = lines.length - 1; at >= 0 && lines[at].id > this.painted; at -= 1) {
      if (lines[at].id > until) continue;
      const line = this.#line(lines[at]);
      if (!wanted || line.textContent.toLowerCase().includes(wanted)) fresh.push(line);
      if (fresh.length === LINES) break;
    }
    this.painted = Math.max(this.painted, Math.min(until, this.session?.log.last ?? 0));
    this.body.prepend(...fresh);
    if (!first && fresh.length <= MANY) for (const line of fresh) flash(line, line.dataset.kind);
    while (this.body.childElementCount > LINES) this.body.lastElementChild.remove();
    this.#say(lines, until, wanted);
  }

  #say(lines, until, wanted) {
    const kept = lines.filter((line) => line.id > until).length;
    write(this.pause, this.stoppedAt === null ? "Pause" : `Resume${kept ? ` (${kept})` : ""}`);
    const nothing = wanted ? "No kept line contains that." : "No changes yet.";
    write(this.note, this.session && !this.body.childElementCount ? nothing : "");
  }

  #line(line) {
    const op = OPS[line.op] ?? line.op;
    const who = actor(line.actor) + (line.onBehalfOf ? ` for ${actor(line.onBehalfOf)}` : "");
    const kind = { create: "new", delete: "gone", archive: "gone" }[op] ?? "changed";
    const fields = op === "update" ? line.changed.filter((name) => name !== "updatedAt").join(", ") : "";
    return make(
      "tr",
      { "data-kind": kind === "gone" ? "removed" : kind },
      make("td", { class: "time", title: line.at }, exact(line.at)),
      make("td", {}, make("span", { class: `op ${kind}` }, op)),
      make("td", { class: "model" }, this.session.keyOf(line.typename)),
      make("td", { class: "row", title: line.row }, cut(line.row, ID_CHARACTERS)),
      make("td", { class: "by" }, who),
      make("td", { class: "fields" }, fields),
      make("td", { class: "under", title: line.claim ?? "" }, line.claim ? "under claim" : ""),
    );
  }
}
