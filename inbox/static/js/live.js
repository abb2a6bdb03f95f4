// Live updates. One tab of the browser (the one that holds the lock) keeps the stream and tells the others, since a
// browser allows six connections a host. A page fetches only what it shows, at most once in two seconds.
import { passed } from "./ahead.js";
import { post } from "./post.js";
import { present } from "./presence.js";
import { keepSight, shown, startRows } from "./rows.js";

const LOCK = "pluginbox-live";
const PAUSE = 2000;
const channel = "BroadcastChannel" in window ? new BroadcastChannel(LOCK) : null;
let waiting = null;
let pending = { all: false, tickets: new Set() };
let lastFetch = 0;
let leading = false;
let isPutOff = false; // what is new in the ticket is shown a little later
let later = 0;
let ownList = false; // the list is asked for because of what was done here

let here = {}; // who is at which ticket, by number

function heard(hint) {
  if (hint.presence || hint.all) present(here = hint.presence ?? {});
  if (hint.presence) return;
  if (hint.all) pending.all = true;
  for (const number of hint.tickets ?? []) pending.tickets.add(String(number));
  passed(pending.tickets);
  if (waiting) return;
  const since = Date.now() - lastFetch;
  const delay = since >= PAUSE ? Math.random() * 150 : PAUSE - since + Math.random() * 250;
  waiting = setTimeout(refresh, delay, false);
}

// Something was done on this page that its lists do not show yet.
export function lookAgain() {
  clearTimeout(waiting);
  return refresh(true);
}

async function refresh(isOwn = false) {
  waiting = null;
  if (document.hidden) { document.addEventListener("visibilitychange", () => heard({}), { once: true }); return; }
  lastFetch = Date.now();
  const hints = pending;
  pending = { all: false, tickets: new Set() };
  const list = document.getElementById("list");
  const pane = document.getElementById("pane");
  if (list && !list.contains(document.activeElement?.closest("details[open]"))) {
    ownList = isOwn;
    await keepSight(() => htmx.ajax("GET", list.dataset.url, { target: "#rows", swap: "outerMorph" }));
    mark(pane);
  }
  const place = list?.dataset.place ? JSON.parse(list.dataset.place) : { at: location.pathname };
  if (!document.getElementById("rail")) return; // the page goes away
  await htmx.ajax("GET", "/rail?" + new URLSearchParams(place), { target: "#rail", swap: "outerMorph" });
  if (hints.all || hints.tickets.has(pane?.dataset.number)) await refreshPane(pane, !hints.all);
}

// What is new in the ticket that is shown; while something in it is used it waits, without asking the desk again.
async function refreshPane(pane, isSeen) {
  clearTimeout(later);
  if (!pane?.dataset.number || document.getElementById("pane") !== pane) return;
  isPutOff = document.hidden || Boolean(isInUse(pane));
  if (!isPutOff) await htmx.ajax("GET", pane.dataset.fresh, { target: "#pane", swap: "none" });
  if (isPutOff) later = setTimeout(refreshPane, PAUSE, pane, isSeen);
  else if (document.getElementById("pane") === pane && isSeen) post(`/tickets/${pane.dataset.number}/seen`);
}

// The head would be swapped under an open menu.
const isInUse = (pane) => pane.querySelector(".tools details[open], details.edit[open], dialog[open]") || pane.querySelector(".checklist")?.contains(document.activeElement);

function mark(pane) {
  for (const row of document.querySelectorAll("#rows .tickets a")) {
    if (row.dataset.number === pane?.dataset.number) { row.setAttribute("aria-current", "true"); row.classList.remove("unread"); }
  }
}

const drawnAt = () => document.getElementById("desk").dataset.drawnAt;

function listen() {
  leading = true; // the stream begins with what has come since this page was drawn, so this tab misses nothing
  return new Promise((closed) => {
    const stream = new EventSource("/live?after=" + drawnAt());
    stream.onopen = () => present(here = {}); // it says who is there, if anybody is
    stream.onmessage = (event) => {
      const hint = JSON.parse(event.data);
      channel?.postMessage(hint);
      heard(hint);
    };
    stream.onerror = () => {
      if (stream.readyState === EventSource.CLOSED) { stream.close(); setTimeout(closed, 15000 + Math.random() * 15000); }
    };
  });
}

// Another tab has the stream: what was committed between drawing this page and listening was told to nobody here.
async function catchUp() {
  const answer = await fetch("/live/missed?after=" + drawnAt());
  if (!answer.ok) return;
  const hint = await answer.json();
  if (hint.all || hint.tickets) heard(hint);
}

export function startLive() {
  if (!document.getElementById("rail")) return;
  startRows(lookAgain);
  document.addEventListener("htmx:after:request", (event) => {
    const ctx = event.detail.ctx;
    const list = document.getElementById("list");
    if (list && ctx.request?.action === list.dataset.url && ctx.response?.status === 200) ctx.text = shown(ctx.text, ownList);
    const pane = document.getElementById("pane");
    if (pane && ctx.request?.action === pane.dataset.fresh && isInUse(pane)) { isPutOff = true; ctx.text = ""; } // opened meanwhile
  });
  channel?.addEventListener("message", (event) => {
    if (!event.data.who) return heard(event.data);
    if (leading) channel.postMessage({ presence: here }); // another tab has just been opened
  });
  const keep = async () => { for (;;) await listen(); };
  if (navigator.locks) navigator.locks.request(LOCK, keep); else keep();
  setTimeout(() => {
    if (leading) return;
    catchUp();
    channel?.postMessage({ who: true });
  }, 300);
}
