// The editor: an article as it looks (rich.js), or its Markdown; buttons for both, and pictures by choosing, pasting or
// dropping them. One of the two is shown; what was changed in it is carried over by the server when one switches.
import { Rich } from "./rich.js";

const SHAPES = {
  bold: ["**", "**"], italic: ["*", "*"], code: ["`", "`"], link: ["[", "](https://)"],
  heading: ["\n## ", "\n"], smaller: ["\n### ", "\n"], list: ["\n- ", "\n"], numbers: ["\n1. ", "\n"],
  quote: ["\n> ", "\n"], table: ["\n| ", " | |\n| --- | --- |\n| | |\n"],
};
const YEAR = 365 * 24 * 3600;
const token = document.querySelector("meta[name=csrf-token]")?.content;

class Editor {
  constructor(place) {
    this.place = place;
    this.words = place.dataset;
    this.area = document.getElementById("body");
    this.input = this.area.form.elements.image;
    this.said = place.querySelector("[data-said]");
  }

  async start() {
    const { default: Squire } = await import(this.words.squire);
    this.rich = new Rich(Squire, this.place, (file) => this.upload(file));
    this.carried = this.area.defaultValue;
    if (this.isRich && this.area.value !== this.carried) await this.fillRich(); // the browser went back to this page
    this.area.form.addEventListener("formdata", ({ formData }) => {
      if (this.isRich && this.rich.isChanged) formData.set("html", this.rich.html);
    });
  }

  listen() {
    this.place.addEventListener("mousedown", (event) => {
      if (event.target.closest("[data-format]")) event.preventDefault(); // the words stay chosen
    });
    this.place.addEventListener("click", (event) => {
      const button = event.target.closest("button");
      if (button?.dataset.mode) this.switchTo(button.dataset.mode);
      else if (button?.dataset.format) this.format(button.dataset.format);
    });
    this.input.addEventListener("change", async () => {
      for (const file of [...this.input.files]) await this.upload(file);
      this.input.value = "";
    });
    for (const [kind, where] of [["paste", "clipboardData"], ["drop", "dataTransfer"]]) {
      this.area.addEventListener(kind, (event) => {
        const found = [...(event[where]?.files ?? [])].filter((file) => file.type.startsWith("image/"));
        if (found.length) { event.preventDefault(); found.forEach((file) => this.upload(file)); }
      });
    }
  }

  get isRich() { return this.words.kbMode === "rich"; }

  format(kind) {
    if (kind === "image") this.input.click();
    else if (this.isRich) this.rich?.format(kind);
    else this.write(...SHAPES[kind]);
  }

  write(before, after = "") {
    const { selectionStart: start, selectionEnd: end } = this.area;
    const chosen = this.area.value.slice(start, end) || (before.includes("!") ? "" : this.words.words);
    this.area.setRangeText(before + chosen + after, start, end, "end");
    if (after) this.area.setSelectionRange(start + before.length, start + before.length + chosen.length);
    this.area.focus();
    this.area.dispatchEvent(new Event("input", { bubbles: true }));
  }

  async send(address, values) {
    const body = new FormData();
    for (const [name, value] of Object.entries(values)) body.set(name, value);
    this.said.textContent = this.words.loading;
    const answer = await fetch(address, { method: "POST", body, headers: { "X-CSRFToken": token } }).catch(() => null);
    this.said.textContent = answer?.ok || answer?.status === 422 ? "" : this.words.failed;
    return answer;
  }

  async upload(file) {
    const answer = await this.send(this.words.images, { image: file, article: this.words.article });
    const facts = await answer?.json().catch(() => null);
    if (facts?.error) this.said.textContent = facts.error;
    if (!facts?.address) return;
    if (this.isRich) this.rich.picture(facts.address, prompt(this.words.askPicture) ?? "");
    else this.write(`\n${facts.markdown}\n`);
  }

  // Nothing is lost on the way: where the server cannot be reached, everything stays as it is.
  async switchTo(mode) {
    if (mode === this.words.kbMode || this.isSwitching) return;
    this.isSwitching = true;
    const isCarried = mode === "rich" ? await this.fillRich() : await this.fillMarkdown();
    this.isSwitching = false;
    if (!isCarried) return;
    this.show(mode);
    document.cookie = `kb_mode=${mode}; path=${this.words.place}; max-age=${YEAR}; samesite=lax`;
    if (mode === "rich") this.rich.focus();
    else this.area.focus();
  }

  async fillRich() {
    if (!this.rich) return false;
    if (this.area.value === this.carried) return true;
    const answer = await this.send(this.words.preview, { body: this.area.value });
    if (!answer?.ok) return false;
    this.rich.put(await answer.text());
    this.carried = this.area.value;
    return true;
  }

  async fillMarkdown() {
    if (!this.rich?.isChanged) return true;
    const answer = await this.send(this.words.asMarkdown, { html: this.rich.html });
    if (!answer?.ok) return false;
    this.area.value = this.carried = await answer.text();
    this.rich.settle();
    this.area.dispatchEvent(new Event("input", { bubbles: true }));
    return true;
  }

  show(mode) {
    this.words.kbMode = mode;
    for (const each of this.place.querySelectorAll("[data-mode]")) {
      each.setAttribute("aria-pressed", String(each.dataset.mode === mode));
      each.classList.toggle("on", each.dataset.mode === mode);
    }
    if (mode === "markdown") for (const each of this.place.querySelectorAll("[data-format][aria-pressed]")) each.removeAttribute("aria-pressed");
  }
}

const place = document.querySelector("[data-kb-mode]");
if (place && !place.closest("fieldset").disabled) {
  const editor = new Editor(place);
  editor.listen();
  editor.start().catch(() => editor.show("markdown"));
}
