// Dialogs of a ticket (a link with data-dialog shows its page in one; without this it is a page), and what is changed in
// place: a value is a button, its form takes the place, Escape leaves it as it was.
let opener = null;
let wroteLine = false;

async function open(link) {
  const dialog = document.getElementById("ticket-dialog");
  const menu = link.closest("details.menu");
  opener = menu?.querySelector("summary") ?? link;
  if (menu) menu.open = false;
  const url = new URL(link.href);
  url.searchParams.set("part", "dialog");
  await htmx.ajax("GET", url.pathname + url.search, { target: "#ticket-dialog", swap: "innerHTML" });
  if (!dialog.open) dialog.showModal();
  dialog.querySelector("[autofocus]")?.focus();
}

function clicked(event) {
  const link = event.target.closest("a[data-dialog]");
  if (link && document.getElementById("ticket-dialog") && !event.ctrlKey && !event.metaKey && !event.shiftKey) {
    event.preventDefault();
    open(link);
  }
  const dialog = event.target.closest("dialog.ask");
  if (dialog && (event.target === dialog || event.target.closest("[data-close]"))) dialog.close();
}

// What was changed is stored: its form goes, or is ready for the next line. What was refused stays, to be mended.
function stored(event) {
  const { sourceElement, request, response } = event.detail.ctx;
  const form = sourceElement?.closest?.("form");
  if (!form || request.method !== "POST" || !response || response.status >= 400) return;
  form.closest("dialog.ask")?.close();
  if (form.matches(".add-line")) {
    form.reset();
    wroteLine = true;
    return;
  }
  const edit = form.closest("details.edit");
  if (edit) leave(edit);
}

// The first line brings the list: the next one is written there.
function goOn() {
  if (!wroteLine) return;
  const field = [...document.querySelectorAll(".add-line [name=text]")].find((each) => each.offsetParent);
  if (!field) return;
  wroteLine = false;
  field.focus();
}

function leave(edit) {
  const hadFocus = edit.contains(document.activeElement);
  edit.open = false;
  edit.querySelector("form").reset();
  if (hadFocus) edit.querySelector("summary").focus();
}

export function startDialogs() {
  document.addEventListener("click", clicked);
  document.addEventListener("htmx:after:request", stored);
  document.addEventListener("htmx:after:swap", goOn);
  document.addEventListener("toggle", (event) => {
    if (!event.target.matches?.("details.edit[open]")) return;
    const field = event.target.querySelector("form :is(input:not([type=hidden]), select)");
    field?.focus();
    field?.select?.();
  }, true);
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || event.isComposing) return;
    const edit = event.target.closest?.("details.edit[open]");
    const dialog = event.target.closest?.("dialog.ask"); // a search field would only be emptied
    if (!edit && !dialog) return;
    event.preventDefault();
    event.stopPropagation();
    if (edit) leave(edit);
    else dialog.close();
  }, true);
  document.addEventListener("close", (event) => {
    if (event.target.id !== "ticket-dialog") return;
    event.target.replaceChildren();
    if (opener?.isConnected) opener.focus();
  }, true);
}
