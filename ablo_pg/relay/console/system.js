// The schema and the relay's health: /ready and /metrics, polled while the page is visible.

import { Problem } from "./api.js";
import { define, find, make, write } from "./dom.js";
import { bytes, moment, seconds } from "./format.js";

const EVERY_MS = 5000;
const METRIC = /^(ablo_[a-z_]+)(?:\{([^}]*)\})? ([0-9.e+-]+)$/u;

/** Shows schema and health. news(version): called when another version is active. */
export class SystemView {
  constructor(news) {
    this.news = news;
    this.session = null;
    this.badge = find("#ready");
    this.health = find("#health");
    this.schema = find("#schema");
    this.timer = 0;
    document.addEventListener("visibilitychange", () => this.look());
  }

  /** Show a session's; null: nothing, and stop polling. */
  begin(session) {
    this.session = session;
    this.badge.hidden = !session;
    if (session) {
      this.#paintSchema(session.schema);
      this.#readVersions(session);
    }
    this.look();
  }

  /** Poll now, and then repeatedly. */
  async look() {
    clearTimeout(this.timer);
    const session = this.session;
    if (!session || document.hidden) return;
    const [ready, counts] = await Promise.all([readiness(session.api), metrics(session.api)]);
    if (session !== this.session) return;
    this.#paintHealth(ready, counts);
    const version = ready?.schema?.version;
    if (version !== undefined && version !== (session.schema.version ?? 0)) this.news(version);
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.look(), EVERY_MS);
  }

  /** Show earlier versions, and what each push changed. Older relays have no such list. */
  async #readVersions(session) {
    const list = find("#schema-versions");
    list.replaceChildren();
    const found = await versions(session.api);
    if (session !== this.session) return;
    list.replaceChildren(...found.versions.map(version));
    find("#schema-more").hidden = !found.hasMore;
  }

  #paintHealth(ready, counts) {
    const well = ready?.status === "ready";
    write(this.badge, ready ? (well ? "Ready" : "Not ready") : "No answer");
    this.badge.className = well ? "good" : "bad";
    const reasons = ready ? ready.reasons ?? [] : ["The relay does not answer."];
    find(".reasons", this.health).replaceChildren(...reasons.map((reason) => make("li", {}, reason)));
    const opened = this.session.openedAt;
    define(find("dl", this.health), [
      ["Relay", ready ? (well ? "ready" : "not ready") : "no answer"],
      ["This page", opened ? `live since ${moment(opened)}` : "not connected"],
      ...(ready ? measured(ready, counts) : []),
    ]);
  }

  #paintSchema(schema) {
    define(find("dl", this.schema), schema.active
      ? [
        ["Version", String(schema.version)],
        ["Hash", make("code", {}, schema.hash)],
        ["Pushed", moment(schema.pushedAt)],
        ["Models", String(schema.models.length)],
      ]
      : [["Version", "none pushed yet"]]);
    find("#schema-models").replaceChildren(...schema.models.map(model));
  }
}

function measured({ reader: found, canaryAgeSeconds, canaryLimitSeconds }, counts) {
  return [
    ["Reader", reader(found)],
    ["Lag", `${seconds(found?.lagSeconds)}, ${bytes(found?.lagBytes)}`],
    ["Canary", `${seconds(canaryAgeSeconds)} ago (limit ${canaryLimitSeconds} s)`],
    ["Sockets", String(counts.ablo_sockets ?? "–")],
    ["Subscribers", `${counts.ablo_subscribers ?? "–"}, ${counts.ablo_queue_deltas ?? "–"} changes queued`],
    ["Disconnected", String(counts.ablo_subscriber_disconnections_total ?? "–")],
    ["Connections", `${counts.ablo_pool_available ?? "–"} of ${counts.ablo_pool_size ?? "–"} free`],
    ["Commits", commits(counts)],
  ];
}

function reader(found) {
  if (!found) return "–";
  return found.reason ? `${found.kind}: ${found.reason}` : found.kind;
}

function commits(counts) {
  const all = Object.entries(counts).filter(([name]) => name.startsWith("ablo_commits_total"));
  const sum = all.reduce((total, [, value]) => total + value, 0);
  const good = counts['ablo_commits_total{outcome="confirmed"}'] ?? 0;
  return `${good} confirmed, ${sum - good} refused by this relay`;
}

function model({ key, typename, hash, fields, relations, conflict }) {
  const items = [
    ...Object.entries(fields ?? {}).map(([name, field]) => [name, described(field)]),
    ...Object.entries(relations ?? {}).map(([name, each]) => [name, `${each.type} ${each.target}`]),
    ...Object.entries(conflict ?? {}).map(([kind, what]) => [`conflict, ${kind}`, what]),
  ];
  const list = make("dl");
  define(list, items);
  const other = typename === key ? "" : ` (${typename})`;
  return make("details", {}, make("summary", {}, make("b", {}, key), other, " ", make("code", {}, hash)), list);
}

function version({ version: number, hash, pushedAt, active, changes }) {
  const lines = changes.map((each) => make("li", { class: each.additive ? "" : "loses" }, change(each)));
  const head = [
    make("b", {}, `Version ${number}`), active ? " active" : "", " ", make("code", {}, hash), " ",
    make("time", {}, moment(pushedAt)),
  ];
  const what = lines.length ? make("ul", {}, ...lines) : make("p", { class: "note" }, "No change for rows or clients.");
  return make("li", {}, make("p", {}, ...head), what);
}

/** field_added tasks.note -> "field added: tasks.note". */
function change({ kind, model: key, field, old, new: now }) {
  const values = old === undefined && now === undefined ? "" : ` (${shown(old)} → ${shown(now)})`;
  return `${kind.replaceAll("_", " ")}: ${[key, field].filter(Boolean).join(".")}${values}`;
}

function shown(value) {
  if (value === undefined || value === null) return "none";
  return typeof value === "string" ? value : JSON.stringify(value);
}

async function versions(api) {
  try {
    return await api.get("api/schema/versions");
  } catch (problem) {
    if (problem instanceof Problem) return { versions: [], hasMore: false };
    throw problem;
  }
}

function described(field) {
  const values = field.enumValues ? `: ${field.enumValues.join(", ")}` : "";
  return `${field.type}${values}${field.isOptional ? ", optional" : ""}${field.isIndexed ? ", indexed" : ""}`;
}

async function readiness(api) {
  try {
    const answer = await api.open("ready");
    return await answer.json();
  } catch {
    return null;
  }
}

/** Return gauges and counters; those with labels under their full name too. */
async function metrics(api) {
  const found = {};
  try {
    const answer = await api.open("metrics");
    for (const line of answer.ok ? (await answer.text()).split("\n") : []) {
      const [, name, labels, value] = METRIC.exec(line) ?? [];
      if (name) found[labels ? `${name}{${labels}}` : name] = Number(value);
    }
  } catch {
    // unreachable from here; the page shows dashes
  }
  return found;
}
