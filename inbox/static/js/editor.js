// The text one writes: Squire over a textarea, which stays the fallback. Buttons and keys for its looks, pasted text
// cleaned, pictures shown at once while they are on their way to the desk.
import Squire from "../vendor/squire.js";
import { clean } from "./clean.js";

const IS = { bold: "B", italic: "I", code: "CODE", link: "A", list: "UL", numbers: "OL", quote: "BLOCKQUOTE" };

export class Editor {
  // `tools`: what holds the buttons. `upload(file)` answers with { cid, url } of a picture, or null; `attach(files)` takes
  // what is no picture.
  constructor(textarea, tools, { label, upload, attach, changed }) {
    const box = document.createElement("div");
    box.className = "input editor";
    box.dir = "auto";
    box.lang = textarea.lang; // for the browser's spelling
    box.spellcheck = true;
    box.setAttribute("role", "textbox");
    box.setAttribute("aria-multiline", "true");
    box.setAttribute("aria-label", label);
    box.dataset.placeholder = textarea.placeholder;
    textarea.after(box);
    Object.assign(this, { box, tools, upload, attach, changed });
    this.pending = new Set();
    this.squire = new Squire(box, { blockTag: "DIV", sanitizeToDOMFragment: clean });
    // The editor also says so when an attribute was changed, by whatever module: only other words are a change.
    this.squire.addEventListener("input", () => {
      this.mark();
      if (box.innerHTML === this.known) return;
      this.known = box.innerHTML;
      this.changed();
    });
    for (const name of ["pathChange", "select", "cursor"]) this.squire.addEventListener(name, () => this.press());
    box.parentNode.addEventListener("keydown", (event) => { if (box.contains(event.target)) this.key(event); }, true);
    for (const [name, from] of [["paste", "clipboardData"], ["drop", "dataTransfer"]]) {
      box.parentNode.addEventListener(name, (event) => { if (box.contains(event.target)) this.took(event, event[from]); }, true);
    }
    box.addEventListener("paste", () => setTimeout(() => this.adopt(), 0));
    tools?.addEventListener("mousedown", (event) => { if (event.target.closest("button")) event.preventDefault(); }); // the caret stays
    tools?.addEventListener("click", (event) => {
      const button = event.target.closest("[data-format]");
      if (!button) return;
      button.closest("details")?.removeAttribute("open");
      this.format(button.dataset.format);
    });
    this.linkBox = tools?.querySelector("[data-link]");
    this.linkBox?.addEventListener("click", (event) => this.linked(event.target.closest("button")?.value));
    this.linkBox?.addEventListener("keydown", (event) => this.linkKey(event));
  }

  // When its place is gone for good: Squire listens to the whole document, which would keep it and all around it for ever.
  leave() { setTimeout(() => { if (!this.box.isConnected) this.squire.destroy(); }); }

  get isEmpty() { return !this.box.textContent.trim() && !this.box.querySelector("img, hr, table"); }
  mark() { this.box.classList.toggle("empty", this.isEmpty); }
  focus() { this.squire.focus(); }
  get text() { return this.box.innerText; }

  // As it is stored: pictures by the names the message gives them, those still on their way left out.
  get html() {
    if (this.isEmpty) return "";
    const page = new DOMParser().parseFromString(this.squire.getHTML(), "text/html");
    for (const image of page.images) {
      if (!image.dataset.cid) { image.remove(); continue; }
      image.setAttribute("src", `cid:${image.dataset.cid}`);
      image.removeAttribute("data-cid");
    }
    return page.body.innerHTML;
  }

  // `images`: addresses by the names in the stored text.
  put(html, images = {}) {
    const page = new DOMParser().parseFromString(html || "", "text/html");
    for (const image of page.images) {
      const cid = /^cid:(.*)/.exec(image.getAttribute("src") ?? "")?.[1];
      if (cid && images[cid]) { image.dataset.cid = cid; image.setAttribute("src", images[cid]); }
    }
    this.squire.setHTML(page.body.innerHTML);
    this.mark();
    this.known = this.box.innerHTML;
  }

  putText(text) {
    this.put(text ? text.split("\n").map((line) => `<div>${escapeHtml(line) || "<br>"}</div>`).join("") : "");
  }

  insert(html) {
    this.squire.insertHTML(html);
    this.focus();
  }

  place() { return this.squire.getSelection().cloneRange(); }

  // Where the caret was; it stays where it is in what was typed since.
  insertAt(place, html) {
    const behind = this.behind().toString().length;
    const isTyped = this.box.contains(place.startContainer) && place.comparePoint(...this.caret()) > 0;
    if (isTyped) this.squire.setSelection(place);
    this.insert(html);
    if (isTyped) this.toEnd(behind);
  }

  caret() { const now = this.squire.getSelection(); return [now.endContainer, now.endOffset]; }

  behind() {
    const rest = document.createRange();
    rest.selectNodeContents(this.box);
    rest.setStart(...this.caret());
    return rest;
  }

  // The caret so many characters before the end.
  toEnd(behind) {
    const texts = [];
    for (let walk = document.createTreeWalker(this.box, NodeFilter.SHOW_TEXT); walk.nextNode();) texts.unshift(walk.currentNode);
    let left = behind;
    const at = texts.find((text) => { if (left <= text.length) return true; left -= text.length; return false; });
    if (!at) return;
    const range = document.createRange();
    range.setStart(at, at.length - left);
    this.squire.setSelection(range);
  }

  // Blocks such as a quote, after the line the caret stands in, or in its place where it is empty; writing goes on below.
  insertBlocks(html) {
    const at = this.squire.getSelection().startContainer;
    const here = [...this.box.children].find((each) => each.contains(at)) ?? this.box.lastElementChild;
    this.squire.saveUndoState();
    const made = [...clean(html).children];
    here.after(...made);
    if (!here.textContent.trim() && !here.querySelector("img")) here.remove();
    const next = made.at(-1).nextElementSibling ?? made.at(-1).parentNode.appendChild(this.squire.createDefaultBlock());
    const range = document.createRange();
    range.setStart(next, 0);
    this.squire.setSelection(range);
    this.focus();
    this.mark();
  }

  // --- looks ------------------------------------------------------------------------------------------------------

  press() {
    for (const button of this.tools?.querySelectorAll("[data-format]") ?? []) {
      const tag = IS[button.dataset.format];
      if (tag) button.setAttribute("aria-pressed", String(this.has(tag)));
    }
  }

  has(tag) { return this.squire.hasFormat(tag) || (tag === "CODE" && this.squire.hasFormat("PRE")); }

  format(kind) {
    const { squire } = this;
    const is = this.has(IS[kind]);
    if (kind === "link") { this.askLink(); return; }
    if (kind === "bold") is ? squire.removeBold() : squire.bold();
    if (kind === "italic") is ? squire.removeItalic() : squire.italic();
    if (kind === "list") is ? squire.removeList() : squire.makeUnorderedList();
    if (kind === "numbers") is ? squire.removeList() : squire.makeOrderedList();
    if (kind === "quote") is ? squire.decreaseQuoteLevel() : squire.increaseQuoteLevel();
    if (kind === "code") squire.toggleCode();
    if (kind === "plain") squire.removeAllFormatting();
    squire.focus();
    this.press();
  }

  key(event) {
    if (!(event.ctrlKey || event.metaKey) || event.altKey || event.shiftKey) return;
    const isLink = event.key.toLowerCase() === "k" && (this.squire.hasFormat("A") || !getSelection().isCollapsed);
    if (!isLink || !this.linkBox) return; // with nothing chosen the key is the desk's
    event.preventDefault();
    event.stopImmediatePropagation();
    this.askLink();
  }

  askLink() {
    const [field] = this.linkBox.getElementsByTagName("input");
    const at = this.squire.getSelection().commonAncestorContainer;
    field.value = (at instanceof Element ? at : at.parentElement)?.closest("a")?.getAttribute("href") ?? "";
    this.linkBox.querySelector("[value=remove]").hidden = !field.value;
    this.chosen = this.squire.getSelection();
    this.linkBox.hidden = false;
    field.focus();
    field.select();
  }

  linkKey(event) {
    if (event.key !== "Enter" && event.key !== "Escape") return;
    event.preventDefault();
    event.stopPropagation();
    this.linked(event.key === "Enter" ? event.target.closest("button")?.value ?? "set" : "leave");
  }

  linked(choice) {
    if (!choice) return;
    const [field] = this.linkBox.getElementsByTagName("input");
    const typed = field.value.trim();
    const address = /^(https?:\/\/|mailto:|tel:)/i.test(typed) ? typed : /^[^\s@]+@[^\s@]+$/.test(typed) ? `mailto:${typed}` : `https://${typed}`;
    this.linkBox.hidden = true;
    this.squire.focus();
    this.squire.setSelection(this.chosen);
    if (choice === "remove" || (choice === "set" && !typed)) this.squire.removeLink();
    else if (choice === "set" && !/\s/.test(address)) this.squire.makeLink(address);
    this.squire.focus();
  }

  // --- pictures and files -----------------------------------------------------------------------------------------

  // Files pasted or dropped: pictures into the text, others beside it. A word processor gives a picture of its words, too.
  took(event, data) {
    const files = [...(data?.files ?? [])];
    if (!files.length || clean(data.getData("text/html")).textContent.trim()) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    this.addFiles(files);
  }

  addFiles(files) {
    const isPicture = (file) => /^image\/(png|jpe?g|gif|webp)$/.test(file.type);
    const others = files.filter((file) => !isPicture(file));
    if (others.length) this.attach(others);
    for (const file of files.filter(isPicture)) this.picture(file);
  }

  picture(file) {
    const reader = new FileReader();
    reader.addEventListener("load", () => {
      this.squire.insertImage(reader.result, { alt: file.name });
      this.adopt(file);
    });
    reader.readAsDataURL(file);
  }

  // Pictures that stand in the text as data are given to the desk; until then they are shown as they are.
  adopt(file = null) {
    for (const image of this.box.querySelectorAll("img[src^='data:']:not([data-pending])")) {
      image.dataset.pending = "1";
      const sending = this.give(image, file ?? fileOf(image));
      this.pending.add(sending);
      sending.finally(() => this.pending.delete(sending));
    }
  }

  async give(image, file) {
    const kept = await this.upload(file);
    const shown = image.isConnected ? image : [...this.box.querySelectorAll("img[data-pending]")].find((each) => each.src === image.src);
    if (!shown) return;
    if (!kept) { shown.remove(); this.mark(); return; }
    delete shown.dataset.pending;
    shown.dataset.cid = kept.cid;
    shown.src = kept.url;
    this.changed();
  }
}

function fileOf(image) {
  const [head, data] = image.getAttribute("src").split(",");
  const type = /^data:([^;]*)/.exec(head)[1];
  const bytes = Uint8Array.from(atob(data), (each) => each.charCodeAt(0));
  return new File([bytes], `picture.${type.split("/")[1]}`, { type });
}

export function escapeHtml(text) {
  const box = document.createElement("div");
  box.textContent = text;
  return box.innerHTML;
}
