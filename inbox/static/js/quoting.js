// Words chosen in a message come into the answer as a quote: by the button beside them, or by Reply (r) while they are chosen.
import { clean } from "./clean.js";

let button = null;

// What is chosen in a message, as HTML; empty for nothing. Bodies in frames are looked at, too.
export function chosenWords() {
  for (const view of [window, ...[...document.querySelectorAll("iframe.mail-frame")].map((frame) => frame.contentWindow)]) {
    const chosen = view?.getSelection();
    if (!chosen || chosen.isCollapsed || !chosen.rangeCount) continue;
    const range = chosen.getRangeAt(0);
    const at = range.commonAncestorContainer;
    if (view === window && !(at instanceof Element ? at : at.parentElement)?.closest(".message .body")) continue;
    const box = view.document.createElement("div");
    box.append(range.cloneContents());
    for (const image of box.querySelectorAll("img")) image.remove();
    if (box.textContent.trim()) return { html: asText(box) ?? box.innerHTML, view, range };
  }
  return null;
}

// Plain text keeps its line ends.
function asText(box) {
  if (box.children.length) return null;
  const page = document.createElement("div");
  page.textContent = box.textContent;
  return page.innerHTML.trim().replaceAll("\n", "<br>");
}

export function quoted(words) {
  const box = document.createElement("div");
  box.append(clean(words.html));
  return `<blockquote>${box.innerHTML}</blockquote>`;
}

export function startQuoting(label, quote) {
  button?.remove();
  button = Object.assign(document.createElement("button"), { type: "button", className: "btn s quote-this", textContent: label, hidden: true });
  document.body.append(button);
  button.addEventListener("mousedown", (event) => event.preventDefault()); // what is chosen stays chosen
  button.addEventListener("click", () => {
    const words = chosenWords();
    button.hidden = true;
    if (words) quote(words);
  });
}

function offer() {
  if (!button?.isConnected) return;
  const words = document.querySelector("mail-composer") ? chosenWords() : null;
  button.hidden = !words;
  if (!words) return;
  const rect = words.range.getBoundingClientRect();
  const frame = words.view.frameElement?.getBoundingClientRect() ?? { top: 0, left: 0 };
  button.style.top = `${Math.max(4, frame.top + rect.top - button.offsetHeight - 6)}px`;
  button.style.left = `${Math.max(4, Math.min(frame.left + rect.left, innerWidth - button.offsetWidth - 8))}px`;
}

const later = () => setTimeout(offer, 0);
document.addEventListener("mouseup", later);
document.addEventListener("keyup", (event) => { if (event.shiftKey || event.key === "Escape" || event.key === "Shift") later(); });
document.addEventListener("scroll", () => { if (button) button.hidden = true; }, true);
document.addEventListener("load", (event) => { // bodies in frames
  if (event.target.matches?.("iframe.mail-frame")) event.target.contentDocument?.addEventListener("mouseup", later);
}, true);
for (const frame of document.querySelectorAll("iframe.mail-frame")) frame.contentDocument?.addEventListener("mouseup", later);
