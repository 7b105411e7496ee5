// Who is present, who holds what until when, and who waits for it.

import { find, flash, make, painter, write } from "./dom.js";
import { cut, left, moment } from "./format.js";

const SHOWN = 100;
const TICK_MS = 1000;
const WORDS = 120; // characters of a claim's description

/** Shows a session's claims and participants. */
export class RoomView {
  constructor() {
    this.claims = find("#claims");
    this.people = find("#people");
    this.session = null;
    this.known = new Set(); // what was painted last
    this.paint = painter(() => this.#paint());
    setInterval(() => this.#tick(), TICK_MS);
  }

  /** Show a session's; null: nothing. */
  begin(session) {
    this.session = session;
    this.known.clear();
    this.paint();
  }

  #paint() {
    const targets = [...(this.session?.room.targets().values() ?? [])];
    const people = [...(this.session?.room.people ?? [])];
    const known = new Set();
    const shown = (list, element, name) => {
      known.add(name);
      list.append(element);
      if (!this.known.has(name) && this.known.size) flash(element, "new");
    };
    const claims = find("ul", this.claims);
    claims.replaceChildren();
    for (const target of targets.slice(0, SHOWN)) shown(claims, this.#target(target), target.where);
    const here = find("ul", this.people);
    here.replaceChildren();
    for (const [who, person] of people.slice(0, SHOWN)) shown(here, this.#person(who, person, targets), who);
    known.add("painted");
    this.known = known;
    this.#say(this.claims, targets.length, "No row is claimed.");
    this.#say(this.people, people.length, "No participants.");
    for (const name of ["claims", "people"]) {
      const many = name === "claims" ? targets.length : people.length;
      write(find(`#views [data-view=${name}] .count`), many ? String(many) : "");
    }
    this.#tick();
  }

  #say(section, many, nothing) {
    write(find(".count", section), many ? String(many) : "");
    const more = many > SHOWN ? `${many - SHOWN} more.` : "";
    write(find(".note", section), this.session && !many ? nothing : more);
  }

  #target({ type, id, held, waiting }) {
    const waiters = waiting.map((claim) => make("li", {}, ...this.#claim({ ...claim, expiresAt: null })));
    return make(
      "li",
      { "data-row": `${type}:${id}` },
      make("p", { class: "target" }, make("b", {}, this.session.keyOf(type)), " ", cut(id, WORDS)),
      ...held.map((claim) => make("p", { class: "held" }, ...this.#claim(claim))),
      waiters.length ? make("ol", { "aria-label": "Wait queue" }, ...waiters) : null,
    );
  }

  #claim(claim) {
    const fields = claim.fields ?? claim.target?.fields;
    return [
      make("span", { class: `who ${kindOf(claim.who)}` }, claim.who),
      claim.expiresAt === null // a waiter's place has no expiry
        ? null
        : make("span", { class: "left", "data-until": claim.expiresAt }),
      make("span", { class: "says" }, cut(claim.description ?? "", WORDS), fields ? ` (${fields.join(", ")})` : ""),
    ];
  }

  #person(who, person, targets) {
    const holds = person.activeClaims?.length ?? 0;
    const waits = targets.flatMap((target) => target.waiting).filter((claim) => claim.who === who).length;
    const does = person.activity?.action
      ? `${person.activity.action} ${person.activity.entityType ?? ""} ${person.activity.entityId ?? ""}` : "";
    const says = [person.customStatus, does, holds ? `holds ${holds}` : "", waits ? `waits for ${waits}` : ""];
    return make(
      "li",
      { "data-who": who },
      make("span", { class: `who ${kindOf(who)}` }, who),
      make("span", { class: "status" }, cut(person.status ?? "", WORDS)),
      make("span", { class: "says" }, cut(says.filter(Boolean).join(" · "), WORDS)),
    );
  }

  #tick() {
    if (!this.session || document.hidden) return;
    const now = this.session.api.now();
    for (const each of this.claims.querySelectorAll("[data-until]")) {
      const until = Number(each.dataset.until);
      write(each, `until ${moment(until - this.session.api.clockOffset)}, ${left(until - now)}`);
    }
  }
}

function kindOf(who) {
  return who.slice(0, who.indexOf(":"));
}
