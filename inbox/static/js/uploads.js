// Files of an answer: given to the desk as soon as they are chosen, with a bar and a way to stop; what is too much is said
// before anything is sent.
import { csrf } from "./post.js";

const MEGA = 1_000_000;

export class Uploads {
  // `writer`: the composer. Its data say where files go, how much they may be, and what is said.
  constructor(writer) {
    this.writer = writer;
    this.words = JSON.parse(writer.dataset.fileWords);
    this.most = Number(writer.dataset.mostBytes);
    this.onTheWay = new Set();
    this.turn = Promise.resolve(); // one after the other: the first one makes the draft
    this.list = document.createElement("div");
    this.list.className = "files sending";
    this.list.setAttribute("role", "status");
    writer.querySelector("[data-files]").after(this.list);
  }

  get size() {
    const stored = [...this.writer.querySelectorAll("[data-files] [data-size]")].reduce((sum, each) => sum + Number(each.dataset.size), 0);
    return [...this.onTheWay].reduce((sum, each) => sum + each.file.size, stored);
  }

  // What speaks against a file, in words; empty when nothing does.
  refusal(file) {
    if (!file.size) return this.said("empty", file);
    if (this.size + file.size > this.most) return this.said("large", file);
    return "";
  }

  said(name, file) {
    return this.words[name].replace("{name}", file.name).replace("{size}", megabytes(file.size)).replace("{limit}", megabytes(this.most));
  }

  // Every file by itself: one that fails keeps no other back.
  async add(files) {
    for (const file of files) {
      const answer = await this.give(file);
      if (answer) this.writer.filesChanged(answer.responseText, answer.getResponseHeader("Draft-Version"));
    }
  }

  // A picture that stands in the text: { cid, url }, or null.
  async picture(file) {
    const answer = await this.give(file, true);
    if (!answer) return null;
    const kept = JSON.parse(answer.responseText);
    this.writer.filesChanged(null, kept.version);
    return kept;
  }

  async give(file, isInline = false) {
    const refusal = this.refusal(file);
    const row = document.createElement("span");
    row.className = "file";
    const name = Object.assign(document.createElement("span"), { className: "clip", textContent: file.name });
    row.append(name);
    this.list.append(row);
    if (refusal) { this.fail(row, refusal); return null; }
    const bar = Object.assign(document.createElement("progress"), { max: 1, value: 0 });
    bar.setAttribute("aria-label", file.name);
    const request = new XMLHttpRequest();
    row.append(bar, button(this.words.stop.replace("{name}", file.name), () => { request.isStopped = true; request.abort(); }));
    const given = { file };
    this.onTheWay.add(given);
    const before = this.turn;
    this.turn = before.then(() => this.writer.save()).then(() => sent(request, this.writer, file, isInline, bar));
    await this.turn;
    this.onTheWay.delete(given);
    if (request.status >= 200 && request.status < 300 && !isElsewhere(request)) { row.remove(); return request; }
    if (request.isStopped) row.remove(); else this.fail(row, `${file.name}: ${wordsOf(request) || this.words.failed}`);
    return null;
  }

  fail(row, words) {
    row.className = "file is-bad";
    row.replaceChildren(Object.assign(document.createElement("span"), { className: "break", textContent: words }), button(this.words.hide, () => row.remove()));
  }
}

const isElsewhere = (request) => request.responseURL && !request.responseURL.includes("/draft/files"); // the page to sign in

function sent(request, writer, file, isInline, bar) {
  const values = new FormData();
  values.set("kind", writer.kind);
  values.append("files", file);
  if (isInline) values.set("inline", "1");
  return new Promise((done) => {
    if (request.isStopped) { done(); return; }
    request.upload.addEventListener("progress", (event) => { if (event.lengthComputable) bar.value = event.loaded / event.total; });
    request.addEventListener("loadend", done);
    request.open("POST", writer.dataset.filesUrl);
    request.setRequestHeader("X-CSRFToken", csrf.token);
    request.setRequestHeader("HX-Request", "true");
    request.send(values);
  });
}

function wordsOf(request) {
  if (!request.status || request.status >= 500 || isElsewhere(request)) return "";
  return new DOMParser().parseFromString(request.responseText, "text/html").body.textContent.trim();
}

function button(words, act) {
  const made = Object.assign(document.createElement("button"), { type: "button", className: "bare", title: words, textContent: "×" });
  made.setAttribute("aria-label", words);
  made.addEventListener("click", act);
  return made;
}

function megabytes(bytes) {
  return `${(bytes / MEGA).toLocaleString(document.documentElement.lang, { maximumFractionDigits: bytes < 10 * MEGA ? 1 : 0 })} MB`;
}
