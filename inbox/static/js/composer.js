// Where answers are written: reply, note and forward, each with a draft that the server keeps while one types.
import { Editor } from "./editor.js";
import { post, renewToken } from "./post.js";
import { chosenWords, quoted, startQuoting } from "./quoting.js";
import { Recipients, people } from "./recipients.js";
import { Replies } from "./replies.js";
import { Uploads } from "./uploads.js";

const SAVE_AFTER = 2000;
const SAVE_AT_LEAST = 6000; // also from somebody who never stops typing
const RETRY_AFTER = 4000;
const ROLES = ["to", "cc", "bcc"];

class MailComposer extends HTMLElement {
  connectedCallback() {
    if (this.ready) return;
    this.ready = true;
    this.form = this.querySelector("form");
    const { wanted } = this.dataset; // pressed before this was loaded
    this.kind = wanted ?? this.dataset.kind;
    this.saved = this.querySelector("[data-saved]");
    this.words = JSON.parse(this.dataset.words);
    this.stored = {};
    for (const each of this.querySelectorAll("template[data-draft]")) {
      this.stored[each.dataset.draft] = { ...JSON.parse(each.dataset.facts), html: each.innerHTML, files: this.querySelector(`template[data-files-of=${each.dataset.draft}]`).innerHTML };
    }
    this.form.elements.exact.value = "1"; // what stands in the fields is meant, nothing beside it
    const { text } = this.form.elements;
    const early = text.value !== text.defaultValue ? text.value : ""; // typed before this was loaded
    const wasThere = document.activeElement === text;
    this.uploads = new Uploads(this);
    this.editor = new Editor(text, this.querySelector("[role=toolbar]"), {
      label: this.querySelector(`label[for=${text.id}]`).textContent, changed: () => { if (this.isStopped) this.edit(); this.changed(); },
      upload: (file) => this.uploads.picture(file), attach: (files) => this.uploads.add(files),
    });
    this.classList.add("with-editor"); // hides the textarea; an attribute on it would not outlive a swap
    this.recipients = new Recipients(this.querySelector(".recipients"), () => this.changed());
    this.replies = new Replies(this);
    this.show(this.kind);
    this.listen();
    this.recover();
    if (early) { this.editor.putText(early); this.changed(); }
    if (wanted || wasThere || ("focus" in this.dataset && !this.isStopped)) {
      this.editor.focus();
      requestAnimationFrame(() => { if (this.isConnected) this.editor.focus(); }); // a swap gives it back to what had it before
    }
  }

  disconnectedCallback() { this.editor?.leave(); }

  listen() {
    this.addEventListener("click", (event) => this.clicked(event));
    this.addEventListener("submit", (event) => this.submitted(event), true);
    this.form.addEventListener("htmx:config:request", () => this.fill());
    this.form.addEventListener("htmx:finally:request", (event) => this.answered(event.detail?.ctx?.response?.status));
    this.form.addEventListener("input", (event) => { if (!event.target.closest("[data-link], [type=file]")) this.changed(); });
    this.form.addEventListener("focusout", (event) => { if (!this.contains(event.relatedTarget)) this.saveNow(); });
    const { files } = this.form.elements;
    files.addEventListener("change", () => { this.uploads.add([...files.files]); files.value = ""; });
    this.addEventListener("dragover", (event) => event.preventDefault());
    this.addEventListener("drop", (event) => {
      if (event.dataTransfer.files.length) { event.preventDefault(); this.uploads.add([...event.dataTransfer.files]); }
    });
    this.form.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && event.target.name === "until") { event.preventDefault(); this.form.requestSubmit(this.querySelector("[name=later][value=typed]")); return; }
      if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
        event.preventDefault();
        this.form.requestSubmit((event.shiftKey && this.querySelector("[data-send-more]:not([hidden]) [data-send-close]")) || this.querySelector("[data-send]"));
      }
    });
    startQuoting(this.words.quote, (words) => this.quote(words));
  }

  leave() {
    if (!this.isDirty || this.isOnItsWay) return;
    this.keepHere(this.current()); // the page that comes may be drawn before this is stored
    this.saveNow();
  }

  // --- what is shown ----------------------------------------------------------------------------------------------

  show(kind) {
    this.kind = kind;
    this.dataset.kind = kind;
    this.form.elements.kind.value = kind;
    for (const tab of this.querySelectorAll("[data-tab]")) tab.setAttribute("aria-pressed", String(tab.dataset.tab === kind));
    const send = this.querySelector("[data-send]");
    send.textContent = send.dataset[kind];
    send.classList.toggle("primary", kind !== "reply");
    this.querySelector("[data-send-more]").hidden = kind !== "reply";
    for (const each of this.querySelectorAll(".gets, .misses, .sign")) each.hidden = kind === "note";
    this.querySelector(".recipients").hidden = kind !== "forward";
    this.querySelector("[data-about]").hidden = kind !== "forward";
    if (!this.stored[kind]) this.saved.textContent = "";
    this.put(this.stored[kind]);
  }

  put(draft) {
    const { elements } = this.form;
    if (draft?.html) this.editor.put(draft.html, draft.images); else this.editor.putText(draft?.text ?? "");
    elements.version.value = draft?.version ?? 0;
    for (const role of ROLES) elements[role].value = draft?.[role] || (role === "to" ? this.standard : "");
    this.recipients.draw();
    if (draft?.about && [...elements.about.options].some((each) => each.value === draft.about)) elements.about.value = draft.about;
    this.replies.acts = draft?.acts ?? [];
    this.swapFiles(draft?.files);
    this.querySelector("[data-discard]").hidden = !draft;
    this.tellRecipients();
    this.wasEmpty = this.editor.isEmpty;
  }

  // An answer that was stopped, because somebody was faster, until it is written on: then it is a draft like any other.
  get isStopped() { return this.classList.contains("is-held"); }

  edit() {
    this.classList.remove("is-held");
    this.querySelector("[data-overtaken]")?.remove();
    this.editor.focus();
  }

  // Who begins to write has seen what the page shows now; what comes later is new.
  beganToWrite() {
    const { known } = this.form.elements;
    if (known && this.wasEmpty && !this.editor.isEmpty) known.value = document.getElementById("newest")?.dataset.event ?? known.value;
    this.wasEmpty = this.editor.isEmpty;
  }

  // Whom an answer goes to when nobody says otherwise. It is not stored: the next one who writes may be another.
  get standard() { return this.kind === "reply" ? this.querySelector("[data-summary]").dataset.standard : ""; }

  current() {
    const { version, to, cc, bcc, about } = this.form.elements;
    return { html: this.editor.html, text: this.editor.text, version: Number(version.value), to: to.value === this.standard ? "" : to.value,
      cc: cc.value, bcc: bcc.value, about: this.kind === "forward" ? about.value : "", acts: this.replies.acts };
  }

  async switchTo(kind) {
    if (kind !== this.kind) {
      await this.save();
      const files = this.querySelector("[data-files]").outerHTML;
      this.stored[this.kind] = this.isStored || !this.editor.isEmpty ? { ...this.current(), files, images: this.images } : undefined;
      this.show(kind);
    }
    this.editor.focus();
  }

  get isStored() { return this.form.elements.version.value !== "0"; }
  get images() { return Object.fromEntries([...this.editor.box.querySelectorAll("img[data-cid]")].map((each) => [each.dataset.cid, each.getAttribute("src")])); }

  insert(html) {
    if (!html) return;
    this.editor.insert(html);
    this.changed();
  }

  async quote(words) {
    if (this.kind === "note") await this.switchTo("reply");
    this.editor.insertBlocks(quoted(words));
    this.changed();
  }

  swapFiles(html) {
    const fresh = new DOMParser().parseFromString(html || "<div class=files data-files></div>", "text/html").querySelector("[data-files]");
    this.querySelector("[data-files]").replaceWith(fresh);
  }

  filesChanged(html, version) {
    if (html) this.swapFiles(html);
    if (!this.isStored) this.form.elements.version.value = version;
    this.querySelector("[data-discard]").hidden = false;
  }

  warn(words) {
    const note = this.querySelector("[data-conflict]");
    note.textContent = words;
    note.hidden = !words;
  }

  // --- sending ----------------------------------------------------------------------------------------------------

  fill() {
    this.form.elements.html.value = this.editor.html;
    this.form.elements.text.value = this.editor.text;
    clearTimeout(this.timer);
    this.timer = null;
  }

  // A second click must not send it twice: nothing goes until the first one is answered, and until what it waits for is here.
  submitted(event) {
    const stop = () => { event.preventDefault(); event.stopImmediatePropagation(); };
    if (this.isOnItsWay) { stop(); return; }
    if (this.editor.pending.size || this.uploads.onTheWay.size || this.saving) {
      stop();
      const { submitter } = event;
      this.isOnItsWay = true;
      Promise.allSettled([...this.editor.pending, this.uploads.turn, this.saving]).then(() => { this.isOnItsWay = false; this.form.requestSubmit(submitter); });
      return;
    }
    for (const row of this.recipients.rows) row.take();
    this.isOnItsWay = true;
    this.fill();
  }

  answered(status) {
    this.isOnItsWay = false;
    if (status >= 200 && status < 300) { this.isDirty = false; this.forget(); } else if (this.isConnected) this.changed();
  }

  // --- the draft --------------------------------------------------------------------------------------------------

  changed() {
    this.editor.mark();
    this.beganToWrite();
    this.tellRecipients();
    this.isDirty = true;
    this.since ??= Date.now();
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.save(), Math.min(SAVE_AFTER, Math.max(0, this.since + SAVE_AT_LEAST - Date.now())));
  }

  saveNow() { if (this.timer) this.save(); }

  // What is on the page is on the server when this is done, if it can be.
  save() {
    clearTimeout(this.timer);
    this.timer = null;
    this.saving ??= this.store().finally(() => { this.saving = null; });
    return this.saving;
  }

  async store() {
    let isGood = true;
    while (this.isDirty && isGood && !this.isOnItsWay && !this.isAsking && this.isConnected) {
      this.isDirty = false;
      this.since = null;
      isGood = await this.storeOnce();
    }
  }

  async storeOnce() {
    const draft = this.current();
    if (!draft.html && !draft.acts.length && !draft.version && !ROLES.some((role) => draft[role])) return true;
    const values = new FormData();
    for (const [name, value] of Object.entries({ kind: this.kind, ...draft, acts: undefined })) if (value !== undefined) values.set(name, value);
    for (const act of draft.acts) values.append("act", act.value);
    this.saved.textContent = this.words.saving;
    try {
      let answer = await post(this.dataset.draftUrl, values, "PUT");
      if (answer.status === 400 && await renewToken(this)) answer = await post(this.dataset.draftUrl, values, "PUT");
      if (answer.status === 409) return this.overtaken(draft, await answer.json());
      if (!answer.ok || answer.status === 204) return this.failed(draft, answer.status === 204 ? "signedOut" : answer.status < 500 ? "refused" : "offline");
      const facts = await answer.json();
      this.form.elements.version.value = facts.version;
      this.saved.textContent = facts.saved;
      this.querySelector("[data-discard]").hidden = false;
      this.forget();
      return true;
    } catch {
      return this.failed(draft, "offline");
    }
  }

  // A newer draft is stored. With the same words it is our own, of before this page was loaded: it goes on from there.
  overtaken(draft, facts) {
    this.isDirty = true;
    if (bareWords(facts.html || facts.text) === bareWords(draft.html)) { this.form.elements.version.value = facts.version; return true; }
    this.keepHere(draft);
    this.conflict(facts);
    return false;
  }

  // Not stored: said in plain sight, kept in this browser, and tried again until it works.
  failed(draft, why) {
    this.isDirty = true;
    this.keepHere(draft);
    this.saved.textContent = "";
    const note = this.querySelector("[data-unsaved]");
    note.querySelector("span").textContent = this.words[why];
    note.querySelector("a").hidden = why !== "signedOut";
    note.hidden = false;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.save(), RETRY_AFTER);
    return false;
  }

  get place() { return `pluginbox-draft:${this.dataset.me}:${this.dataset.number}:${this.kind}`; }
  keepHere(draft) { try { localStorage.setItem(this.place, JSON.stringify(draft)); } catch { /* full, or forbidden */ } }

  forget() {
    this.querySelector("[data-unsaved]").hidden = true;
    try { localStorage.removeItem(this.place); } catch { /* forbidden */ }
  }

  // What could not be stored before the page went away.
  recover() {
    let kept = null;
    try { kept = JSON.parse(localStorage.getItem(this.place)); } catch { /* none, or forbidden */ }
    if (!kept) return;
    const stored = this.stored[this.kind];
    if (bareWords(kept.html) === bareWords(stored?.html || stored?.text)) { this.forget(); return; }
    if (kept.version === (stored?.version ?? 0)) { this.put({ ...stored, ...kept }); this.changed(); return; }
    this.conflict({ error: this.words.found, version: 0, ...stored }, kept);
  }

  // Another tab or device stored a newer draft: both are kept until a person chooses.
  conflict(facts, mine = this.current()) {
    this.isAsking = true;
    this.saved.textContent = "";
    const note = this.querySelector("[data-conflict]");
    const other = Object.assign(document.createElement("p"), { className: "other", textContent: facts.text });
    other.dir = "auto";
    const choices = Object.assign(document.createElement("span"), { className: "row" });
    const ready = { ...mine, images: { ...facts.images, ...this.images }, version: facts.version, files: this.querySelector("[data-files]").outerHTML };
    const both = { ...ready, html: `${mine.html}<div><br></div>${facts.html || ""}` };
    const stored = facts.version ? [[this.words.takeStored, { ...facts, files: ready.files }]] : []; // none: it is somebody else's now
    for (const [words, draft] of [...stored, [this.words.keepMine, ready], ...(facts.version ? [[this.words.keepBoth, both]] : [])]) {
      const button = Object.assign(document.createElement("button"), { type: "button", className: "btn s", textContent: words });
      button.addEventListener("click", () => {
        this.warn("");
        this.isAsking = false;
        this.put(draft);
        if (draft === stored[0]?.[1]) this.forget(); else this.changed();
        this.saveNow();
        this.editor.focus();
      });
      choices.append(button);
    }
    const said = Object.assign(document.createElement("b"), { textContent: `${facts.error} ${facts.version ? this.words.both : ""}` });
    note.replaceChildren(said, other, choices);
    note.hidden = false;
  }

  async discard(button) {
    clearTimeout(this.timer);
    this.timer = null;
    this.isDirty = false;
    await this.saving; // or it would be stored again by what is on its way
    const answer = await post(button.dataset.discard, { kind: this.kind });
    if (!answer.ok) { this.changed(); return; }
    delete this.stored[this.kind];
    this.forget();
    this.put();
    this.saved.textContent = "";
    this.editor.focus();
  }

  // --- clicks -----------------------------------------------------------------------------------------------------

  async clicked(event) {
    const at = (selector) => event.target.closest(selector);
    if (at("[data-edit-draft]")) { event.preventDefault(); return this.edit(); }
    if (at("[data-tab]")) return this.choose(at("[data-tab]").dataset.tab);
    if (at("[data-toggle-recipients]")) { const box = this.querySelector(".recipients"); box.hidden = !box.hidden; if (!box.hidden) box.querySelector("[role=combobox]").focus(); return; }
    if (at("[data-reply-all]")) return this.replyAll(at("[data-reply-all]"));
    if (at("[data-use]")) { at("details").open = false; return this.replies.use(at("[data-use]").dataset.use); }
    if (at("[data-remove-file]")) { const answer = await post(at("[data-remove-file]").dataset.removeFile); if (answer.ok) this.swapFiles(await answer.text()); return; }
    if (at("[data-discard]")) return this.discard(at("[data-discard]"));
  }

  // A tab, or its key: words chosen in the thread come along as a quote.
  async choose(kind) {
    const words = kind === "note" ? null : chosenWords();
    await this.switchTo(kind);
    if (words) this.quote(words);
  }

  // --- recipients -------------------------------------------------------------------------------------------------

  // Who will get it always stands above the text, whether the fields are open or not, and who is new here.
  tellRecipients() {
    const line = this.querySelector("[data-summary]");
    const { to, cc, bcc } = this.form.elements;
    const bare = (field) => people(field.value).map((each) => each.address).join(", ");
    const told = [[line.dataset.to, bare(to) || "…"], [line.dataset.cc, bare(cc)], [line.dataset.bcc, bare(bcc)]];
    line.textContent = told.filter(([, names]) => names).map(([role, names]) => `${role} ${names}`).join(", ");
    const strangers = this.kind === "reply" ? this.recipients.all.filter((each) => this.recipients.isNew(each)) : [];
    const note = this.querySelector("[data-strangers]");
    note.hidden = !strangers.length;
    note.querySelector("span").textContent = this.words.strangers.replace("{names}", strangers.map((each) => each.address).join(", "));
    const all = this.querySelector("[data-reply-all]");
    if (!all) return;
    all.hidden = this.kind !== "reply";
    all.setAttribute("aria-pressed", String(this.others(all).every((each) => cc.value.toLowerCase().includes(each.toLowerCase()))));
  }

  others(button) { return button.dataset.replyAll.split(", "); }

  // Reply to all: whom the last message went to beside us and its sender. A second click takes them out again.
  async replyAll(button) {
    if (this.kind !== "reply") await this.switchTo("reply");
    const { cc } = this.form.elements;
    const others = new Set(this.others(button).map((each) => each.toLowerCase()));
    const kept = cc.value.split(/[,;]/).map((each) => each.trim()).filter((each) => each && !others.has(people(each)[0]?.address.toLowerCase()));
    const isOn = button.getAttribute("aria-pressed") === "true";
    cc.value = [...kept, ...(isOn ? [] : this.others(button))].join(", ");
    this.recipients.draw();
    this.changed();
    this.editor.focus();
  }
}

function bareWords(html) {
  const { body } = new DOMParser().parseFromString(html ?? "", "text/html");
  return body.textContent.replace(/[\s\u200B]+/g, "") + body.querySelectorAll("img").length;
}

// What a plugin beside the ticket offers for the answer: <button data-compose="HTML">. It may stand anywhere on the page, as
// may what passes a message on: <button data-pass-on="ID">.
document.addEventListener("click", async (event) => {
  const writer = document.querySelector("mail-composer");
  writer?.insert(event.target.closest("[data-compose]")?.dataset.compose);
  const message = event.target.closest("[data-pass-on]");
  if (!writer || !message) return;
  message.closest("details")?.removeAttribute("open");
  await writer.switchTo("forward");
  writer.form.elements.about.value = message.dataset.passOn;
  writer.changed();
  writer.querySelector(".recipients [role=combobox]").focus();
});

// The page's own listeners, not one of each composer: those would keep every ticket of the day in memory.
const here = () => document.querySelectorAll("mail-composer");
addEventListener("pagehide", () => { for (const each of here()) each.leave(); });
addEventListener("online", () => { for (const each of here()) each.saveNow(); });

customElements.define("mail-composer", MailComposer);
