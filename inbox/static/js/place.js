// Back to a list: it stands where it was left, and what was selected is selected.
const list = () => document.getElementById("list");
const scrollers = () => [document.getElementById("rows"), document.querySelector("#rows .scroll"), document.scrollingElement];
let isBack = false;

function keep() {
  if (!list()) return;
  const picks = [...document.querySelectorAll("#rows .pick:checked")].map((pick) => pick.value);
  const state = { scroll: scrollers().map((each) => each?.scrollTop ?? 0), picks };
  sessionStorage.setItem(`place:${list().dataset.url}`, JSON.stringify(state));
}

function restore(withPicks) {
  const kept = list() && sessionStorage.getItem(`place:${list().dataset.url}`);
  if (!kept) return;
  const state = JSON.parse(kept);
  scrollers().forEach((each, place) => { if (each && state.scroll[place]) each.scrollTop = state.scroll[place]; });
  if (!withPicks || !state.picks.length) return;
  for (const number of state.picks) {
    const pick = document.getElementById(`pick-${number}`);
    if (pick) pick.checked = true;
  }
  document.dispatchEvent(new CustomEvent("picks-restored"));
}

export function startPlace() {
  addEventListener("pagehide", keep);
  document.addEventListener("htmx:before:history:restore", () => { keep(); isBack = true; });
  document.addEventListener("htmx:after:swap", () => {
    if (!isBack) return;
    isBack = false;
    restore(true);
  });
  const wasBack = performance.getEntriesByType("navigation")[0]?.type === "back_forward";
  const cameFromTicket = document.referrer.startsWith(`${location.origin}/tickets/`);
  document.querySelector(".settings-strip [aria-current]")?.scrollIntoView({ block: "nearest", inline: "center" });
  if (wasBack || cameFromTicket) restore(wasBack || cameFromTicket);
}
