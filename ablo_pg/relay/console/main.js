// The page: sign in, pass a session's data to the views, sign out.

import { Api, Problem } from "./api.js";
import { find, make, write } from "./dom.js";
import { LogView } from "./log.js";
import { RoomView } from "./room.js";
import { RowsView } from "./rows.js";
import { Session } from "./session.js";
import { SystemView } from "./system.js";

const STORED = "ablo.console.key"; // in sessionStorage: removed when this tab closes
const WHY = {
  apikey_revoked: "This key was revoked.",
  apikey_expired: "This key has expired.",
  apikey_invalid: "The relay does not know this key.",
};

let session = null;
const rows = new RowsView();
const log = new LogView();
const room = new RoomView();
const system = new SystemView(() => session?.reread());
const views = [rows, log, room, system];

const form = find("#signin");
const connection = find("#connection");
const retry = find("#retry");
let countdown = 0;

async function enter(key) {
  const button = find("button", form);
  button.disabled = true;
  write(find("#problem"), "");
  try {
    const api = new Api(key);
    const who = await api.get("api/auth/identity");
    sessionStorage.setItem(STORED, key);
    open(api, who);
  } catch (problem) {
    if (!(problem instanceof Problem)) throw problem;
    leave(WHY[problem.code] ?? problem.message, !problem.isAboutTheKey);
  } finally {
    button.disabled = false;
  }
}

function open(api, who) {
  session?.end();
  const own = new Session(api, {
    state: (state) => own === session && showState(state),
    read: () => own === session && views.forEach((view) => view.begin(own)),
    changed: () => {
      rows.paint();
      log.paint();
    },
    room: () => {
      room.paint();
      rows.paint();
    },
    ended: (problem) => leave(WHY[problem.code] ?? "This key is no longer valid."),
  });
  session = own;
  find("#key").value = "";
  const name = `${who.organizationId} · ${who.participantKind}:${who.participantId}`;
  write(find("#who"), name);
  find("#who").title = name;
  showApp(true);
  find("#content").focus();
  own.run();
}

/** Clear everything. why: the form's message. keep: the key stays, for a retry. */
function leave(why = "", keep = false) {
  session?.end();
  session = null;
  if (!keep) sessionStorage.removeItem(STORED);
  for (const view of views) view.begin(null);
  write(find("#who"), "");
  find("#who").removeAttribute("title");
  clearInterval(countdown);
  showApp(false);
  write(find("#problem"), why);
  find("#key").focus();
}

function showApp(inside) {
  form.hidden = inside;
  retry.hidden = true;
  for (const id of ["#app", "#views", "#who", "#connection", "#signout"]) find(id).hidden = !inside;
}

function showState({ kind, until = 0, why = "" }) {
  clearInterval(countdown);
  connection.className = kind;
  connection.title = why;
  retry.hidden = kind !== "waiting";
  if (kind !== "waiting") {
    write(connection, kind === "live" ? "Live" : "Connecting…");
    system.look();
    return;
  }
  // Announced once to screen readers; the seconds are only visible.
  const seconds = make("span", { "aria-hidden": "true" });
  const show = () => write(seconds, `in ${Math.max(0, Math.ceil((until - Date.now()) / 1000))} s`);
  show();
  connection.replaceChildren(`${why} Trying again `, seconds);
  countdown = setInterval(show, 1000);
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  enter(find("#key").value.trim());
});
find("#signout").addEventListener("click", () => leave());
retry.addEventListener("click", () => session?.hurry());
addEventListener("online", () => session?.hurry());
document.addEventListener("visibilitychange", () => {
  if (!document.hidden) session?.hurry();
});
for (const button of find("#views").children) {
  button.addEventListener("click", () => {
    find("#app").dataset.view = button.dataset.view;
    for (const each of find("#views").children) each.setAttribute("aria-current", each === button);
    scrollTo(0, 0);
  });
}

const stored = sessionStorage.getItem(STORED);
if (stored) enter(stored);
else leave();
