// Recipients as tokens over the fields To, Cc and Bcc, which stay what is sent: an address one can take out with the
// keyboard, completion from the ticket and from all customers, odd addresses marked.
import { Choices } from "./completion.js";

const IS_ADDRESS = /^[^\s<>,;"@][^\s<>,;"]*@[^\s<>,;"@.][^\s<>,;"@]*$/;

// `Siv Moe <siv@example.no>, per@example.no` as people.
export function people(text) {
  return text.split(/[,;\n]/).map((part) => {
    const found = /^(.*?)<([^<>]*)>?\s*$/.exec(part.trim());
    return found ? { name: found[1].replaceAll('"', "").trim(), address: found[2].trim() } : { name: "", address: part.trim() };
  }).filter((each) => each.address);
}

const written = (each) => (each.name && !/[",;<>]/.test(each.name) ? `${each.name} <${each.address}>` : each.address);

export class Recipients {
  // `place` holds the fields; its data say what is known (`people`: those of the ticket) and where others are found.
  constructor(place, changed) {
    this.place = place;
    this.changed = changed;
    this.seen = JSON.parse(place.dataset.people || "[]");
    this.words = JSON.parse(place.dataset.words);
    this.known = new Set(this.seen.map((each) => each.address.toLowerCase()));
    this.rows = [...place.querySelectorAll("input")].map((field) => new Row(field, this));
  }

  draw() { for (const row of this.rows) row.draw(); }
  isBad(each) { return !IS_ADDRESS.test(each.address); }
  isNew(each) { return !this.isBad(each) && !this.known.has(each.address.toLowerCase()); }
  get all() { return this.rows.flatMap((row) => row.people); }

  // Those of the ticket first, then customers whose address begins so.
  async find(query) {
    const low = query.toLowerCase();
    const taken = new Set(this.all.map((each) => each.address.toLowerCase()));
    const fits = (each) => !taken.has(each.address.toLowerCase());
    const near = this.seen.filter((each) => fits(each) && `${each.name} ${each.address}`.toLowerCase().includes(low));
    let others = [];
    if (query.length > 1) {
      try {
        const answer = await fetch(`${this.place.dataset.find}?q=${encodeURIComponent(query)}`);
        others = answer.ok ? (await answer.json()).filter((each) => fits(each) && !near.some((one) => one.address === each.address)) : [];
      } catch { /* no connection: those of the ticket are known without */ }
    }
    return [...near, ...others].slice(0, 8).map((each) => ({ ...each, title: each.name || each.address, note: each.name && each.address }));
  }
}

class Row {
  constructor(field, all) {
    Object.assign(this, { field, all });
    this.box = document.createElement("span");
    this.box.className = "tokens";
    this.entry = document.createElement("input");
    this.entry.autocomplete = "off";
    this.entry.spellcheck = false;
    this.entry.setAttribute("role", "combobox");
    this.entry.setAttribute("aria-label", field.closest("label").querySelector("span").textContent);
    this.entry.inputMode = "email";
    this.choices = new Choices(this.entry, this.entry.getAttribute("aria-label"), (item) => this.add([item]));
    field.hidden = true;
    field.after(this.box);
    this.entry.addEventListener("input", (event) => { event.stopPropagation(); this.typed(); });
    this.entry.addEventListener("keydown", (event) => this.key(event));
    this.entry.addEventListener("blur", () => { this.choices.close(); this.take(); });
    this.entry.addEventListener("paste", (event) => {
      const text = event.clipboardData?.getData("text/plain") ?? "";
      if (!/[,;\n]/.test(text)) return;
      event.preventDefault();
      this.add(people(text));
    });
    this.box.addEventListener("click", (event) => { // the label would hand it to the field
      event.preventDefault();
      const token = event.target.closest("button");
      if (token) this.remove(this.tokens.indexOf(token)); else this.entry.focus();
    });
    this.box.addEventListener("keydown", (event) => this.tokenKey(event));
    this.draw();
  }

  get people() { return people(this.field.value); }
  get tokens() { return [...this.box.querySelectorAll("button")]; }

  draw() {
    const hasFocus = document.activeElement === this.entry;
    this.box.replaceChildren(...this.people.map((each) => token(each, this.all)), this.entry);
    if (hasFocus) this.entry.focus();
  }

  set(list) {
    this.field.value = list.map(written).join(", ");
    this.draw();
    this.all.changed();
  }

  add(more) {
    const seen = new Set(this.people.map((each) => each.address.toLowerCase()));
    this.entry.value = "";
    this.set([...this.people, ...more.filter((each) => !seen.has(each.address.toLowerCase()))]);
    this.entry.focus();
  }

  remove(place) {
    this.set(this.people.filter((_, number) => number !== place));
    (this.tokens[Math.min(place, this.tokens.length - 1)] ?? this.entry).focus();
  }

  // What was typed becomes a token.
  take() {
    const typed = people(this.entry.value);
    this.entry.value = "";
    if (typed.length) this.set([...this.people, ...typed]);
    return typed.length > 0;
  }

  async typed() {
    if (/[,;]$/.test(this.entry.value)) { this.choices.close(); this.take(); this.entry.focus(); return; }
    const query = this.entry.value.trim();
    const items = query ? await this.all.find(query) : [];
    if (this.entry.value.trim() === query && document.activeElement === this.entry) this.choices.show(items, this.entry.getBoundingClientRect());
  }

  key(event) {
    if (this.choices.key(event)) return;
    const isAtStart = this.entry.selectionStart === 0 && this.entry.selectionEnd === 0;
    if (event.key === "Enter" && !event.ctrlKey && !event.metaKey) { event.preventDefault(); this.take(); this.entry.focus(); }
    if (isAtStart && (event.key === "Backspace" || event.key === "ArrowLeft") && this.tokens.length) {
      event.preventDefault();
      this.tokens.at(-1).focus();
    }
    if (event.key === "ArrowDown" && !this.entry.value) { event.preventDefault(); this.all.find("").then((items) => this.choices.show(items, this.entry.getBoundingClientRect())); }
  }

  tokenKey(event) {
    const at = this.tokens.indexOf(event.target);
    if (at < 0) return;
    if (event.key === "Backspace" || event.key === "Delete") { event.preventDefault(); this.remove(at); }
    if (event.key === "ArrowLeft") this.tokens[at - 1]?.focus();
    if (event.key === "ArrowRight") (this.tokens[at + 1] ?? this.entry).focus();
  }
}

function token(each, all) {
  const { words } = all;
  const made = document.createElement("button");
  made.type = "button";
  made.className = "token who";
  made.textContent = each.name || each.address;
  const said = [words.remove.replace("{name}", each.name ? `${each.name} ${each.address}` : each.address)];
  if (all.isBad(each)) { made.classList.add("is-bad"); said.push(words.bad); }
  if (all.isNew(each)) { made.classList.add("is-warn"); said.push(words.fresh); }
  made.title = said.join(" · ");
  made.setAttribute("aria-label", made.title);
  return made;
}
