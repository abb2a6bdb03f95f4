// What colleagues have begun to write in the ticket that is shown: read again while they write. What the reader has
// unfolded stays unfolded.
const FIRST = 2500; // what they write is saved a little after they write it
const AGAIN = 5000;
const unfolded = new Set();
let timer = null;

// `isWriting` says whether somebody still writes in the ticket that is shown then.
export function readDrafts(isWriting, pause = FIRST) {
  clearTimeout(timer);
  timer = setTimeout(async () => {
    const pane = document.getElementById("pane");
    if (pane?.dataset.number && !document.hidden && document.getElementById("colleague-drafts")) {
      const place = pane.dataset.fresh.split("?")[1] ?? "";
      await htmx.ajax("GET", `/tickets/${pane.dataset.number}/drafts?${place}`, { target: "#colleague-drafts", swap: "outerMorph" });
    }
    if (isWriting()) readDrafts(isWriting, AGAIN);
  }, pause);
}

export function startDrafts() {
  document.addEventListener("toggle", (event) => {
    if (!event.target.matches?.(".colleague-draft")) return;
    if (event.target.open) unfolded.add(event.target.id); else unfolded.delete(event.target.id);
  }, true);
  document.addEventListener("htmx:after:swap", () => {
    for (const id of unfolded) { const fold = document.getElementById(id); if (fold) fold.open = true; }
  });
}
