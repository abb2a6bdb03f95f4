// The next ticket of the list is read ahead, so that going on to it shows it at once. Nothing is told to the server by
// that: what was read is marked and who is here is said only when a ticket is shown. The server gets the mark that came with
// what was read, and answers with the ticket itself where it is another by now. Who closes a ticket sees the next one while
// the server is still told; should that fail, the ticket is back.
import { nextNumber } from "./keys.js";
import { opened } from "./pane.js";
import { csrf } from "./post.js";

const MARK = "X-Ahead";
const SETTLE = 250; // who leafs through tickets reads none ahead
const LONGEST = 60_000; // times in words grow old
let kept = null; // { number, url, mark, text, at, token }
let timer = 0;

const isFresh = () => Boolean(kept) && Date.now() - kept.at < LONGEST && kept.token === csrf.token;

async function read() {
  const number = document.getElementById("pane")?.dataset.number && nextNumber();
  const row = number && document.querySelector(`#row-${CSS.escape(number)} a[hx-get]`);
  if (!row || document.hidden || navigator.connection?.saveData) return;
  const url = row.getAttribute("hx-get");
  if (isFresh() && kept.url === url) return;
  const at = Date.now();
  const answer = await fetch(url, { headers: { "HX-Request": "true", [MARK]: "read" }, priority: "low" }).catch(() => null);
  const mark = answer?.ok && answer.headers.get(MARK);
  kept = mark ? { number, url, mark, text: await answer.text(), at, token: csrf.token } : null;
}

function readSoon() {
  clearTimeout(timer);
  timer = setTimeout(() => (window.requestIdleCallback ?? setTimeout)(read), SETTLE);
}

// Something has happened to these tickets.
export function passed(numbers) {
  if (kept && numbers.has(kept.number)) { kept = null; readSoon(); }
}

// A request that will show a ticket: the row's own, or the form that closes one and goes on.
function offer({ detail: { ctx } }) {
  const source = ctx.sourceElement;
  if (!isFresh() || !source) return;
  const next = source.querySelector?.("input[data-next-row]")?.value;
  if (next ? next !== kept.number : source.getAttribute("hx-get") !== kept.url) return;
  ctx.request.headers[MARK] = kept.mark;
  ctx.ahead = kept;
}

// The ticket before stays in the page, hidden, until the server has answered: its form is what asks.
function show({ detail: { ctx } }) {
  if (!ctx.ahead || !ctx.sourceElement.querySelector?.("input[data-next-row]")) return;
  queueMicrotask(() => { // the request is on its way by then
    const before = document.getElementById("pane");
    if (before.contains(document.activeElement)) document.activeElement.blur();
    Object.assign(before, { id: "pane-before", hidden: true });
    ctx.before = before;
    htmx.swap({ sourceElement: before, target: before, text: ctx.ahead.text, swap: "beforebegin" });
  });
}

// Whoever has gone on to another ticket meanwhile stays there, whatever is answered.
const isStillThere = (ctx) => document.getElementById("pane").dataset.number === ctx.ahead.number;

function take(event) {
  const { ctx } = event.detail;
  if (!ctx.ahead) return;
  kept = null;
  const isGood = ctx.response?.status === 200;
  const isSame = isGood && ctx.response.headers.get(MARK) === ctx.ahead.mark;
  if (!ctx.before) { if (isSame) ctx.text = ctx.ahead.text; return; }
  if (!isGood) { if (isStillThere(ctx)) putBack(ctx); return; }
  if (!isStillThere(ctx)) { event.preventDefault(); return; }
  ctx.target = document.getElementById("pane");
  if (isSame) ctx.swap = "none";
}

function finish({ detail: { ctx } }) {
  if (ctx.before && ctx.response?.status !== 200 && isStillThere(ctx)) putBack(ctx); // no answer at all
  ctx.before?.remove();
}

function putBack(ctx) {
  document.getElementById("pane").replaceWith(ctx.before);
  Object.assign(ctx.before, { id: "pane", hidden: false });
  document.title = ctx.before.dataset.title;
  ctx.before = null;
  opened();
}

export function startAhead() {
  document.addEventListener("htmx:config:request", offer);
  document.addEventListener("htmx:before:request", show);
  document.addEventListener("htmx:after:request", take);
  document.addEventListener("htmx:finally:request", finish);
  document.addEventListener("htmx:after:swap", readSoon);
  readSoon();
}
