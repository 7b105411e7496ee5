// The relay's HTTP routes, with the key in a header: never in a URL, never in a cookie.

const DEADLINE_MS = 30_000;
const SILENT_MS = 40_000; // an event stream has a comment every 15 s
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

  /** Follow Server-Sent Events to their end; take({kind, data, id}) gets each. */
  async follow(path, signal, take) {
    const quiet = new AbortController();
    const silence = () => setTimeout(() => quiet.abort(), SILENT_MS);
    let timer = silence();
    try {
      const answer = await this.#send("GET", path, null, AbortSignal.any([signal, quiet.signal]));
      if (!answer.ok) throw problemOf(answer, parsed(await answer.text()));
      let text = "";
      for await (const part of read(answer.body.pipeThrough(new TextDecoderStream()))) {
        clearTimeout(timer);
        timer = silence();
        const events = (text + part).split("\n\n");
        text = events.pop();
        for (const event of events) take(eventOf(event));
      }
    } catch (problem) {
      if (problem instanceof Problem) throw problem;
      throw new Problem(0, "", "The connection was lost.");
    } finally {
      clearTimeout(timer);
    }
  }

  async #call(method, path, body = null) {
    const answer = await this.#send(method, path, body);
    const found = parsed(await answer.text());
    if (answer.ok && found !== null) return found;
    throw problemOf(answer, found);
  }

  async #send(method, path, body, signal = AbortSignal.timeout(DEADLINE_MS)) {
    const headers = { authorization: `Bearer ${this.key}` };
    if (body !== null) headers["content-type"] = "application/json";
    let answer;
    try {
      answer = await fetch(new URL(path, this.base), {
        method, body, headers, cache: "no-store", credentials: "omit", redirect: "error", signal,
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

/** Return a body's JSON; null if it has none, as a proxy's page. */
function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

function problemOf(answer, found) {
  return new Problem(
    answer.status, found?.code ?? "", found?.message ?? `The relay answers ${answer.status}.`,
    Number(found?.retryAfterSeconds) || 0,
  );
}

async function* read(stream) {
  const reader = stream.getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    yield value;
  }
}

function eventOf(text) {
  const found = { event: "", data: "null", id: null };
  for (const line of text.split("\n")) {
    const at = line.indexOf(":");
    if (at > 0) found[line.slice(0, at)] = line.slice(at + 1).trim();
  }
  return { kind: found.event, data: JSON.parse(found.data), id: found.id };
}
