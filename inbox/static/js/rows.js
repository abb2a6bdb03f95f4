// Rows of a list that changed elsewhere. While the pointer is over them or some are selected, nothing moves: rows are
// brought up to date in their places, those that left stay, dimmed, and new ones wait behind a line that says how many.
// Opening it, or letting go of the list, shows the list as it is. A list that is scrolled keeps its first row in sight.
let lookAgain = () => {};
let isHeld = false;

const scroller = () => [document.getElementById("rows"), document.querySelector("#rows .scroll")].find((each) => each?.scrollTop > 0);
const rowsOf = (place) => [...place.querySelectorAll("[id^=row-]")];
const at = (row) => row.querySelector("time")?.dateTime ?? "";

function isBusy() {
  const list = document.getElementById("rows");
  const isOver = matchMedia("(hover: hover)").matches && list?.matches(":hover");
  return Boolean(isOver || list?.querySelector(".pick:checked"));
}

function say(count) {
  const line = document.getElementById("news");
  if (!line) return;
  line.hidden = count === 0;
  if (count) line.textContent = count === 1 ? line.dataset.one : line.dataset.many.replace("{n}", count);
}

// What may be shown of a fresh list now: all of it, or its rows in the places they have here.
export function shown(text, isOwn) {
  isHeld = false;
  const fresh = new DOMParser().parseFromString(text, "text/html").getElementById("rows");
  const here = rowsOf(document.getElementById("rows")).filter((row) => !row.matches(".gone") || isBusy());
  const places = fresh ? rowsOf(fresh) : [];
  const known = new Map(here.map((row) => [row.id, at(row)]));
  const last = places.findLastIndex((row) => known.has(row.id)); // what moved up from the next page is not news
  const news = places.filter((row, place) => place < last && (!known.has(row.id) || at(row) > known.get(row.id))).length;
  const isSame = places.length === here.length && places.every((row, place) => row.id === here[place].id);
  if (isOwn || isSame || !here.length || !places.length || !isBusy()) {
    say(scroller() && !isOwn ? news : 0);
    return text;
  }
  isHeld = true;
  say(news);
  const byId = new Map(places.map((row) => [row.id, row]));
  places[0].parentElement.replaceChildren(...here.map((row) => byId.get(row.id) ?? gone(row)));
  return fresh.outerHTML;
}

function gone(row) {
  const copy = row.cloneNode(true);
  copy.classList.add("gone");
  return copy;
}

// The first row in sight stays where it is while `change` puts others above it.
export async function keepSight(change) {
  const box = scroller();
  const top = box?.getBoundingClientRect().top ?? 0;
  const first = box && rowsOf(box).find((row) => row.getBoundingClientRect().bottom > top);
  const before = first?.getBoundingClientRect().top;
  await change();
  const after = first && document.getElementById(first.id)?.getBoundingClientRect().top;
  const now = scroller() ?? box;
  if (after !== undefined && after !== null && now) now.scrollTop += after - before;
}

export function startRows(refresh) {
  lookAgain = refresh;
  document.addEventListener("click", (event) => {
    if (!event.target.closest?.("#news")) return;
    const box = scroller();
    if (box) box.scrollTop = 0;
    lookAgain();
  });
  document.addEventListener("mouseout", (event) => {
    if (isHeld && event.target.closest?.("#rows") && !event.relatedTarget?.closest?.("#rows")) {
      setTimeout(() => { if (isHeld && !isBusy()) lookAgain(); }, 200);
    }
  });
  document.addEventListener("scroll", (event) => {
    if (!isHeld && event.target.closest?.("#rows") && !scroller()) say(0); // the top is in sight
  }, true);
}
