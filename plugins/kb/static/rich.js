// An article as it looks, to write in: Squire, as in the composer, with headings, tables and pictures.
const TAGS = ["a", "abbr", "b", "blockquote", "br", "caption", "code", "dd", "del", "details", "div", "dl", "dt", "em",
  "figcaption", "figure", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "i", "img", "ins", "kbd", "li", "mark", "ol", "p",
  "pre", "s", "small", "strong", "sub", "summary", "sup", "table", "tbody", "td", "th", "thead", "tr", "u", "ul"];
const ATTRIBUTES = ["href", "title", "src", "alt", "width", "height", "class", "colspan", "rowspan", "scope", "start",
  "open", "lang", "dir"];
const PRESSED = { bold: "B", italic: "I", code: "CODE", link: "A", heading: "H2", smaller: "H3", list: "UL", numbers: "OL", quote: "BLOCKQUOTE" };
const UNBOLD = /<b\b[^>]*font-weight:\s*normal[^>]*>/gi; // what some word processors put around all they copy

// What is pasted looks like the article at once; what is stored the server cleans again.
function clean(html) {
  const settings = { ALLOWED_TAGS: TAGS, ALLOWED_ATTR: ATTRIBUTES, RETURN_DOM_FRAGMENT: true };
  const fragment = window.DOMPurify.sanitize(html.replace(UNBOLD, "<span>").replace(/<(\/?)h1\b/gi, "<$1h2"), settings);
  for (const each of fragment.querySelectorAll("img")) if (!each.getAttribute("src")?.startsWith("/help/files/")) each.remove();
  for (const each of fragment.querySelectorAll("[class]")) if (!/^[nc]$/.test(each.className)) each.removeAttribute("class");
  const texts = document.createTreeWalker(fragment, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) {
    const text = texts.currentNode;
    if (text.parentElement?.closest("pre")) continue;
    text.data = text.data.replace(/[ \t]*[\r\n]\s*/g, text.previousSibling?.nodeName === "BR" ? "" : " "); // blanks are seen here
  }
  return document.importNode(fragment, true); // not before: other sites' pictures would be asked for
}

const EMPTY = () => document.createElement("br");

export class Rich {
  constructor(Squire, place, upload) {
    this.place = place;
    this.upload = upload;
    this.box = place.querySelector("[data-rich]");
    const html = this.box.innerHTML;
    this.editor = new Squire(this.box, { blockTag: "DIV", sanitizeToDOMFragment: clean });
    this.put(html);
    this.box.parentNode.addEventListener("keydown", (event) => { if (this.box.contains(event.target)) this.key(event); }, true);
    for (const [kind, where] of [["paste", "clipboardData"], ["drop", "dataTransfer"]]) {
      this.box.parentNode.addEventListener(kind, (event) => { if (this.box.contains(event.target)) this.files(event, event[where]); }, true);
    }
    for (const kind of ["pathChange", "select", "cursor"]) this.editor.addEventListener(kind, () => this.mark());
    this.mark();
  }

  put(html) {
    this.editor.setHTML(html);
    this.settle();
  }

  settle() { this.first = this.html; }
  get isChanged() { return this.html !== this.first; }
  focus() { this.editor.focus(); }

  // The editor makes blocks of lines; within a paragraph HTML knows none.
  get html() {
    const copy = this.box.cloneNode(true);
    for (const line of copy.querySelectorAll("p > div")) {
      if (line.nextSibling) line.append(EMPTY());
      line.replaceWith(...line.childNodes);
    }
    return copy.innerHTML.replaceAll("\u200B", "");
  }

  mark() {
    const { editor } = this;
    for (const [kind, tag] of Object.entries(PRESSED)) {
      this.place.querySelector(`[data-format=${kind}]`).setAttribute("aria-pressed", String(editor.hasFormat(tag)));
    }
    for (const each of this.place.querySelectorAll(".kb-in-table button")) each.disabled = !this.cell;
  }

  format(kind) {
    const { editor } = this;
    const has = (tag) => editor.hasFormat(tag);
    if (kind === "bold") has("B") ? editor.removeBold() : editor.bold();
    if (kind === "italic") has("I") ? editor.removeItalic() : editor.italic();
    if (kind === "code") editor.toggleCode();
    if (kind === "list") has("UL") ? editor.removeList() : editor.makeUnorderedList();
    if (kind === "numbers") has("OL") ? editor.removeList() : editor.makeOrderedList();
    if (kind === "quote") has("BLOCKQUOTE") ? editor.removeQuote() : editor.increaseQuoteLevel();
    if (kind === "heading") this.heading(has("H2") ? "div" : "h2");
    if (kind === "smaller") this.heading(has("H3") ? "div" : "h3");
    if (kind === "link") this.link();
    if (kind === "table") this.table();
    if (["row", "column", "no-row", "no-column"].includes(kind) && this.cell) this.reshape(kind, this.cell);
    editor.focus();
    this.mark();
  }

  heading(tag) {
    if (this.cell) return;
    this.editor.modifyBlocks((fragment) => {
      for (const each of [...fragment.children]) {
        if (!/^(DIV|P|H[1-6])$/.test(each.nodeName)) continue;
        const made = document.createElement(tag);
        made.append(...each.childNodes);
        each.replaceWith(made);
      }
      return fragment;
    });
  }

  link() {
    if (this.editor.hasFormat("A")) { this.editor.removeLink(); return; }
    const address = prompt(this.place.dataset.askLink, "https://");
    if (address && /^(https?:\/\/.|mailto:|tel:|\/|#)/i.test(address)) this.editor.makeLink(address);
  }

  picture(address, alt) {
    this.editor.focus();
    this.editor.insertImage(address, { alt });
  }

  files(event, data) {
    if (event.type === "paste" && this.cell && !data?.files.length) { // a cell takes words, no blocks
      event.preventDefault();
      event.stopImmediatePropagation();
      this.editor.insertPlainText((data?.getData("text/plain") ?? "").trim().replace(/\s*[\r\n\t]\s*/g, " "), true);
      return;
    }
    const pictures = [...(data?.files ?? [])].filter((file) => file.type.startsWith("image/"));
    if (!pictures.length || clean(data.getData("text/html")).textContent.trim()) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    pictures.reduce((before, file) => before.then(() => this.upload(file)), Promise.resolve());
  }

  // tables

  get cell() {
    const at = this.editor.getSelection().startContainer;
    const found = (at instanceof Element ? at : at.parentElement)?.closest("td, th");
    return this.box.contains(found) ? found : null;
  }

  enter(cell) {
    if (!cell) return;
    const range = document.createRange();
    range.selectNodeContents(cell);
    range.collapse(true);
    this.editor.setSelection(range);
    this.mark();
  }

  table() {
    if (this.cell) return;
    const at = this.editor.getSelection().startContainer;
    const block = [...this.box.children].find((each) => each.contains(at)) ?? this.box.lastElementChild;
    const made = document.createElement("table");
    for (const [part, tag] of [[made.createTHead(), "th"], [made.createTBody(), "td"]]) {
      const row = part.insertRow();
      for (let number = 0; number < 2; number += 1) row.append(filled(tag));
    }
    this.editor.saveUndoState();
    block.after(made);
    if (!made.nextElementSibling) made.after(this.editor.createDefaultBlock());
    this.enter(made.querySelector("th"));
  }

  reshape(kind, cell) {
    const table = cell.closest("table");
    const row = cell.parentElement;
    const index = cell.cellIndex;
    const isOnly = kind === "no-row" ? table.rows.length === 1 : kind === "no-column" && row.cells.length === 1;
    this.editor.saveUndoState();
    if (isOnly) { const next = table.nextElementSibling; table.remove(); if (next) this.enter(next); return; }
    if (kind === "row") this.enter(this.addRow(row).cells[index]);
    if (kind === "column") { for (const each of table.rows) each.cells[Math.min(index, each.cells.length - 1)].after(filled(each.cells[0].nodeName)); this.enter(row.cells[index + 1]); }
    if (kind === "no-column") { for (const each of table.rows) each.cells[index]?.remove(); this.enter(row.cells[Math.max(0, index - 1)]); }
    if (kind === "no-row" && row.closest("thead")) this.asHead(table, row);
    if (kind === "no-row") { const near = table.rows[Math.max(0, row.rowIndex - 1)] === row ? table.rows[1] : table.rows[Math.max(0, row.rowIndex - 1)]; row.remove(); this.enter(near.cells[Math.min(index, near.cells.length - 1)]); }
  }

  // The first row that is left is the head: Markdown knows no table without.
  asHead(table, gone) {
    const next = table.rows[gone.rowIndex + 1];
    for (const each of [...next.cells]) { const head = document.createElement("th"); head.append(...each.childNodes); each.replaceWith(head); }
    gone.after(next);
  }

  addRow(row) {
    const made = document.createElement("tr");
    for (const each of row.cells) {
      const cell = filled("td");
      if (each.className) cell.className = each.className;
      made.append(cell);
    }
    const head = row.closest("thead");
    if (!head) row.after(made);
    else (head.parentElement.tBodies[0] ?? head.parentElement.createTBody()).prepend(made);
    return made;
  }

  // A line within a paragraph: at its end a second break makes the first one seen.
  breakLine(block) {
    this.editor.saveUndoState();
    const range = this.editor.getSelection();
    const made = EMPTY();
    range.deleteContents();
    range.insertNode(made);
    const rest = document.createRange();
    rest.setStartAfter(made);
    rest.setEnd(block, block.childNodes.length);
    if (!rest.toString() && !rest.cloneContents().querySelector("img, br")) made.after(EMPTY());
    range.setStartAfter(made);
    range.collapse(true);
    this.editor.setSelection(range);
  }

  key(event) {
    const { cell } = this;
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const stop = () => { event.preventDefault(); event.stopImmediatePropagation(); };
    if (event.key === "Enter" && event.shiftKey) {
      const at = this.editor.getSelection().startContainer;
      const block = (at instanceof Element ? at : at.parentElement).closest("p, div, li, td, th, pre");
      if (block && block !== this.box && block.nodeName !== "PRE") { stop(); this.breakLine(block); }
    }
    if (!cell) return;
    const cells = [...cell.closest("table").querySelectorAll("td, th")];
    if (event.key === "Tab") {
      const next = cells[cells.indexOf(cell) + (event.shiftKey ? -1 : 1)];
      if (next) { stop(); this.enter(next); } // at its ends Tab leaves the text, as everywhere
    }
    if (event.key === "Enter" && !event.shiftKey) {
      stop();
      const rows = [...cell.closest("table").rows];
      const below = rows[rows.indexOf(cell.parentElement) + 1];
      if (below) this.enter(below.cells[Math.min(cell.cellIndex, below.cells.length - 1)]);
      else this.reshape("row", cell);
    }
    if (event.key === "Backspace" || event.key === "Delete") this.erase(event, cell, cells, stop);
  }

  // A cell that is emptied stays a cell.
  erase(event, cell, cells, stop) {
    const range = this.editor.getSelection();
    const touched = cells.filter((each) => range.intersectsNode(each));
    if (!range.collapsed && touched.length > 1) {
      stop();
      this.editor.saveUndoState();
      for (const each of touched) each.replaceChildren(EMPTY());
      this.enter(touched[0]);
    } else if (range.collapsed) {
      const rest = range.cloneRange();
      if (event.key === "Backspace") rest.setStart(cell, 0);
      else rest.setEnd(cell, cell.childNodes.length);
      if (!rest.toString().replaceAll("\u200B", "") && !rest.cloneContents().querySelector("img")) stop();
    }
  }
}

function filled(tag) {
  const cell = document.createElement(tag);
  cell.append(EMPTY());
  return cell;
}
