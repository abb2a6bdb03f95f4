// Who else is here. This browser says what its agent does at the ticket it shows; what the live stream says of the
// others stands in words above the composer and in the rows of the list. Painted anew after each swap.
import { readDrafts, startDrafts } from "./drafts.js";
import { post } from "./post.js";

const BEAT = 10000;
const SETTLE = 600; // who leafs through tickets is at none of them
const STILL_WRITING = 20000; // after the last key
let here = {};
let told = null; // what this browser said last: { number, doing }
let wrote = { at: 0, number: null, kind: "" };
let soon = null;

function doing() {
  const number = document.getElementById("pane")?.dataset.number;
  if (!number || document.hidden) return null;
  const writing = wrote.number === number && Date.now() - wrote.at < STILL_WRITING;
  return { number, doing: writing ? wrote.kind : "reading" };
}

const say = (number, what) => post(`/tickets/${number}/presence`, { doing: what }, "PUT").catch(() => {});

function tell(again = false) {
  clearTimeout(soon);
  soon = null;
  const now = doing();
  if (told && told.number !== now?.number) { say(told.number, ""); told = null; }
  if (now && (again || told?.doing !== now.doing)) { told = now; say(now.number, now.doing); }
}

function tellSoon() {
  if (soon === null && (doing()?.number !== told?.number || doing()?.doing !== told?.doing)) soon = setTimeout(tell, SETTLE);
}

// --- showing the others -------------------------------------------------------------------------------------------

function words(doing, name) {
  return document.getElementById("presence-words").dataset[doing].replace("{name}", name);
}

function face(each) {
  const found = document.createElement("span");
  found.className = `avatar s busy hue-${each.hue}`;
  found.setAttribute("aria-hidden", "true");
  found.textContent = each.initials;
  return found;
}

function line(said) {
  const found = document.createElement("span");
  found.className = "clip";
  found.textContent = said;
  return found;
}

function inRow(people) {
  const found = document.createElement("span");
  found.className = "here";
  found.title = people.map((each) => words(each.doing, each.name)).join("\n");
  const first = people.find((each) => each.doing !== "reading") ?? people[0];
  const name = first.name.split(" ")[0];
  found.append(face(first), line(words(first.doing === "reading" ? "reading" : "writing", name)));
  if (people.length > 1) found.append(` +${people.length - 1}`);
  return found;
}

const atTicket = () => here[document.getElementById("pane")?.dataset.number] ?? [];
const somebodyWrites = () => atTicket().some((each) => each.doing !== "reading");

function paint() {
  for (const old of document.querySelectorAll("#rows .here")) {
    if (!here[old.closest("[id^=row-]")?.id.slice(4)]) old.remove();
  }
  for (const [number, people] of Object.entries(here)) {
    const row = document.getElementById(`row-${number}`);
    const place = row?.querySelector(".what") ?? row?.querySelector(".who");
    if (!place) continue;
    const fresh = inRow(people);
    const old = place.querySelector(".here");
    if (!old) place.append(fresh);
    else if (old.title !== fresh.title) old.replaceWith(fresh);
  }
  const box = document.getElementById("presence");
  const people = atTicket();
  const said = JSON.stringify(people);
  if (!box || (box.dataset.said ?? "[]") === said) return; // a screen reader hears of changes only
  box.dataset.said = said;
  readDrafts(somebodyWrites);
  box.replaceChildren(...people.flatMap((each) => [face(each), line(words(each.doing, each.name))]));
  if (somebodyWrites()) {
    const dots = document.createElement("span");
    dots.className = "typing";
    dots.setAttribute("aria-hidden", "true");
    dots.append(...[0, 1, 2].map(() => document.createElement("i")));
    box.append(dots);
  }
}

export function present(picture) {
  here = picture;
  paint();
}

export function startPresence() {
  if (!document.getElementById("presence-words")) return;
  document.addEventListener("input", (event) => {
    const composer = event.target.closest?.("mail-composer");
    if (!composer) return;
    wrote = { at: Date.now(), number: document.getElementById("pane")?.dataset.number, kind: composer.dataset.kind };
    tellSoon();
  });
  document.addEventListener("htmx:after:swap", () => { paint(); tellSoon(); });
  document.addEventListener("visibilitychange", () => tell());
  addEventListener("pagehide", () => { if (told) say(told.number, ""); told = null; });
  addEventListener("pageshow", tellSoon);
  startDrafts();
  setInterval(() => tell(true), BEAT);
  tellSoon();
}
