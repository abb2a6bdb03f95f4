// What every page of the desk does. Each part is a module of its own; the page works without any of them.
import "./frames.js";
import { startAhead } from "./ahead.js";
import { startBuilder } from "./builder.js";
import { startFilters } from "./filters.js";
import { startBulk } from "./bulk.js";
import { startDialogs } from "./dialogs.js";
import { startFocus } from "./focus.js";
import { startKeys } from "./keys.js";
import { startLive } from "./live.js";
import { startMentions } from "./mentions.js";
import { startPalette } from "./palette.js";
import { startPane } from "./pane.js";
import { startPlace } from "./place.js";
import { startPanels } from "./panels.js";
import { startSheet } from "./sheet.js";
import { startPresence } from "./presence.js";
import { csrf } from "./post.js";
import { startToasts } from "./toast.js";

document.body.classList.add("js");

document.addEventListener("htmx:config:request", (event) => {
  event.detail.ctx.request.headers["X-CSRFToken"] = csrf.token;
});

// Menus are details elements: a click elsewhere and Escape close them.
document.addEventListener("click", (event) => {
  for (const menu of document.querySelectorAll("details.menu[open]")) {
    if (!menu.contains(event.target)) menu.open = false;
  }
  const dismiss = event.target.closest("[data-dismiss]");
  if (dismiss) document.getElementById("problem").replaceChildren();
});
document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape" || document.querySelector("dialog[open]")) return;
  for (const menu of document.querySelectorAll("details.menu[open]")) {
    menu.open = false;
    menu.querySelector("summary").focus();
  }
});
document.addEventListener("htmx:after:request", (event) => {
  for (const menu of document.querySelectorAll(".tools details.menu[open]")) {
    if (menu !== event.target && menu.contains(event.target) && menu.contains(document.activeElement) && document.activeElement.matches("form .bare, form .btn")) menu.open = false;
  }
});

// The editor is fetched only where something can be written.
function loadEditor() {
  if (document.querySelector("mail-composer")) import("./composer.js");
  if (document.querySelector("rich-text")) import("./rich-text.js");
}

// A tab of the composer that is pressed before the editor is here: words meant for somebody else must not become a reply.
document.addEventListener("click", (event) => {
  const tab = event.target.closest?.("mail-composer:not(.with-editor) [data-tab]");
  if (tab) tab.closest("mail-composer").dataset.wanted = tab.dataset.tab;
});

loadEditor();
document.addEventListener("htmx:after:swap", loadEditor);
startKeys();
startFocus();
startSheet();
startPalette();
startBuilder();
startFilters();
startBulk();
startDialogs();
startPane();
startAhead();
startPanels();
startPresence();
startMentions();
startToasts();
startPlace();
startLive();
