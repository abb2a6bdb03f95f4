// The palette behind Ctrl-K (Cmd-K): a combobox over a list. What is always there is fetched when it opens and narrowed here
// with every letter; tickets and customers are asked for when one pauses. Actions are those the page has a control for.
import { control, use } from "./keys.js";

const PAUSE = 160;
const ONLY = { ">": "actions", "#": "tickets", "@": "people" };
const box = document.getElementById("palette");
const field = box?.querySelector("input");
const list = box?.querySelector("[role=listbox]");
const always = box?.querySelector("[data-always]");
const found = box?.querySelector("[data-found]");
let timer = 0;
let asked = "";
let pending = null;
let runNext = null;

const fold = (text) => text.normalize("NFKC").toLowerCase();
const options = () => [...list.querySelectorAll("[role=option]")].filter((each) => !each.closest("[hidden]"));
const current = () => list.querySelector("[role=option][aria-selected=true]");

function wanted() {
  const typed = field.value.trimStart();
  const only = ONLY[typed[0]] ?? "";
  return { only, words: (only ? typed.slice(1) : typed).trim() };
}

async function fetchInto(place, query) {
  pending?.abort();
  const asking = pending = new AbortController();
  try {
    const answer = await fetch(`${box.dataset.url}?${new URLSearchParams(query)}`, { signal: asking.signal });
    if (!answer.ok || answer.redirected) return;
    place.innerHTML = await answer.text();
  } catch (error) {
    if (error.name !== "AbortError") throw error;
    return;
  }
  if (pending === asking) pending = null;
  narrow();
}

// What the page can do now: the actions of the table that have a control here, and what plugins put beside a ticket.
function actions() {
  const group = always.querySelector("[data-group=actions] ul");
  if (!group) return;
  const here = document.getElementById("pane")?.dataset.number;
  for (const each of here ? always.querySelectorAll("[data-group=recent] [role=option]") : []) if (each.pathname === `/tickets/${here}`) each.closest("li").remove();
  for (const each of [...group.querySelectorAll("[data-run]")]) if (!control(each.dataset.run)) each.closest("li").remove();
  const listed = new Set();
  for (const each of document.querySelectorAll("[data-command]")) {
    const title = each.textContent.trim() || each.querySelector("[aria-label]")?.getAttribute("aria-label") || each.title;
    if (!title || listed.has(title)) continue; // what stands beside a ticket stands there twice: on wide screens and on phones
    listed.add(title);
    const line = document.createElement("li");
    line.setAttribute("role", "presentation");
    line.innerHTML = '<a role="option" aria-selected="false" tabindex="-1" href="#"><span class="clip"><span data-words></span></span></a>';
    line.querySelector("[data-words]").textContent = title;
    const mark = each.querySelector("svg.icon")?.cloneNode(true);
    if (mark) line.firstChild.prepend(mark);
    line.firstChild.runs = each;
    if (each.href) line.firstChild.href = each.href;
    group.append(line);
  }
}

function mark(option, words) {
  for (const text of option.querySelectorAll("[data-words]")) {
    const plain = text.textContent;
    const at = words.length === 1 && plain.length === fold(plain).length ? fold(plain).indexOf(words[0]) : -1;
    if (at < 0) { text.textContent = plain; continue; }
    const hit = document.createElement("mark");
    hit.textContent = plain.slice(at, at + words[0].length);
    text.replaceChildren(plain.slice(0, at), hit, plain.slice(at + words[0].length));
  }
}

function narrow() {
  const { only, words } = wanted();
  const parts = fold(words).split(/\s+/).filter(Boolean);
  for (const group of always.querySelectorAll("[data-group]")) {
    const name = group.dataset.group;
    const isWanted = only ? name === only || (name === "recent" && only === "tickets") : name !== "recent" || !parts.length;
    let shown = 0;
    for (const option of group.querySelectorAll("[role=option]")) {
      const says = fold([...option.querySelectorAll("[data-words]")].map((each) => each.textContent).join(" "));
      const fits = isWanted && parts.every((part) => says.includes(part)) && !(name === "recent" && shown >= 6 && !only);
      option.closest("li").hidden = !fits;
      if (fits) { shown += 1; mark(option, parts); }
    }
    group.hidden = !shown;
  }
  found.hidden = !words;
  for (const option of found.querySelectorAll("[role=option]")) mark(option, parts);
  const all = options();
  all.forEach((each, at) => { each.id = `found-${at}`; });
  if (!current() || current().closest("[hidden]")) choose(all[0]);
  const none = Boolean(words) && !all.length && !pending && !timer;
  box.querySelector("[data-none]").hidden = !none;
  if (runNext && all.length && !pending && !timer) { const act = runNext; runNext = null; act(); }
}

function choose(option) {
  for (const each of list.querySelectorAll("[aria-selected=true]")) each.setAttribute("aria-selected", "false");
  if (!option) { field.removeAttribute("aria-activedescendant"); return; }
  option.setAttribute("aria-selected", "true");
  option.scrollIntoView({ block: "nearest" });
  field.setAttribute("aria-activedescendant", option.id);
}

function typed() {
  const { only, words } = wanted();
  runNext = null;
  choose(null);
  clearTimeout(timer);
  timer = 0;
  if (words && only !== "actions" && words !== asked) {
    timer = setTimeout(() => { timer = 0; asked = words; fetchInto(found, { q: words, only }); }, PAUSE);
  }
  if (!words || only === "actions") { found.replaceChildren(); asked = ""; }
  narrow();
}

function go(isNew) {
  const option = current();
  if (!option) { if (timer || pending) runNext = () => go(isNew); return; }
  if (option.dataset.run || option.runs) {
    const target = option.runs ?? control(option.dataset.run);
    box.close();
    if (target) use(target);
  } else if (isNew) window.open(option.href, "_blank", "noopener");
  else location.assign(option.href);
}

function open() {
  box.showModal();
  field.value = "";
  asked = "";
  found.replaceChildren();
  narrow();
  fetchInto(always, {}).then(() => { actions(); narrow(); });
}

export function startPalette() {
  if (!box) return;
  document.addEventListener("keydown", (event) => {
    const isIt = (event.ctrlKey || event.metaKey) && !event.altKey && !event.shiftKey && (event.key === "k" || event.code === "KeyK");
    if (!isIt || event.defaultPrevented || event.isComposing) return;
    event.preventDefault();
    if (box.open) box.close(); else if (!document.querySelector("dialog[open]")) open();
  });
  field.addEventListener("input", (event) => { if (!event.isComposing) typed(); });
  field.addEventListener("compositionend", typed);
  field.addEventListener("keydown", (event) => {
    if (event.isComposing || event.keyCode === 229) return;
    const all = options();
    const at = all.indexOf(current());
    const to = { ArrowDown: at + 1, ArrowUp: at - 1, PageDown: Math.min(at + 8, all.length - 1), PageUp: Math.max(at - 8, 0) }[event.key];
    if (to !== undefined) { event.preventDefault(); if (all.length) choose(all[(to + all.length) % all.length]); }
    if (event.key === "Enter") { event.preventDefault(); go(event.ctrlKey || event.metaKey); }
  });
  list.addEventListener("click", (event) => {
    const option = event.target.closest("[role=option]");
    if (!option || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    choose(option);
    go(false);
  });
  for (const each of document.querySelectorAll("[data-open-palette]")) each.addEventListener("click", open);
}
