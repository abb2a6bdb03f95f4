// Saved replies in the composer: `#` in the text or the menu puts one in, with its files; what it does beside that stands
// in a line above the buttons, and can be dropped there.
import { complete } from "./completion.js";
import { escapeHtml } from "./editor.js";
import { post } from "./post.js";

const FEW = 8;

export class Replies {
  constructor(writer) {
    this.writer = writer;
    this.line = writer.querySelector("[data-acts]");
    const { repliesUrl, repliesLabel } = writer.dataset;
    complete(writer.editor.box, {
      trigger: "#", label: repliesLabel, source: (query) => this.find(query), choose: (item) => this.use(item.use), isOn: () => Boolean(repliesUrl),
    });
  }

  // By the beginnings of words in the name, then by what the text says. A number after # is an order's or a ticket's.
  async find(query) {
    if (/^\d/.test(query)) return [];
    this.all ??= fetch(this.writer.dataset.repliesUrl).then((answer) => (answer.ok ? answer.json() : [])).catch(() => { this.all = null; return []; });
    const words = query.toLowerCase().split(/\s+/).filter(Boolean);
    const named = (each) => words.every((word) => ` ${each.title.toLowerCase()}`.includes(` ${word}`) || (word.length > 1 && each.title.toLowerCase().includes(word)));
    const says = (each) => query.length > 2 && words.every((word) => `${each.title} ${each.note}`.toLowerCase().includes(word));
    const all = await this.all ?? [];
    const first = all.filter(named);
    return [...first, ...all.filter((each) => !first.includes(each) && says(each))].slice(0, FEW);
  }

  async use(url) {
    const { writer } = this;
    const place = writer.editor.place(); // who goes on typing meanwhile finds it before those words
    await writer.save(); // its files go to the draft
    const answer = await post(url, { kind: writer.kind });
    if (!answer.ok) { writer.warn(new DOMParser().parseFromString(await answer.text(), "text/html").body.textContent.trim()); return; }
    const reply = await answer.json();
    writer.editor.insertAt(place, reply.html || escapeHtml(reply.text).replaceAll("\n", "<br>"));
    if (reply.files) writer.filesChanged(reply.files, reply.version);
    this.acts = [...this.acts, ...reply.acts];
    writer.changed();
  }

  // --- what it does -----------------------------------------------------------------------------------------------

  get acts() {
    return [...this.line.querySelectorAll("input:checked")].map((each) => ({ value: each.value, words: each.dataset.words }));
  }

  // The last one of a kind counts, but a ticket can have many tags.
  set acts(wanted) {
    const kept = new Map();
    for (const act of wanted) kept.set(/^(un)?tag:/.test(act.value) ? act.value : act.value.split(":")[0], act);
    this.line.querySelectorAll("label").forEach((each) => each.remove());
    this.line.append(...[...kept.values()].map(tick));
    this.line.hidden = !kept.size;
  }
}

function tick(act) {
  const label = document.createElement("label");
  label.className = "token";
  const box = Object.assign(document.createElement("input"), { type: "checkbox", name: "act", value: act.value, checked: true });
  box.dataset.words = act.words;
  label.append(box, ` ${act.words}`);
  return label;
}
