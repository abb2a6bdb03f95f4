// What is pasted looks like what will be sent: headings, lists, tables, links and quotes, without styles, without pictures
// from elsewhere. What is stored the server cleans again (inbox/mail/written.py); this is for the eyes of who writes.
const TAGS = new Set(["a", "b", "blockquote", "br", "caption", "code", "del", "div", "em", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "i",
  "img", "ins", "kbd", "li", "ol", "p", "pre", "s", "strong", "sub", "sup", "table", "tbody", "td", "tfoot", "th", "thead", "tr", "u", "ul"]);
const GONE = "script, style, title, template, noscript, iframe, object, embed, svg, math, audio, video, select, textarea, button, input, link, meta, base";
const ATTRIBUTES = new Set(["href", "src", "alt", "width", "height", "colspan", "rowspan", "start", "dir", "lang", "data-cid", "data-pending"]);
const PICTURE = /^data:image\/(png|jpe?g|gif|webp);base64,/i;
const LINK = /^(https?:|mailto:|tel:)/i;

export function clean(html) {
  const source = new DOMParser().parseFromString(withoutStyles(html), "text/html"); // nothing in it runs or loads
  fromWordProcessors(source.body);
  prune(source.body);
  for (const image of [...source.images]) {
    const isOurs = image.dataset.cid && image.getAttribute("src")?.startsWith("/attachments/");
    if (!isOurs && !PICTURE.test(image.getAttribute("src") ?? "")) image.replaceWith(image.alt || "");
  }
  const fragment = source.createDocumentFragment();
  fragment.append(...source.body.childNodes);
  asLines(fragment);
  return document.importNode(fragment, true); // not before: pictures of other sites would be asked for
}

// Only what is named above stays; of anything else its words, of what never shows words nothing.
function prune(body) {
  for (const each of body.querySelectorAll(GONE)) each.remove();
  const notes = body.ownerDocument.createTreeWalker(body, NodeFilter.SHOW_COMMENT);
  const comments = [];
  while (notes.nextNode()) comments.push(notes.currentNode);
  for (const each of comments) each.remove();
  for (const each of body.querySelectorAll("*")) {
    if (!TAGS.has(each.localName)) { each.replaceWith(...each.childNodes); continue; }
    for (const { name, value } of [...each.attributes]) {
      if (!ATTRIBUTES.has(name) || (name === "href" && !LINK.test(value.trim()))) each.removeAttribute(name);
    }
  }
}

// The page's policy complains of every style and handler that is parsed, though nothing comes of them here.
function withoutStyles(html) {
  return html.replace(/<style\b[^]*?<\/style\s*>/gi, "").replace(/<[a-z][^>]*>/gi, (tag) => tag.replace(/\s(style|on[a-z]+)\s*=/gi, " data-$1="));
}

// Line ends of the source are blanks, but the editor would show them.
function asLines(fragment) {
  const texts = document.createTreeWalker(fragment, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) {
    const text = texts.currentNode;
    if (text.parentElement?.closest("pre")) continue;
    text.data = text.data.replace(/[ \t]*[\r\n]\s*/g, text.previousSibling?.nodeName === "BR" ? "" : " ");
  }
}

// Word writes lists as paragraphs with a style, Google Docs bold and italic words as styles and all of it in a <b>.
function fromWordProcessors(body) {
  for (const each of body.querySelectorAll("b[data-style], strong[data-style], i[data-style]")) {
    if (/font-(weight|style):\s*normal/i.test(each.dataset.style)) each.replaceWith(...each.childNodes);
  }
  for (const each of body.querySelectorAll("span[data-style]")) {
    const style = each.dataset.style;
    if (/font-weight:\s*(bold|[6-9]00)/i.test(style)) wrap(each, "b");
    if (/font-style:\s*italic/i.test(style)) wrap(each, "i");
  }
  for (const each of body.querySelectorAll("p[data-style*='mso-list']")) if (each.isConnected) wordList(each);
}

function wrap(element, tag) {
  const made = element.ownerDocument.createElement(tag);
  made.append(...element.childNodes);
  element.append(made);
}

function wordList(first) {
  const items = [];
  for (let each = first; each?.matches?.("p[data-style*='mso-list']"); each = each.nextElementSibling) items.push(each);
  const page = first.ownerDocument;
  const lists = []; // the list open at each level
  for (const item of items) {
    const level = Number(/level(\d)/.exec(item.dataset.style)?.[1] ?? 1);
    const mark = item.querySelector("[data-style*='mso-list:Ignore'], [data-style*='mso-list: Ignore']");
    const tag = /^[\s(]*(\d+|[a-z]{1,4})[.)]/i.test(mark?.textContent ?? "") ? "ol" : "ul";
    mark?.remove();
    const line = page.createElement("li");
    line.append(...item.childNodes);
    lists.length = Math.min(lists.length, level);
    while (lists.length < level) {
      const list = page.createElement(tag);
      const outer = lists.at(-1);
      if (!outer) first.before(list);
      else (outer.lastElementChild ?? outer.appendChild(page.createElement("li"))).append(list);
      lists.push(list);
    }
    lists.at(-1).append(line);
  }
  for (const item of items) item.remove();
}
