// The rows of one model as a table, most recently updated first. One tab per model.

import { MANY, define, find, flash, make, painter, write } from "./dom.js";
import { Filter } from "./filter.js";
import { cut, inline, moment, whole } from "./format.js";
import { MOST } from "./store.js";

const GONE_MS = 1500;
const JSON_CHARACTERS = 60;
const ID_CHARACTERS = 200;
const BASE = new Set(["id", "createdAt", "updatedAt", "organizationId", "createdBy"]);

/** Shows a session's rows. */
export class RowsView {
  constructor() {
    this.tabs = find("#models");
    this.panel = find("#table");
    this.head = find("thead tr", this.panel);
    this.body = find("tbody", this.panel);
    this.note = find("#rows-note");
    this.detail = find("#detail");
    this.input = find("#rows-filter");
    this.session = null;
    this.shown = null; // the typename
    this.chosen = false; // by a person; until then the first model with rows is shown
    this.lines = new Map(); // id to its tr
    this.held = new Map(); // id of a row of the shown model to its claims
    this.opened = null; // the id of the row that is shown in full
    this.filters = new Map(); // typename to the text of its filter
    this.filter = null; // of the shown model
    this.paint = painter(() => this.#paint());
    this.tabs.addEventListener("keydown", (event) => this.#step(event));
    for (const event of ["change", "search"]) this.input.addEventListener(event, () => this.#filter());
    find(".close", this.detail).addEventListener("click", () => this.detail.close());
    this.detail.addEventListener("close", () => { this.opened = null; });
  }

  /** Show what a session has read; null: nothing. */
  begin(session) {
    this.session = session;
    if (session === null) this.filters.clear();
    const names = [...(session?.models.keys() ?? [])];
    this.tabs.replaceChildren(...names.map((name) => this.#tab(name)));
    this.detail.close();
    this.chosen &&= names.includes(this.shown);
    this.show(this.chosen ? this.shown : this.#liveliest() ?? names[0] ?? null);
  }

  /** Show a model. */
  show(typename) {
    this.shown = typename;
    this.#follow();
    this.lines.clear();
    this.body.replaceChildren();
    this.columns = typename === null ? [] : columnsOf(this.#all.model);
    this.head.replaceChildren(...this.columns.map(({ label }) => make("th", { scope: "col" }, label)));
    for (const tab of this.tabs.children) {
      const chosen = tab.dataset.model === typename;
      tab.setAttribute("aria-selected", chosen);
      tab.tabIndex = chosen ? 0 : -1;
      if (chosen) this.panel.setAttribute("aria-labelledby", tab.id);
    }
    this.#rows?.changes.clear();
    this.paint();
  }

  /** Return the model with the most recently updated row. */
  #liveliest() {
    let found = null;
    let latest = -1;
    for (const [typename, rows] of this.session?.models ?? []) {
      const [first] = rows.sorted();
      if (first && first.updated > latest) [found, latest] = [typename, first.updated];
    }
    return found;
  }

  get #all() {
    return this.session?.models.get(this.shown);
  }

  get #rows() {
    return this.filter?.rows ?? this.#all;
  }

  /** Begin what the input says, if that is not shown yet. */
  #filter() {
    const text = this.input.value.trim();
    if (!this.session || text === (this.filter?.text ?? "")) return;
    this.chosen = true;
    this.filters.set(this.shown, text);
    this.show(this.shown);
  }

  /** Follow the query of the shown model's filter, if it has one. */
  #follow() {
    const text = this.filters.get(this.shown) ?? "";
    this.filter?.end();
    this.filter = text && this.#all ? new Filter(this.session.api, this.#all.model, text, this.paint) : null;
    this.input.value = text;
    this.input.disabled = !this.#all;
  }

  #tab(typename) {
    const { model } = this.session.models.get(typename);
    const tab = make(
      "button",
      { type: "button", role: "tab", id: `tab-${model.key}`, "aria-controls": "table", "data-model": typename },
      model.key, " ", make("span", { class: "count" }),
    );
    tab.addEventListener("click", () => this.#choose(typename));
    return tab;
  }

  #step(event) {
    const steps = { ArrowRight: 1, ArrowLeft: -1 };
    const tabs = [...this.tabs.children];
    const at = tabs.indexOf(document.activeElement);
    if (!(event.key in steps) || at < 0) return;
    event.preventDefault();
    const next = tabs.at((at + steps[event.key]) % tabs.length);
    this.#choose(next.dataset.model);
    next.focus();
  }

  #choose(typename) {
    this.chosen = true;
    this.show(typename);
  }

  #paint() {
    if (!this.chosen && this.#all?.byId.size === 0) {
      const lively = this.#liveliest();
      if (lively !== null) this.show(lively);
    }
    this.#paintTabs();
    const rows = this.#rows;
    if (!rows) {
      write(this.note, this.session ? "No model has been pushed yet." : "");
      return;
    }
    rows.unseen = 0;
    this.held = this.#heldRows();
    const entries = rows.sorted().slice(0, MOST.rows);
    const many = rows.changes.size > MANY;
    this.#drop(new Set(entries.map((entry) => entry.data.id)), many ? new Map() : rows.changes);
    this.#place(entries, rows.changes, many);
    rows.changes.clear();
    this.#paintDetail();
    const all = rows.more || rows.byId.size > MOST.rows;
    const none = this.filter ? (this.filter.known ? "No row passes the filter." : "Reading…") : "No rows yet.";
    write(this.note, rows.problem ?? (all ? `The ${MOST.rows} most recently updated rows.` : entries.length ? "" : none));
  }

  #paintTabs() {
    for (const tab of this.tabs.children) {
      const rows = this.session.models.get(tab.dataset.model);
      const size = Math.min(rows.byId.size, MOST.rows);
      write(find(".count", tab), rows.problem ? "!" : `${size}${rows.more || rows.byId.size > size ? "+" : ""}`);
      if (rows.unseen && rows !== this.#all) flash(tab, "changed");
      rows.unseen = 0;
    }
  }

  /** Remove lines whose rows are no longer shown. */
  #drop(ids, changes) {
    for (const [id, line] of this.lines) {
      if (ids.has(id)) continue;
      this.lines.delete(id);
      if (changes.get(id)?.kind === "gone") {
        flash(line, "gone");
        find("button", line).disabled = true;
        setTimeout(() => line.remove(), GONE_MS);
      } else {
        line.remove();
      }
    }
  }

  /** Move each line to its place; lines that stay are not touched. */
  #place(entries, changes, many) {
    let at = this.body.firstElementChild;
    for (const { data } of entries) {
      while (at?.dataset.flash === "gone") at = at.nextElementSibling;
      let line = this.lines.get(data.id);
      const change = changes.get(data.id);
      const isNew = line === undefined;
      if (isNew) this.lines.set(data.id, (line = this.#line(data.id)));
      if (isNew || change) this.#fill(line, data, change?.kind === "changed" && !many ? change.fields : []);
      this.#mark(line, data.id);
      if (line === at) at = at.nextElementSibling;
      else this.body.insertBefore(line, at);
      if (change && !many) flash(line, isNew ? "new" : change.kind);
    }
  }

  #line(id) {
    const open = make("button", { type: "button", class: "id", title: `Show all of ${cut(id, ID_CHARACTERS)}` }, id);
    open.addEventListener("click", () => this.#open(id));
    const cells = this.columns.map(({ name, label, type }) =>
      make("td", { "data-label": label, class: name === "id" ? null : type }),
    );
    cells[0].append(open, make("span", { class: "holder" }));
    return make("tr", { "data-id": id }, ...cells);
  }

  #fill(line, data, fields) {
    this.columns.forEach(({ name, type }, index) => {
      if (name === "id") return;
      const cell = line.cells[index];
      const text = name === "updatedAt" ? moment(data[name]) : inline(data[name], type, type === "json" ? JSON_CHARACTERS : undefined);
      write(cell, text);
      cell.classList.toggle("none", data[name] === null || data[name] === undefined);
      if (name === "updatedAt") cell.title = data[name] ?? "";
      else if (fields.includes(name)) flash(cell, "changed");
    });
  }

  #heldRows() {
    const found = new Map();
    const wanted = this.shown.toLowerCase();
    for (const target of this.session.room.targets().values()) {
      if (target.type === wanted) found.set(target.id, target);
    }
    return found;
  }

  #mark(line, id) {
    const target = this.held.get(id);
    const holder = find(".holder", line);
    const [first, ...more] = target?.held ?? [];
    const waits = target?.waiting.length ?? 0;
    line.classList.toggle("claimed", Boolean(first));
    const others = more.length ? ` +${more.length}` : "";
    write(holder, first ? `${first.who}${others}${waits ? `, ${waits} waiting` : ""}` : "");
    holder.title = first ? `Claimed: ${first.description}` : "";
  }

  #open(id) {
    this.opened = id;
    this.#paintDetail();
    this.detail.showModal();
  }

  #paintDetail() {
    if (this.opened === null) return;
    const entry = this.#rows?.byId.get(this.opened);
    write(find("h2", this.detail), `${this.#rows?.model.key} ${this.opened}`);
    write(find(".note", this.detail), entry ? `As of ${entry.stamp} in the log.` : "It was deleted.");
    if (entry) {
      define(find("dl", this.detail), Object.entries(entry.data).map(([name, value]) => [name, whole(value)]));
    }
  }
}

function columnsOf(model) {
  const fields = Object.entries(model.fields ?? {}).filter(([name]) => !BASE.has(name));
  return [
    { name: "id", label: "id", type: "string" },
    ...fields.map(([name, field]) => ({ name, label: name, type: field.type })),
    { name: "updatedAt", label: "updated", type: "moment" },
  ];
}
