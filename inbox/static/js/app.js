// What every page of the desk does. Each part is a module of its own; the page works without any of them.
import "./composer.js";
import "./frames.js";
import { startKeys } from "./keys.js";
import { startLive } from "./live.js";
import { startPane } from "./pane.js";

document.body.classList.add("js");

const token = document.querySelector("meta[name=csrf-token]").content;
document.addEventListener("htmx:config:request", (event) => {
  event.detail.ctx.request.headers["X-CSRFToken"] = token;
});

export function post(url, values = {}, method = "POST") {
  const body = values instanceof FormData ? values : new URLSearchParams(values);
  return fetch(url, { method, body, headers: { "X-CSRFToken": token, "HX-Request": "true" }, keepalive: method === "PUT" });
}

// Menus are details elements: a click elsewhere and Escape close them.
document.addEventListener("click", (event) => {
  for (const menu of document.querySelectorAll("details.menu[open]")) {
    if (!menu.contains(event.target)) menu.open = false;
  }
  const dismiss = event.target.closest("[data-dismiss]");
  if (dismiss) document.getElementById("problem").replaceChildren();
});
document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  for (const menu of document.querySelectorAll("details.menu[open]")) {
    menu.open = false;
    menu.querySelector("summary").focus();
  }
});
document.addEventListener("htmx:after:request", () => {
  for (const menu of document.querySelectorAll(".tools details.menu[open]")) {
    if (menu.contains(document.activeElement) && document.activeElement.matches("form .bare, form .btn")) menu.open = false;
  }
});

startKeys();
startPane();
startLive();
