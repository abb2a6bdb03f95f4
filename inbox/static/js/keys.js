// What keys do. The table of them is the program's (web/keys.py): a control that carries `data-key` answers to that key;
// what has no control of its own (moving in lists, dialogs) is here. Never while typing, composing, or under a dialog.
import { showSheet } from "./sheet.js";

const WAIT = 1500; // between the keys of a sequence
const FIELDS = "input:not(.pick, [type=radio], [type=checkbox], [type=button], [type=submit]), textarea, select, [contenteditable=true]";
const areOn = !document.querySelector("meta[name=single-keys][content=off]");
let first = "";
let waiting = 0;

export const isTyping = (event) => event.isComposing || event.keyCode === 229 || Boolean(event.target.closest?.(FIELDS));

// The letter on the key where a layout has another script on it; what AltGr or Option writes counts as typed plainly.
function pressed(event) {
  const latin = /^[\x20-\x7e]$/.test(event.key);
  if (event.key.length > 1) return ["Enter", "Escape"].includes(event.key) && !event.ctrlKey && !event.metaKey && !event.altKey ? event.key : "";
  const written = latin && /[^a-z0-9]/i.test(event.key) && (event.getModifierState("AltGraph") || (event.altKey && !event.ctrlKey));
  if ((event.ctrlKey || event.metaKey || event.altKey) && !written) return "";
  if (latin) return event.key;
  const letter = /^Key([A-Z])$/.exec(event.code)?.[1];
  return letter ? (event.shiftKey ? letter : letter.toLowerCase()) : "";
}

const usable = (control) => !control.disabled && !control.closest("[hidden], [inert]");
const all = (key, inside) => [...inside.querySelectorAll(`[data-key="${CSS.escape(key)}"]`)].filter(usable);

// With rows selected, what is done to them; else the ticket shown; else the row under the cursor, which is selected for it.
export function control(key) {
  const bar = document.getElementById("bulk");
  if (bar && document.querySelector("#rows .pick:checked")) {
    const found = all(key, bar)[0];
    if (found) return found;
  }
  const found = all(key, document).filter((each) => !bar?.contains(each) || key.startsWith("*"));
  return found.find((each) => each.matches("input")) ?? found[0];
}

function ofRow(key) {
  const bar = document.getElementById("bulk");
  const box = pick(under());
  const found = bar && box && !document.querySelector("#pane[data-number]") && all(key, bar)[0];
  if (found && !box.checked) box.click();
  return found || null;
}

// A menu opens with its first choice focused (also one that is loaded only now), a field takes the cursor, the rest is clicked.
export function use(found) {
  if (found.matches("summary")) {
    const menu = found.closest("details");
    if (!menu.open) found.click();
    enter(menu);
  } else if (found.matches("input:not([type=submit], [type=button]), textarea, select")) {
    found.focus();
    found.select?.();
  } else found.click();
}

function enter(menu) {
  const go = () => (menu.querySelector(":scope > .popover :is(input:not([type=hidden]), button, select, a[href])") ?? menu.querySelector("summary")).focus();
  requestAnimationFrame(go);
  const isLoading = menu.matches("[hx-get]") && !menu.dataset.entered;
  menu.dataset.entered = "1";
  if (isLoading) menu.addEventListener("htmx:after:swap", () => requestAnimationFrame(() => { if (menu.open) go(); }), { once: true });
}

const rows = () => [...document.querySelectorAll("#rows .tickets a[data-number], #rows .queue .what a")];
let goesIn = false; // the ticket that comes takes the focus
let cursor = ""; // the row that had the focus last: a menu of the bar takes it away, and may vanish with it
const place = (all) => {
  const at = all.findIndex((row) => row.closest("[id^=row-]").contains(document.activeElement));
  const current = at >= 0 ? at : all.findIndex((row) => row.getAttribute("aria-current") === "true");
  return current >= 0 ? current : all.findIndex((row) => row.closest("[id^=row-]").id === cursor);
};

export function nextNumber() {
  const found = rows();
  const current = found.findIndex((row) => row.getAttribute("aria-current") === "true");
  return found[current + 1]?.dataset.number ?? "";
}

function move(step, opens) {
  const found = rows();
  const next = found[Math.max(0, Math.min(found.length - 1, place(found) + step))];
  if (!next) return;
  next.focus();
  next.scrollIntoView({ block: "nearest" });
  if (opens || next.dataset.number) next.click(); // beside a pane the ticket is shown at once
}

// The row that had the focus takes it again, when what had it since is gone.
export function backToRow() {
  const found = rows();
  found[Math.max(0, place(found))]?.focus({ preventScroll: true });
}

// Opened by a key, the ticket is what is read next: the arrows scroll its conversation.
function goIn() {
  const found = rows();
  const row = found[place(found)];
  if (row?.getAttribute("aria-current") === "true" && document.getElementById("thread")) return document.getElementById("thread").focus({ preventScroll: true });
  goesIn = Boolean(row?.dataset.number);
  row?.click();
}

const pick = (row) => row?.querySelector(".pick");
const under = () => {
  const found = rows();
  return found[place(found)]?.closest("[id^=row-]");
};

function toHere() {
  const picks = [...document.querySelectorAll("#rows .pick")];
  const here = picks.indexOf(pick(under()));
  const chosen = picks.map((each, at) => (each.checked && at !== here ? at : -1)).filter((at) => at >= 0);
  const from = chosen.length ? chosen.reduce((best, at) => (Math.abs(at - here) < Math.abs(best - here) ? at : best)) : here;
  for (const each of picks.slice(Math.min(from, here), Math.max(from, here) + 1)) if (!each.checked) each.click();
}

const OWN = {
  "?": showSheet,
  j: () => move(1),
  k: () => move(-1),
  "]": () => move(1, true),
  "[": () => move(-1, true),
  o: goIn,
  x: () => pick(under())?.click(),
  X: toHere,
  "* n": () => document.querySelector("#bulk [data-clear]")?.click(),
};

function run(event, key) {
  const found = control(key) ?? ofRow(key);
  if (!found && !OWN[key]) return false;
  event.preventDefault();
  if (found) use(found); else OWN[key]();
  return true;
}

function single(event) {
  const key = pressed(event);
  if (!key || key === "Enter" || key === "Escape") return;
  const sequence = first && `${first} ${key}`;
  clearTimeout(waiting);
  first = "";
  if (sequence && run(event, sequence)) return;
  if (run(event, key)) return;
  if (document.querySelector(`[data-key^="${CSS.escape(key)} "]`)) {
    first = key;
    waiting = setTimeout(() => { first = ""; }, WAIT);
  }
}

// Up and down in an open menu.
function step(event) {
  const menu = document.activeElement?.closest("details.menu[open]");
  const choices = menu && [...menu.querySelectorAll("summary, .popover :is(button, a[href])")].filter((each) => each.checkVisibility());
  const at = choices ? choices.indexOf(document.activeElement) : -1;
  if (at < 0) return;
  event.preventDefault();
  choices[(at + (event.key === "ArrowDown" ? 1 : choices.length - 1)) % choices.length].focus();
}

export function startKeys() {
  document.addEventListener("focusin", (event) => { cursor = event.target.closest?.("#rows [id^=row-]")?.id ?? cursor; });
  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || isTyping(event) || document.querySelector("dialog[open]")) return;
    if (event.key === "ArrowDown" || event.key === "ArrowUp") step(event);
    else if (event.key === "Enter" && event.target.matches("#rows .tickets a") && !(event.ctrlKey || event.metaKey || event.shiftKey)) { event.preventDefault(); goIn(); }
    else if (areOn) single(event);
  });
  document.addEventListener("htmx:after:swap", () => {
    const thread = goesIn && document.getElementById("thread");
    if (!thread) return;
    goesIn = false;
    thread.focus({ preventScroll: true });
  });
  // Closing goes on to the next row: the form tells which that is.
  document.addEventListener("submit", (event) => {
    const next = event.target.querySelector?.("input[data-next-row]");
    if (next) next.value = nextNumber();
  }, true);
  document.addEventListener("click", (event) => {
    if (event.target.closest?.("[data-open-keys]")) { event.preventDefault(); showSheet(); }
    const copied = event.target.closest?.("[data-copy]");
    if (copied) copy(copied);
  });
}

async function copy(button) {
  const address = new URL(button.dataset.copy, location.href).href;
  await navigator.clipboard?.writeText(address);
  const live = document.getElementById("said");
  if (live) live.textContent = button.dataset.copied;
}
