// Single keys for what agents do all day. Never while typing.
const typing = (element) => element?.closest("input:not(.pick), textarea, select, [contenteditable=true]");

function move(step) {
  const rows = [...document.querySelectorAll("#rows .tickets a")];
  const here = rows.findIndex((row) => row === document.activeElement || row.getAttribute("aria-current") === "true");
  const next = rows[Math.max(0, Math.min(rows.length - 1, here + step))];
  if (!next) return;
  next.focus();
  next.click();
}

export function startKeys() {
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || typing(event.target)) return;
    if (event.key === "/") {
      const search = document.getElementById("search");
      if (search) { event.preventDefault(); search.focus(); search.select(); return; }
    }
    if (event.key === "j" || event.key === "k") { event.preventDefault(); move(event.key === "j" ? 1 : -1); return; }
    const target = document.querySelector(`[data-key="${CSS.escape(event.key)}"]`);
    if (target) { event.preventDefault(); target.click(); }
  });
}
