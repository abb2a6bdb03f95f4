// Selecting rows of a list: a click, shift-click for all between, Escape to clear (x: keys.js); then all that the list
// holds. The bar is a form around them; what it answers is the line that says how far it is.
import { backToRow } from "./keys.js";
import { lookAgain } from "./live.js";

const picks = () => [...document.querySelectorAll("#rows .pick")];
const chosen = () => picks().filter((pick) => pick.checked);
const bar = () => document.getElementById("bulk");
let last = null;
let whole = ""; // how many the list holds, when all of them are selected
let counted = null; // the same for the button that offers it

function isWhole() {
  const field = bar()?.elements.all;
  return Boolean(field && !field.disabled);
}

function setWhole(wanted) {
  const form = bar();
  if (!form) return;
  form.elements.all.disabled = !wanted;
  form.classList.toggle("whole", wanted);
}

function count() {
  const output = bar()?.querySelector("output");
  if (!output) return;
  const some = chosen().length;
  if (isWhole() && picks().length > some) setWhole(false);
  if (isWhole()) output.textContent = whole ? output.dataset.many.replace("{n}", whole) : output.dataset.every;
  else output.textContent = some === 1 ? output.dataset.one : output.dataset.many.replace("{n}", some);
  offer(some);
}

// The button goes from "all 50 shown" to "all 10,412 of this list" when all that are shown are selected.
function offer(some) {
  const button = bar().querySelector("[data-all]");
  const all = picks().length;
  const isMore = Boolean(document.querySelector("#rows .pager"));
  button.hidden = isWhole() || (some === all && !isMore);
  if (some < all || !isMore) {
    button.textContent = button.dataset.shown.replace("{n}", all);
    return;
  }
  if (counted?.url === button.dataset.count) { button.textContent = counted.words; return; }
  button.textContent = button.dataset.some;
  counted = { url: button.dataset.count, words: button.dataset.some, count: "" };
  fetch(button.dataset.count).then((answer) => answer.json()).then((found) => {
    counted.count = found.count;
    if (found.count) counted.words = button.dataset.every.replace("{n}", found.count);
    if (button.textContent === button.dataset.some) button.textContent = counted.words;
  });
}

function all() {
  if (chosen().length < picks().length) return choose(true);
  whole = counted?.count ?? "";
  setWhole(true);
  count();
}

function choose(wanted) {
  for (const pick of picks()) pick.checked = wanted;
  setWhole(false);
  if (!wanted) counted = null;
  count();
}

function clicked(pick, withShift) {
  const every = picks();
  if (withShift && last && every.includes(last)) {
    const [from, to] = [every.indexOf(last), every.indexOf(pick)].sort((a, b) => a - b);
    for (const each of every.slice(from, to + 1)) each.checked = pick.checked;
  }
  last = pick;
  count();
}

// A button of the bar, pressed: it says where the form goes.
function pressed(event, button) {
  if (button.dataset.confirm && !window.confirm(button.dataset.confirm)) { event.preventDefault(); return; }
  if (button.getAttribute("formmethod") === "get") { // a page that asks on
    event.preventDefault();
    location.assign(`${button.getAttribute("formaction")}?${new URLSearchParams(new FormData(bar()))}`);
    return;
  }
  if (button.getAttribute("formaction")) bar().setAttribute("hx-post", button.getAttribute("formaction"));
}

export function startBulk() {
  document.addEventListener("click", (event) => {
    const pick = event.target.closest?.(".pick");
    if (pick) clicked(pick, event.shiftKey);
    if (event.target.closest?.("[data-clear]")) choose(false);
    if (event.target.closest?.("#bulk [data-all]")) all();
    const button = event.target.closest?.("#bulk button:not([type=button])");
    if (button) pressed(event, button);
  }, true);
  document.addEventListener("keydown", (event) => {
    const field = event.key === "Enter" && !event.isComposing && event.target.closest?.("#bulk .text-row input");
    if (field) { event.preventDefault(); field.closest(".text-row").querySelector("button").click(); }
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest?.("input:not(.pick), textarea, select, [contenteditable=true]")) return;
    if (event.key === "Escape" && !document.querySelector("details.menu[open], dialog[open]") && chosen().length) {
      const hadFocus = bar()?.contains(document.activeElement);
      choose(false);
      if (hadFocus) backToRow();
    }
  });
  document.addEventListener("picks-restored", count);
  document.addEventListener("htmx:after:swap", (event) => {
    const line = document.getElementById("bulk-line");
    if (line && line.dataset.bulkState !== line.dataset.seen) { // begun, done or taken back: the list shows it at once
      const isNews = "seen" in line.dataset || event.target === bar() || line.dataset.bulkState;
      line.dataset.seen = line.dataset.bulkState;
      if (isNews && line.dataset.bulkState) lookAgain();
    }
    count();
  });
  document.addEventListener("htmx:after:request", (event) => {
    if (event.target !== bar() || event.detail.ctx?.response?.status >= 400) return;
    const hadFocus = bar().contains(document.activeElement);
    for (const menu of bar().querySelectorAll("details[open]")) menu.open = false;
    if (isWhole()) choose(false);
    if (hadFocus || document.activeElement === document.body) backToRow();
  });
  count();
}
