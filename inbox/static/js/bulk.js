// Selecting rows of a list: a click, shift-click for all between, Escape to clear (x: keys.js). The bar is a form around them.
const picks = () => [...document.querySelectorAll("#rows .pick")];
let last = null;

function count() {
  const output = document.querySelector("#bulk output");
  if (!output) return;
  const chosen = picks().filter((pick) => pick.checked).length;
  output.textContent = chosen === 1 ? output.dataset.one : output.dataset.many.replace("{n}", chosen);
}

function choose(wanted) {
  for (const pick of picks()) pick.checked = wanted;
  count();
}

export function startBulk() {
  document.addEventListener("click", (event) => {
    const pick = event.target.closest?.(".pick");
    if (pick) {
      const all = picks();
      if (event.shiftKey && last && all.includes(last)) {
        const [from, to] = [all.indexOf(last), all.indexOf(pick)].sort((a, b) => a - b);
        for (const each of all.slice(from, to + 1)) each.checked = pick.checked;
      }
      last = pick;
      count();
    }
    if (event.target.closest?.("[data-clear]")) choose(false);
    if (event.target.closest?.("[data-all]")) choose(true);
    const asks = event.target.closest?.("#bulk [data-confirm]");
    if (asks && !window.confirm(asks.dataset.confirm)) event.preventDefault();
  });
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest?.("input:not(.pick), textarea, select, [contenteditable=true]")) return;
    if (event.key === "Escape" && !document.querySelector("details.menu[open], dialog[open]") && picks().some((pick) => pick.checked)) choose(false);
  });
  document.addEventListener("htmx:after:swap", count);
  count();
}
