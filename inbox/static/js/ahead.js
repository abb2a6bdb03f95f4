// The next ticket of the list is read ahead, so that going on to it shows it at once. Nothing is told to the server by
// that: what was read is marked and who is here is said only when a ticket is shown. What was read is shown only when the
// server says that it is still so (it gets the mark that came with it, and answers with the ticket itself when it is not).
import { nextNumber } from "./keys.js";
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

function take({ detail: { ctx } }) {
  if (!ctx.ahead) return;
  if (ctx.response?.status === 200 && ctx.response.headers.get(MARK) === ctx.ahead.mark) ctx.text = ctx.ahead.text;
  kept = null;
}

export function startAhead() {
  document.addEventListener("htmx:config:request", offer);
  document.addEventListener("htmx:after:request", take);
  document.addEventListener("htmx:after:swap", readSoon);
  readSoon();
}
