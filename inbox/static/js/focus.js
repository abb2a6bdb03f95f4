// The focus is never lost: where what had it went away (a part was drawn anew, a menu closed), what stands in its place
// has it; else the menu it was in, the conversation, or the row of the list.
import { backToRow } from "./keys.js";

let last = null;
let places = []; // ids around it, the nearest first
let menu = "";

function remember(event) {
  last = event.target;
  places = [];
  for (let each = last.closest("[id]"); each; each = each.parentElement?.closest("[id]")) places.push(each.id);
  const summary = last.closest("details.menu, details.edit")?.querySelector("summary");
  menu = summary ? mark(summary) : "";
}

// What a control is known by when its part is drawn anew: its key, its name, its words.
const mark = (each) => `${each.localName} ${each.dataset.key ?? ""} ${each.name ?? ""} ${each.value ?? ""} ${each.title || each.textContent.trim()}`;
const isThere = (each) => Boolean(each?.isConnected && each.checkVisibility({ visibilityProperty: true }));

function successor() {
  if (last.id && isThere(document.getElementById(last.id))) return document.getElementById(last.id);
  const around = places.map((id) => document.getElementById(id)).find(isThere);
  if (places.includes("composer") || !around) return null;
  const wanted = mark(last);
  const alike = [...around.querySelectorAll("a, button, summary, input, select, textarea")].filter(isThere);
  return alike.find((each) => mark(each) === wanted) ?? alike.find((each) => menu && mark(each) === menu) ?? alike.find((each) => menu && each.matches("summary") && each.dataset.key && menu.includes(` ${each.dataset.key} `));
}

function mend() {
  if (!last || isThere(last) || document.activeElement !== document.body || document.querySelector("dialog[open]")) return;
  const found = successor() ?? (places.includes("pane") ? document.getElementById("thread") : null);
  if (isThere(found)) found.focus({ preventScroll: true });
  else if (places.includes("list")) backToRow();
}

// A browser that has to take the focus from what goes away lays out the page first: the old ticket and the new one, side by
// side, for nothing. So it is taken before the new one comes.
function letGo({ detail: { tasks } }) {
  const goes = tasks.find(({ target, swapSpec }) => target?.id === "pane" && swapSpec.style === "outerHTML")?.target;
  if (goes?.contains(document.activeElement)) document.activeElement.blur();
}

export function startFocus() {
  document.addEventListener("focusin", remember);
  document.addEventListener("htmx:before:swap", letGo);
  const soon = () => requestAnimationFrame(mend);
  for (const name of ["htmx:after:swap", "htmx:finally:request", "toggle"]) document.addEventListener(name, soon, true);
}
