// The ticket's pane: which row is current, what is marked as seen, where the thread starts.
import { post } from "./post.js";

function opened() {
  const pane = document.getElementById("pane");
  const number = pane?.dataset.number;
  for (const row of document.querySelectorAll("#rows .tickets a")) {
    if (row.dataset.number === number) row.setAttribute("aria-current", "true");
    else row.removeAttribute("aria-current");
  }
  if (!number || pane.dataset.shown) return;
  pane.dataset.shown = "1";
  document.title = pane.dataset.title;
  const thread = document.getElementById("thread");
  const last = thread?.querySelector(".message:last-of-type");
  if (last && thread.scrollHeight > thread.clientHeight) last.scrollIntoView({ block: "nearest" });
  const row = document.querySelector(`#row-${CSS.escape(number)} a.unread`);
  post(`/tickets/${number}/seen`).then(() => row?.classList.remove("unread"));
}

export function startPane() {
  document.addEventListener("htmx:after:swap", (event) => {
    opened();
    if (document.activeElement?.closest("#rows") && innerWidth <= 860) document.getElementById("pane")?.focus();
  });
  opened();
}
