// The editor: Squire over the textarea (which stays the fallback), drafts kept on the server while one types.
import Squire from "../vendor/squire.js";
import { post } from "./post.js";

const SAVE_AFTER = 1200;
const RETRY_AFTER = 5000;

class MailComposer extends HTMLElement {
  connectedCallback() {
    if (this.ready) return;
    this.ready = true;
    this.form = this.querySelector("form");
    this.kind = this.dataset.kind;
    this.textarea = this.form.elements.text;
    this.saved = this.querySelector("[data-saved]");
    this.stored = {};
    for (const each of this.querySelectorAll("template[data-draft]")) {
      this.stored[each.dataset.draft] = { ...each.dataset, html: each.innerHTML };
    }
    this.makeEditor();
    this.show(this.kind);
    if ("focus" in this.dataset && !this.isHeld) this.editor.focus();
    this.addEventListener("click", (event) => this.clicked(event));
    this.addEventListener("submit", (event) => this.submitted(event), true);
    this.form.addEventListener("htmx:finally:request", () => { this.isOnItsWay = false; });
    this.form.addEventListener("htmx:config:request", () => this.fill());
    this.form.addEventListener("input", () => this.changed());
    this.form.elements.files.addEventListener("change", () => this.upload(this.form.elements.files.files));
    this.addEventListener("dragover", (event) => event.preventDefault());
    this.addEventListener("drop", (event) => {
      if (event.dataTransfer.files.length) { event.preventDefault(); this.upload(event.dataTransfer.files); }
    });
    this.form.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && event.target.name === "until") { event.preventDefault(); this.form.requestSubmit(this.querySelector("[name=later][value=typed]")); return; }
      if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) { event.preventDefault(); this.form.requestSubmit((event.shiftKey && this.querySelector("[data-send-more]:not([hidden]) [data-send-close]")) || this.querySelector("[data-send]")); }
    });
    addEventListener("pagehide", () => { if (this.timer) this.save(); });
  }

  makeEditor() {
    const box = document.createElement("div");
    box.className = "input editor";
    box.dir = "auto";
    box.setAttribute("role", "textbox");
    box.setAttribute("aria-multiline", "true");
    box.setAttribute("aria-label", this.querySelector("label[for=composer-text]").textContent);
    box.dataset.placeholder = this.textarea.placeholder;
    this.classList.add("with-editor"); // hides the textarea; an attribute on it would not outlive a swap
    this.textarea.after(box);
    this.editor = new Squire(box, { blockTag: "DIV" });
    this.box = box;
    // The editor also says so when an attribute was changed, by whatever module: only other words are a change.
    this.editor.addEventListener("input", () => {
      if (this.box.innerHTML === this.words) return;
      this.words = this.box.innerHTML;
      if (this.isHeld) this.edit();
      this.changed();
    });
  }

  get html() { return this.editor.getHTML(); }
  get isEmpty() { return !this.box.textContent.trim() && !this.box.querySelector("img"); }
  mark() { this.box.classList.toggle("empty", this.isEmpty); }

  put(draft) {
    const text = (draft?.text ?? "").split("\n").map((line) => `<div>${escapeHtml(line) || "<br>"}</div>`).join("");
    this.editor.setHTML(draft?.html || (draft?.text ? text : ""));
    this.form.elements.version.value = draft?.version ?? 0;
    for (const role of ["to", "cc", "bcc"]) this.form.elements[role].value = draft?.[role] ?? "";
    this.tellRecipients();
    this.mark();
    this.wasEmpty = this.isEmpty;
    this.words = this.box.innerHTML;
  }

  get isHeld() { return this.classList.contains("is-held"); }

  // The answer that was stopped is written on: from now on it is a draft like any other.
  edit() {
    this.classList.remove("is-held");
    this.querySelector("[data-overtaken]")?.remove();
    this.editor.focus();
  }

  // Who begins to write has seen what the page shows now; what comes later is new.
  beganToWrite() {
    if (this.wasEmpty && !this.isEmpty) this.form.elements.known.value = document.getElementById("newest")?.dataset.event ?? this.form.elements.known.value;
    this.wasEmpty = this.isEmpty;
  }

  show(kind) {
    this.kind = kind;
    this.dataset.kind = kind;
    this.form.elements.kind.value = kind;
    for (const tab of this.querySelectorAll("[data-tab]")) tab.setAttribute("aria-pressed", String(tab.dataset.tab === kind));
    const send = this.querySelector("[data-send]");
    send.textContent = send.dataset[kind];
    send.classList.toggle("primary", kind !== "reply");
    this.querySelector("[data-send-more]").hidden = kind !== "reply";
    for (const each of this.querySelectorAll(".gets, .misses")) each.hidden = kind === "note";
    this.querySelector(".recipients").hidden = kind !== "forward";
    this.put(this.stored[kind]);
  }

  insert(html) {
    if (!html) return;
    this.editor.insertHTML(html);
    this.editor.focus();
    this.changed();
  }

  async switchTo(kind) {
    if (kind !== this.kind) {
      if (this.timer) await this.save();
      this.stored[this.kind] = this.current();
      this.show(kind);
    }
    this.editor.focus();
  }

  current() {
    const { version, to, cc, bcc } = this.form.elements;
    return { html: this.isEmpty ? "" : this.html, text: "", version: version.value, to: to.value, cc: cc.value, bcc: bcc.value };
  }

  fill() {
    this.form.elements.html.value = this.isEmpty ? "" : this.html;
    this.form.elements.text.value = this.box.innerText;
    clearTimeout(this.timer);
    this.timer = null;
    this.sending = true;
    setTimeout(() => { this.sending = false; }, 1500);
  }

  // A second click must not send it twice: nothing goes until the first one is answered.
  submitted(event) {
    if (this.isOnItsWay) { event.preventDefault(); event.stopImmediatePropagation(); return; }
    this.isOnItsWay = true;
    this.fill();
  }

  changed() {
    this.mark();
    this.beganToWrite();
    this.tellRecipients();
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.save(), SAVE_AFTER);
  }

  async save() {
    clearTimeout(this.timer);
    this.timer = null;
    if (this.sending || !this.isConnected) return;
    const values = new FormData();
    for (const [name, value] of Object.entries({ kind: this.kind, ...this.current() })) values.set(name, value);
    values.set("text", this.box.innerText);
    if (this.isEmpty && values.get("version") === "0") return;
    this.saved.textContent = this.dataset.saving;
    try {
      const answer = await post(this.dataset.draftUrl, values, "PUT");
      const facts = await answer.json();
      if (answer.status === 409) return this.conflict(facts);
      if (!answer.ok) throw new Error(answer.statusText);
      this.form.elements.version.value = facts.version;
      this.saved.textContent = facts.saved;
      this.querySelector("[data-discard]").hidden = false;
    } catch {
      this.saved.textContent = this.dataset.offline;
      this.timer = setTimeout(() => this.save(), RETRY_AFTER);
    }
  }

  // Another tab or device stored a newer draft: nothing is overwritten, a person chooses.
  conflict(facts) {
    const note = this.querySelector("[data-conflict]");
    const other = document.createElement("p");
    other.className = "clip";
    other.textContent = facts.text;
    note.replaceChildren(Object.assign(document.createElement("b"), { textContent: facts.error }), other);
    note.hidden = false;
    this.saved.textContent = "";
    const mine = this.current();
    const choices = document.createElement("span");
    choices.className = "row";
    const mineAgain = [this.dataset.keepMine, { ...mine, version: facts.version }];
    for (const [words, draft] of facts.version ? [[this.dataset.takeStored, facts], mineAgain] : [mineAgain]) { // none: it is somebody else's now
      const button = Object.assign(document.createElement("button"), { type: "button", className: "btn s", textContent: words });
      button.addEventListener("click", () => {
        note.hidden = true;
        this.put(draft);
        if (draft !== facts) this.save();
        this.editor.focus();
      });
      choices.append(button);
    }
    note.append(choices);
  }

  async upload(files) {
    if (!files.length) return;
    const values = new FormData();
    values.set("kind", this.kind);
    for (const file of files) values.append("files", file);
    if (this.timer) await this.save();
    const answer = await post(this.dataset.filesUrl, values);
    this.form.elements.files.value = "";
    if (answer.ok) {
      if (this.form.elements.version.value === "0") this.form.elements.version.value = answer.headers.get("Draft-Version");
      this.querySelector("[data-discard]").hidden = false;
      this.swapFiles(await answer.text());
    } else { const note = this.querySelector("[data-conflict]"); note.textContent = new DOMParser().parseFromString(await answer.text(), "text/html").body.textContent.trim(); note.hidden = false; }
  }

  swapFiles(html) {
    const fresh = new DOMParser().parseFromString(html, "text/html").querySelector("[data-files]");
    this.querySelector("[data-files]").replaceWith(fresh);
  }

  async clicked(event) {
    const at = (selector) => event.target.closest(selector);
    if (at("[data-edit-draft]")) { event.preventDefault(); return this.edit(); }
    if (at("[data-tab]")) return this.switchTo(at("[data-tab]").dataset.tab);
    if (at("[data-toggle-recipients]")) { const box = this.querySelector(".recipients"); box.hidden = !box.hidden; if (!box.hidden) box.querySelector("input").focus(); return; }
    if (at("[data-reply-all]")) return this.replyAll(at("[data-reply-all]"));
    if (at("[data-format]")) return this.format(at("[data-format]"));
    if (at("[data-insert]")) { const chosen = at("[data-insert]"); this.editor.insertHTML(chosen.dataset.insert || escapeHtml(chosen.dataset.insertText).replaceAll("\n", "<br>")); at("details").open = false; this.editor.focus(); return; }
    if (at("[data-remove-file]")) { const answer = await post(at("[data-remove-file]").dataset.removeFile); if (answer.ok) this.swapFiles(await answer.text()); return; }
    if (at("[data-discard]")) { await post(at("[data-discard]").dataset.discard, { kind: this.kind }); delete this.stored[this.kind]; this.put(); this.saved.textContent = ""; at("[data-discard]").hidden = true; this.swapFiles("<div class=files data-files></div>"); }
  }

  // Who will get it always stands above the text, whether the fields are open or not.
  tellRecipients() {
    const line = this.querySelector("[data-summary]");
    const { to, cc, bcc } = this.form.elements;
    const first = to.value.trim() || (this.kind === "forward" ? "…" : line.dataset.default);
    const told = [[line.dataset.to, first], [line.dataset.cc, cc.value.trim()], [line.dataset.bcc, bcc.value.trim()]];
    line.textContent = told.filter(([, people]) => people).map(([role, people]) => `${role} ${people}`).join(", ");
    const all = this.querySelector("[data-reply-all]");
    if (!all) return;
    all.hidden = this.kind !== "reply";
    all.setAttribute("aria-pressed", String(this.others(all).every((each) => cc.value.toLowerCase().includes(each.toLowerCase()))));
  }

  others(button) { return button.dataset.replyAll.split(", "); }

  // Reply to all: whom the last message went to beside us and its sender. A second click takes them out again.
  replyAll(button) {
    const { cc } = this.form.elements;
    const others = new Set(this.others(button).map((each) => each.toLowerCase()));
    const kept = cc.value.split(/[,;]/).map((each) => each.trim()).filter((each) => each && !others.has(each.toLowerCase()));
    const isOn = button.getAttribute("aria-pressed") === "true";
    cc.value = [...kept, ...(isOn ? [] : this.others(button))].join(", ");
    this.changed();
  }

  format(button) {
    const { editor } = this;
    editor.focus();
    if (button.dataset.format === "bold") editor.hasFormat("B") ? editor.removeBold() : editor.bold();
    if (button.dataset.format === "italic") editor.hasFormat("I") ? editor.removeItalic() : editor.italic();
    if (button.dataset.format === "list") editor.hasFormat("UL") ? editor.removeList() : editor.makeUnorderedList();
    if (button.dataset.format === "link") {
      if (editor.hasFormat("A")) return editor.removeLink();
      const address = prompt(button.dataset.ask, "https://");
      if (address && /^(https?:|mailto:)/i.test(address)) editor.makeLink(address);
    }
  }
}

// What a plugin beside the ticket offers for the answer: <button data-compose="HTML">. It may stand anywhere on the page.
document.addEventListener("click", (event) => {
  const offer = event.target.closest("[data-compose]");
  document.querySelector("mail-composer")?.insert(offer?.dataset.compose);
});

function escapeHtml(text) {
  const box = document.createElement("div");
  box.textContent = text;
  return box.innerHTML;
}

customElements.define("mail-composer", MailComposer);
