// The relay's HTTP routes, with the key in a header: never in a URL, never in a cookie.

const DEADLINE_MS = 30_000;
const KEY = /^[\w.~+/=-]{8,4096}$/u; // what a header and a subprotocol can carry

/** An error of the relay or of the network. status 0: there was no answer. */
export class Problem extends Error {
  constructor(status, code, message, retryAfter = 0) {
    super(message);
    this.status = status;
    this.code = code;
    this.retryAfter = retryAfter; // seconds
  }

  /** Whether the key is the problem, so that a retry cannot help. */
  get isAboutTheKey() {
    return this.status === 401;
  }
}

/** The relay that served this page, as one key sees it. */
export class Api {
  constructor(key, base = new URL("../", location.href)) {
    if (!KEY.test(key)) throw new Problem(401, "apikey_invalid", "That is not a key.");
    this.key = key;
    this.base = base;
    this.clockOffset = 0; // milliseconds that the relay's clock is ahead of this one
  }

  /** The time at the relay. */
  now() {
    return Date.now() + this.clockOffset;
  }

  get(path) {
    return this.#call("GET", path);
  }

  post(path, body) {
    return this.#call("POST", path, JSON.stringify(body));
  }

  /** Check that the key is still valid; raises a Problem if not. */
  async check() {
    const answer = await this.#send("HEAD", "api/auth/check", null);
    if (answer.status === 401) throw new Problem(401, answer.headers.get("x-auth-failure"), "");
    if (!answer.ok) throw new Problem(answer.status, "", `The relay answers ${answer.status}.`);
  }

  /** Return the answer of a route that needs no key, whatever its status. */
  async open(path) {
    return fetch(new URL(path, this.base), {
      cache: "no-store", credentials: "omit", signal: AbortSignal.timeout(DEADLINE_MS),
    });
  }

  /** Return a socket that begins after a sync id. */
  socket(cursor) {
    const url = new URL(`api/sync/ws?cursor=${cursor}&deltas=every`, this.base);
    url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
    return new WebSocket(url, [`ablo.bearer.${this.key}`, "ablo.sync.v1"]);
  }

  async #call(method, path, body = null) {
    const answer = await this.#send(method, path, body);
    const text = await answer.text();
    let found = null;
    try {
      found = JSON.parse(text);
    } catch {
      // not from the relay: a proxy's page
    }
    if (answer.ok && found !== null) return found;
    throw new Problem(
      answer.status, found?.code ?? "", found?.message ?? `The relay answers ${answer.status}.`,
      Number(found?.retryAfterSeconds) || 0,
    );
  }

  async #send(method, path, body) {
    const headers = { authorization: `Bearer ${this.key}` };
    if (body !== null) headers["content-type"] = "application/json";
    let answer;
    try {
      answer = await fetch(new URL(path, this.base), {
        method, body, headers, cache: "no-store", credentials: "omit", redirect: "error",
        signal: AbortSignal.timeout(DEADLINE_MS),
      });
    } catch {
      throw new Problem(0, "", "The relay cannot be reached.");
    }
    const date = Date.parse(answer.headers.get("date"));
    if (!Number.isNaN(date)) {
      const offset = date + 500 - Date.now(); // the header has whole seconds
      this.clockOffset = Math.abs(offset) > 2000 ? offset : 0;
    }
    return answer;
  }
}
