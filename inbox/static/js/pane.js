// The ticket's pane: which row is current, what is marked as seen, where the thread starts.
import { post } from "./post.js";

export function opened() {
  const pane = document.getElementById("pane");
  const number = pane?.dataset.number;
  for (const row of document.querySelectorAll("#rows .tickets a")) {
    if (row.dataset.number === number) row.setAttribute("aria-current", "true");
    else row.removeAttribute("aria-current");
  }
  if (pane?.dataset.unfolded) document.querySelector("[data-earlier]")?.click(); // an answer to what was asked before
  if (!number || pane.dataset.shown) return;
  pane.dataset.shown = "1";
  document.title = pane.dataset.title;
  const thread = document.getElementById("thread");
  start(thread);
  const row = document.querySelector(`#row-${CSS.escape(number)} a.unread`);
  post(`/tickets/${number}/seen`).then(() => row?.classList.remove("unread"));
}

// Where a thread begins: at the message an address names, else at the first that was not seen, else at the last.
function start(thread) {
  const named = /^#m\d+$/.test(location.hash) && document.getElementById(location.hash.slice(1));
  if (!named && /^#m\d+$/.test(location.hash)) document.querySelector("[data-earlier]")?.click();
  const unread = thread?.querySelector("[data-unread]");
  const last = [...thread?.querySelectorAll(".message") ?? []].pop();
  if (!last || thread.scrollHeight <= thread.clientHeight) return;
  if (named || (unread && unread !== last)) (named || unread).scrollIntoView({ block: "start" });
  else last.scrollIntoView({ block: "nearest" });
}

// What the thread is folded up to goes along with every request, so that the answer fits; asking for more unfolds it.
function tell(event) {
  const { request, sourceElement } = event.detail.ctx;
  const unfolds = sourceElement?.closest?.("[data-earlier]");
  if (unfolds) document.getElementById("pane").dataset.unfolded = "1";
  const upto = unfolds ? "" : document.getElementById("earlier")?.dataset.upto;
  if (upto) request.headers["X-Earlier"] = upto;
}

// Of several rows opened quickly the last one is shown: answers to the others are dropped, and the last is put in the place
// of whatever stands there by then.
let wanted = null;
const isOfRow = (ctx) => ctx?.target?.id === "pane" && Boolean(ctx.sourceElement?.closest?.("#rows"));

function latest(event) {
  const { ctx } = event.detail;
  if (!isOfRow(ctx)) return;
  if (ctx !== wanted) { event.preventDefault(); return; }
  wanted = null; // it holds the pane that goes
  if (!ctx.target.isConnected) ctx.target = document.getElementById("pane");
}

export function startPane() {
  document.addEventListener("htmx:config:request", tell);
  document.addEventListener("htmx:config:request", (event) => { if (isOfRow(event.detail.ctx)) wanted = event.detail.ctx; });
  document.addEventListener("htmx:after:request", latest);
  document.addEventListener("htmx:after:swap", (event) => {
    opened();
    if (document.activeElement?.closest("#rows") && innerWidth <= 860) document.getElementById("pane")?.focus();
  });
  opened();
}
