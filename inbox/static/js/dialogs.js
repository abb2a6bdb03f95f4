// Dialogs of a ticket: a link with data-dialog shows its page in one, loaded when asked for. Without this it is a page.
let opener = null;

async function open(link) {
  const dialog = document.getElementById("ticket-dialog");
  opener = link.closest("details.menu")?.querySelector("summary") ?? link;
  const menu = link.closest("details.menu");
  if (menu) menu.open = false;
  const url = new URL(link.href);
  url.searchParams.set("part", "dialog");
  await htmx.ajax("GET", url.pathname + url.search, { target: "#ticket-dialog", swap: "innerHTML" });
  if (!dialog.open) dialog.showModal();
  dialog.querySelector("[autofocus]")?.focus();
}

export function startDialogs() {
  document.addEventListener("click", (event) => {
    const link = event.target.closest("a[data-dialog]");
    if (link && document.getElementById("ticket-dialog") && !event.ctrlKey && !event.metaKey) {
      event.preventDefault();
      open(link);
    }
    const dialog = event.target.closest("dialog");
    if (event.target.closest("[data-close]") || (dialog && event.target === dialog)) dialog?.close();
  });
  document.addEventListener("close", (event) => {
    if (event.target.id !== "ticket-dialog") return;
    event.target.replaceChildren();
    if (opener?.isConnected) opener.focus();
  }, true);
}
