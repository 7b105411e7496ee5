// The page's data: rows, log, claims, participants. Bounded, whatever the stream delivers.
//
// A row's `stamp` is the sync id it is as of. A delta at or below the stamp of its row, or of its
// model's read, has nothing new: deltas may repeat, and may arrive by a read and by the stream.

export const MOST = {
  rows: 200, // of one model: the most recently updated
  log: 500,
  people: 500,
  lines: 500, // rows with claims
  text: 2000, // characters of one value
};

const REMOVES = new Set(["D", "A"]);
const PUTS = new Set(["I", "U", "V", "C"]);

/** The most recently updated rows of one model. */
export class Rows {
  constructor(model) {
    this.model = model;
    this.byId = new Map();
    this.problem = null; // why they could not be read
    this.changes = new Map(); // since they were painted: id to {kind, fields}
    this.unseen = 0; // changes while another model was shown
    this.stamp = 0;
    this.more = false; // there are rows that are not kept
  }

  /** Start with the rows read. */
  fill(rows, stamps, stamp) {
    const at = new Map(stamps.map((each) => [each.id, each.stamp]));
    this.byId = new Map(rows.map((row) => [row.id, entry(row, at.get(row.id) ?? stamp)]));
    this.stamp = stamp;
    this.more = rows.length >= MOST.rows;
    this.changes.clear();
  }

  /** Apply a change; return whether it was new. */
  take(delta) {
    const { id, modelId, actionType, data } = delta;
    const before = this.byId.get(modelId);
    if (id <= (before?.stamp ?? this.stamp)) return false;
    if (REMOVES.has(actionType)) return this.drop(modelId);
    if (!PUTS.has(actionType) || !data) return false;
    this.put({ ...before?.data, ...data, id: modelId }, id);
    return true;
  }

  /** Add a row, or replace it; it is as of a stamp. */
  put(row, stamp) {
    const before = this.byId.get(row.id);
    const after = entry(row, stamp);
    this.byId.set(row.id, after);
    const isNew = !before || this.changes.get(row.id)?.kind === "new";
    const fields = before ? changedFields(before.data, after.data) : [];
    this.#note(row.id, { kind: isNew ? "new" : "changed", fields });
    this.#trim();
  }

  /** Remove a row; return whether it was there. */
  drop(id) {
    const found = this.byId.delete(id);
    if (found) this.#note(id, { kind: "gone", fields: [] });
    return found;
  }

  #note(id, change) {
    this.changes.set(id, change);
    this.unseen += 1;
    // A background tab paints nothing; changes that arrive meanwhile are shown without highlights.
    if (this.changes.size > MOST.rows * 4) this.changes.clear();
  }

  /** Return entries, most recently updated first. */
  sorted() {
    return [...this.byId.values()].sort((one, other) => other.updated - one.updated || other.stamp - one.stamp);
  }

  #trim() {
    if (this.byId.size < MOST.rows * 1.25) return; // sorted occasionally, not for each row
    for (const { data } of this.sorted().slice(MOST.rows)) {
      this.byId.delete(data.id);
      this.changes.delete(data.id);
    }
    this.more = true;
  }
}

/** Changes in commit order. */
export class Log {
  constructor() {
    this.lines = []; // the newest last
    this.last = 0;
  }

  /** Start with a page of the feed. */
  fill(events) {
    this.lines = [];
    this.last = 0;
    for (const event of events) if (event.delta) this.take(event.delta);
  }

  /** Add a change, if it is later than the last one. */
  take(delta) {
    if (delta.id <= this.last) return;
    this.last = delta.id;
    this.lines.push({
      id: delta.id,
      at: delta.createdAt,
      op: delta.actionType,
      typename: delta.modelName,
      row: delta.modelId,
      actor: delta.actor,
      onBehalfOf: delta.onBehalfOf ?? null,
      changed: delta.changed ?? [],
      claim: delta.claimId ?? null,
    });
    if (this.lines.length > MOST.log * 1.25) this.lines.splice(0, this.lines.length - MOST.log);
  }
}

/** Who is present, who holds what, and who waits for it, from the relay's live frames. */
export class Room {
  constructor() {
    this.people = new Map(); // kind:id to the last presence_update
    this.waiting = new Map(); // type:id to the whole queue
  }

  /** Clear everything: a new socket sends it again. */
  clear() {
    this.people.clear();
    this.waiting.clear();
  }

  /** Apply a presence_update. */
  meet(payload) {
    const who = `${payload.participantKind ?? "user"}:${payload.userId}`;
    if (payload.kind === "leave") this.people.delete(who);
    else if (this.people.has(who) || this.people.size < MOST.people) this.people.set(who, payload);
  }

  /** Apply a claim_queue. */
  line({ target, queue }) {
    const where = `${target.type}:${target.id}`;
    if (!queue.length) this.waiting.delete(where);
    else if (this.waiting.has(where) || this.waiting.size < MOST.lines) this.waiting.set(where, queue);
  }

  /** Return rows with claims, by type:id: {type, id, held: [..], waiting: [..]}. */
  targets() {
    const found = new Map();
    const at = (type, id) => {
      const where = `${type}:${id}`;
      if (!found.has(where)) found.set(where, { where, type, id, held: [], waiting: [] });
      return found.get(where);
    };
    for (const [who, person] of this.people) {
      for (const claim of person.activeClaims ?? []) {
        at(claim.entityType, claim.entityId).held.push({ ...claim, who });
      }
    }
    for (const queue of this.waiting.values()) {
      for (const claim of queue) {
        const who = `${claim.participantKind ?? "user"}:${claim.heldBy}`;
        at(claim.target.type, claim.target.id).waiting.push({ ...claim, who });
      }
    }
    return found;
  }
}

function entry(row, stamp) {
  const data = Object.fromEntries(Object.entries(row).map(([name, value]) => [name, bounded(value)]));
  return { data, stamp, updated: Date.parse(data.updatedAt ?? data.createdAt) || 0 };
}

function bounded(value) {
  if (value === null || typeof value === "number" || typeof value === "boolean") return value;
  const text = typeof value === "string" ? value : JSON.stringify(value);
  if (text === undefined || text.length <= MOST.text) return value;
  return `${text.slice(0, MOST.text)}… (${text.length} characters)`;
}

function changedFields(before, after) {
  const same = (name) => JSON.stringify(before[name]) === JSON.stringify(after[name]);
  return Object.keys(after).filter((name) => !same(name));
}
