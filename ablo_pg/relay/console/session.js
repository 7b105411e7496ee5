// One sign-in: reads everything, follows changes, and resumes after every interruption.
//
// Rows are read first, then the log, then the socket begins where the rows ended. Changes in between
// arrive twice, and the store ignores the repeats. After a short interruption the socket resumes from
// the last change; after a long one everything is read again.

import { Problem } from "./api.js";
import { Log, MOST, Room, Rows } from "./store.js";

const PING_MS = 25_000;
const SILENCE_MS = 10_000; // after a ping: the connection is silently broken
const AWAY_MS = 60_000; // beyond this, reading again is cheaper than catching up
const OPEN_MS = 15_000;
const FIRST_MS = 500;
const LAST_MS = 30_000;
const QUERIES = 50; // in one request
const LOG_LINES = 200;

/**
 * Follows the relay for one key.
 *
 * Calls `tell.state({kind, until?, why?})` (connecting, live, waiting), `tell.read()` when everything
 * was read, `tell.changed(delta)`, `tell.room()`, and `tell.ended(problem)` if the key is unusable.
 */
export class Session {
  constructor(api, tell) {
    this.api = api;
    this.tell = tell;
    this.schema = null;
    this.models = new Map(); // typename to Rows
    this.log = new Log();
    this.room = new Room();
    this.cursor = 0;
    this.openedAt = null;
    this.ended = false;
    this.attempts = 0;
    this.stale = true; // everything must be read
    this.heardAt = 0;
    this.socket = null;
    this.wake = () => {};
  }

  /** Follow until the end. */
  async run() {
    while (!this.ended) {
      let why;
      let least = 0;
      this.attempts += 1;
      try {
        this.tell.state({ kind: "connecting" });
        if (this.attempts > 1 || !this.stale) await this.api.check();
        if (this.stale || Date.now() - this.heardAt > AWAY_MS) await this.#read();
        why = await this.#follow();
      } catch (problem) {
        if (!(problem instanceof Problem)) throw problem;
        if (problem.isAboutTheKey && !this.ended) {
          this.end();
          this.tell.ended(problem);
        }
        why = problem.message;
        least = problem.retryAfter * 1000;
      }
      if (!this.ended && !(this.stale && this.attempts === 0)) await this.#pause(why, least);
    }
  }

  /** Stop; no more callbacks. */
  end() {
    this.ended = true;
    this.socket?.close(1000);
    this.wake();
  }

  /** Do not wait for the next attempt. */
  hurry() {
    this.wake();
  }

  /** Read everything again: the schema has changed. */
  reread() {
    this.stale = true;
    this.attempts = 0;
    this.socket?.close(4000);
    this.wake();
  }

  /** Return the schema key of a model, of its typename in any case. */
  keyOf(name) {
    for (const [typename, rows] of this.models) {
      if (typename.toLowerCase() === name.toLowerCase()) return rows.model.key;
    }
    return name;
  }

  async #read() {
    const schema = await this.api.get("api/schema");
    const models = new Map(schema.models.map((model) => [model.typename, new Rows(model)]));
    const typenames = [...models.keys()];
    let cursor = Infinity;
    for (let at = 0; at < typenames.length; at += QUERIES) {
      const part = typenames.slice(at, at + QUERIES);
      cursor = Math.min(cursor, await this.#readRows(models, part));
    }
    const feed = await this.api.get(`api/v1/logs?limit=${LOG_LINES}`);
    if (this.ended) return;
    this.schema = schema;
    this.models = models;
    this.log.fill(feed.data);
    this.cursor = Number.isFinite(cursor) ? cursor : Math.floor(Number(feed.next_cursor));
    this.stale = false;
    this.tell.read();
  }

  /** Read rows of these models, of one snapshot; return its sync id. */
  async #readRows(models, typenames) {
    const queries = typenames.map((model) => ({
      model, orderBy: "updatedAt", order: "desc", limit: MOST.rows,
    }));
    const found = await this.api.post("api/sync/query", { queries });
    typenames.forEach((typename, index) => {
      models.get(typename).fill(found.results[index], found.evidence[index], found.lastSyncId);
    });
    for (const { index, message } of found.errors ?? []) models.get(typenames[index]).problem = message;
    return found.lastSyncId;
  }

  /** Follow the socket to its end; return why it ended. */
  #follow() {
    return new Promise((resolve) => {
      if (this.ended) return resolve("");
      const socket = this.api.socket(this.cursor);
      this.socket = socket;
      let ping = 0;
      let silence = setTimeout(() => socket.close(), OPEN_MS);
      socket.onopen = () => {
        this.#opened(socket);
        ping = setInterval(() => {
          socket.send('{"type":"ping"}');
          clearTimeout(silence);
          silence = setTimeout(() => socket.close(4000), SILENCE_MS);
        }, PING_MS);
      };
      socket.onmessage = ({ data }) => {
        clearTimeout(silence);
        this.heardAt = Date.now();
        this.#take(JSON.parse(data));
      };
      socket.onclose = ({ reason }) => {
        clearInterval(ping);
        clearTimeout(silence);
        this.socket = null;
        this.openedAt = null;
        resolve(reason ? `The connection was closed: ${reason}.` : "The connection was lost.");
      };
    });
  }

  #opened(socket) {
    this.heardAt = Date.now();
    this.room.clear(); // the new socket sends presence again
    const payload = {
      cursor: String(this.cursor), lastSyncId: this.cursor, capabilities: [], protocolVersion: 1,
    };
    socket.send(JSON.stringify({ type: "sync_request", payload }));
    this.tell.room();
  }

  /** Everything up to now has been read, and changes follow. */
  #caughtUp({ deltas, requiresBootstrap }) {
    for (const delta of deltas) this.#change(delta);
    if (requiresBootstrap) {
      this.reread();
      return;
    }
    this.attempts = 0;
    this.openedAt = Date.now();
    this.tell.state({ kind: "live" });
  }

  #take({ type, payload }) {
    if (this.ended) return;
    if (type === "delta") {
      for (const delta of payload.deltas ?? [payload]) this.#change(delta);
    } else if (type === "sync_response") {
      this.#caughtUp(payload);
    } else if (type === "presence_update") {
      this.room.meet(payload);
      this.tell.room();
    } else if (type === "claim_queue") {
      this.room.line(payload);
      this.tell.room();
    }
  }

  #change(delta) {
    this.cursor = Math.max(this.cursor, delta.id);
    this.log.take(delta);
    this.models.get(delta.modelName)?.take(delta);
    this.tell.changed(delta);
  }

  async #pause(why, least) {
    const backoff = Math.min(LAST_MS, FIRST_MS * 2 ** Math.max(0, this.attempts - 1));
    const wait = Math.max(least, backoff * (0.85 + 0.3 * Math.random()));
    this.tell.state({ kind: "waiting", until: Date.now() + wait, why });
    await new Promise((resolve) => {
      const timer = setTimeout(resolve, wait);
      this.wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    this.wake = () => {};
  }
}
