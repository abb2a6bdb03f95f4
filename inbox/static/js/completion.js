// Completion while one writes: a trigger character in an editor (`#` saved replies, `@` colleagues) opens a list of what
// fits; arrows choose, Enter or Tab takes, Escape leaves what was typed.
//
//   complete(box, { trigger: "#", label: "Saved replies", source: async (query) => [{ title, note, … }],
//                   choose: (item) => … , isOn: () => true });
//
// `box` is the element one writes in. `source` answers with items in their order (`title`, and perhaps `note` below it);
// none closes the list. `choose` is called when trigger and query are gone and the caret stands where they stood.
let made = 0;

// A list of choices beside something one types in: an editor here, a field for addresses in recipients.js. `first` is the
// choice that Enter takes at once; with -1 (the search box, filters.js) an arrow has to choose one, and Enter is not held up.
export class Choices {
  constructor(field, label, take, first = 0) {
    this.first = first;
    this.field = field;
    this.take = take;
    this.items = [];
    this.list = document.createElement("ul");
    this.list.id = `choices-${made += 1}`;
    this.list.className = "popover choices";
    this.list.setAttribute("role", "listbox");
    this.list.setAttribute("aria-label", label);
    this.list.addEventListener("mousedown", (event) => {
      event.preventDefault(); // the caret stays
      const row = event.target.closest("[role=option]");
      if (row) this.pick([...this.list.children].indexOf(row));
    });
    field.setAttribute("aria-autocomplete", "list");
    this.tell();
  }

  get isOpen() { return this.list.isConnected; }

  // For screen readers; a text box knows no aria-expanded.
  tell() {
    if (this.field.getAttribute("role") === "combobox") this.field.setAttribute("aria-expanded", String(this.isOpen));
    if (this.isOpen) this.field.setAttribute("aria-controls", this.list.id);
    else for (const name of ["aria-controls", "aria-activedescendant"]) this.field.removeAttribute(name);
  }

  // `rect`: what it stands beside, in the window's coordinates.
  show(items, rect) {
    if (!items.length) { this.close(); return; }
    this.items = items;
    this.at = this.first;
    this.list.replaceChildren(...items.map((item, place) => option(item, `${this.list.id}-${place}`)));
    if (!this.isOpen) document.body.append(this.list);
    this.tell();
    this.mark();
    const { style } = this.list;
    const above = rect.top > innerHeight - rect.bottom; // the side with more room
    style.insetBlock = above ? `auto ${innerHeight - rect.top + 4}px` : `${rect.bottom + 4}px auto`;
    style.maxHeight = `${Math.min(320, (above ? rect.top : innerHeight - rect.bottom) - 16)}px`;
    style.left = `${Math.max(8, Math.min(rect.left, innerWidth - this.list.offsetWidth - 8))}px`;
  }

  mark() {
    for (const [place, row] of [...this.list.children].entries()) row.setAttribute("aria-selected", String(place === this.at));
    const row = this.list.children[this.at];
    if (!row) { this.field.removeAttribute("aria-activedescendant"); return; }
    this.field.setAttribute("aria-activedescendant", row.id);
    row.scrollIntoView({ block: "nearest" });
  }

  // True when the key was meant for the list.
  key(event) {
    if (!this.isOpen || event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return false;
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (this.at < 0 && (event.key === "Enter" || event.key === "Tab")) return false;
    if (step) {
      if (this.at < 0 && step < 0) this.at = 0;
      this.at = (this.at + step + this.items.length) % this.items.length;
      this.mark();
    } else if (event.key === "Enter" || (event.key === "Tab" && !event.shiftKey)) this.pick(this.at);
    else if (event.key === "Escape") this.close();
    else return false;
    event.preventDefault();
    event.stopImmediatePropagation();
    return true;
  }

  pick(place) {
    const item = this.items[place];
    this.close();
    this.take(item);
  }

  close() {
    this.list.remove();
    this.items = [];
    this.tell();
  }
}

function option(item, id) {
  const row = document.createElement("li");
  row.id = id;
  row.setAttribute("role", "option");
  const title = document.createElement("b");
  title.textContent = item.title;
  row.append(title);
  if (item.note) {
    const note = document.createElement("span");
    note.className = "soft clip";
    note.textContent = item.note;
    row.append(note);
  }
  return row;
}

export function complete(box, { trigger, label, source, choose, isOn = () => true }) {
  const choices = new Choices(box, label, (item) => {
    const typed = before(box, trigger);
    if (typed) { typed.range.deleteContents(); caret(typed.range); }
    choose(item);
  });
  let asked = 0;
  let isDismissed = false; // with Escape: until another word is begun

  async function look() {
    const typed = isOn() ? before(box, trigger) : null;
    const number = asked += 1;
    isDismissed &&= Boolean(typed);
    if (!typed || isDismissed) { choices.close(); return; }
    const items = await source(typed.query);
    if (number !== asked || !box.isConnected) return;
    const now = before(box, trigger);
    if (now) choices.show(items, now.range.getBoundingClientRect()); else choices.close();
  }

  box.addEventListener("input", look);
  box.addEventListener("click", look);
  box.addEventListener("keydown", (event) => {
    if (choices.key(event) && event.key === "Escape") isDismissed = true;
  }, true);
  box.addEventListener("keyup", (event) => { if (choices.isOpen && /^(Arrow(Left|Right)|Home|End)$/.test(event.key)) look(); });
  box.addEventListener("blur", () => { asked += 1; choices.close(); });
  return choices;
}

// The trigger at the beginning of a word before the caret, and what was typed after it.
function before(box, trigger) {
  const chosen = getSelection();
  const text = chosen.anchorNode;
  if (!chosen.isCollapsed || text?.nodeType !== Node.TEXT_NODE || !box.contains(text)) return null;
  const line = text.data.slice(0, chosen.anchorOffset);
  const start = line.lastIndexOf(trigger);
  const query = line.slice(start + 1);
  if (start < 0 || query.length > 40 || /^\s|\s\s/.test(query) || /[^\s([\u200B]$/.test(line.slice(0, start))) return null;
  const range = document.createRange();
  range.setStart(text, start);
  range.setEnd(text, chosen.anchorOffset);
  return { range, query: query.trimEnd() };
}

function caret(range) {
  range.collapse(true);
  const chosen = getSelection();
  chosen.removeAllRanges();
  chosen.addRange(range);
}
