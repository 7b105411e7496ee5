// How values, times and names are shown. Pure: takes values, returns text.

export const CELL_CHARACTERS = 120;

const clock = new Intl.DateTimeFormat(undefined, {
  hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23",
});
const day = new Intl.DateTimeFormat(undefined, { year: "numeric", month: "short", day: "numeric" });

/** Return a value of a row on one line, cut to a number of characters. */
export function inline(value, type, most = CELL_CHARACTERS) {
  if (value === null || value === undefined) return "–";
  if (type === "date") return moment(value);
  const text = typeof value === "string" ? value : JSON.stringify(value);
  return cut(text.replace(/\s+/gu, " "), most);
}

/** Return a value of a row in full. */
export function whole(value) {
  if (value === null || value === undefined) return "–";
  return typeof value === "string" ? value : JSON.stringify(value, null, 2);
}

/** Cut text to a number of characters; no character is split. */
export function cut(text, most) {
  return text.length <= most ? text : `${[...text.slice(0, most)].slice(0, -1).join("")}…`;
}

/** Return a time as people read it: the hour if it is today's, else the day too. */
export function moment(value, now = Date.now()) {
  const date = new Date(value);
  if (Number.isNaN(date.getTime())) return String(value ?? "–");
  const today = new Date(now).toDateString() === date.toDateString();
  return today ? clock.format(date) : `${day.format(date)}, ${clock.format(date)}`;
}

/** Return a time of the log: with its milliseconds. */
export function exact(value) {
  const date = new Date(value);
  if (Number.isNaN(date.getTime())) return String(value ?? "–");
  return `${moment(date)}.${String(date.getMilliseconds()).padStart(3, "0")}`;
}

/** Return a duration. */
export function left(milliseconds) {
  const seconds = Math.ceil(milliseconds / 1000);
  if (seconds <= 0) return "ending";
  if (seconds < 100) return `${seconds} s left`;
  if (seconds < 6000) return `${Math.round(seconds / 60)} min left`;
  return `${Math.round(seconds / 3600)} h left`;
}

/** Return measured seconds. */
export function seconds(value) {
  if (value === null || value === undefined) return "–";
  return value < 1 ? `${Math.round(value * 1000)} ms` : `${value.toFixed(1)} s`;
}

/** Return a number of bytes. */
export function bytes(value) {
  if (value === null || value === undefined) return "–";
  const units = ["B", "KiB", "MiB", "GiB"];
  let at = 0;
  while (value >= 1024 && at < units.length - 1) {
    value /= 1024;
    at += 1;
  }
  return `${at ? value.toFixed(1) : value} ${units[at]}`;
}

/** Return a participant as kind:id, from the wire's {kind, id}. */
export function actor(participant) {
  return participant ? `${participant.kind}:${participant.id}` : "–";
}
