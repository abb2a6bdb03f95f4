// The sheet of keyboard shortcuts: a dialog, its content fetched when it is wanted first.
export async function showSheet() {
  const sheet = document.getElementById("keys-sheet");
  if (!sheet || sheet.open) return;
  sheet.showModal();
  const inside = sheet.querySelector("[data-inside]");
  if (inside.dataset.ready) return;
  const answer = await fetch(`${sheet.dataset.url}?part=1`);
  if (!answer.ok) return;
  inside.innerHTML = await answer.text();
  inside.dataset.ready = "1";
}

export function startSheet() {
  document.addEventListener("click", (event) => {
    const dialog = event.target.closest?.("dialog");
    if (dialog && (event.target === dialog || event.target.closest("[data-close-dialog]"))) dialog.close(); // the ground beside it
  });
}
