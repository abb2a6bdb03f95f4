// What is pasted looks like what will be sent: headings, lists, tables, links and quotes, without styles, without pictures
// from elsewhere. What is stored the server cleans again (inbox/mail/written.py); this is for the eyes of who writes.
import "../vendor/purify.js";

const TAGS = ["a", "b", "blockquote", "br", "caption", "code", "del", "div", "em", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "i",
  "img", "ins", "kbd", "li", "ol", "p", "pre", "s", "strong", "sub", "sup", "table", "tbody", "td", "tfoot", "th", "thead", "tr", "u", "ul"];
const ATTRIBUTES = ["href", "src", "alt", "width", "height", "colspan", "rowspan", "start", "dir", "lang", "data-cid", "data-pending"];
const PICTURE = /^data:image\/(png|jpe?g|gif|webp);base64,/i;

export function clean(html) {
  const source = new DOMParser().parseFromString(withoutStyles(html), "text/html"); // nothing in it runs or loads
  fromWordProcessors(source.body);
  const settings = { ALLOWED_TAGS: TAGS, ALLOWED_ATTR: ATTRIBUTES, ALLOW_DATA_ATTR: false, RETURN_DOM_FRAGMENT: true };
  const fragment = globalThis.DOMPurify.sanitize(source.body.innerHTML, settings);
  for (const image of fragment.querySelectorAll("img")) {
    const isOurs = image.dataset.cid && image.getAttribute("src")?.startsWith("/attachments/");
    if (!isOurs && !PICTURE.test(image.getAttribute("src") ?? "")) image.replaceWith(image.alt || "");
  }
  asLines(fragment);
  return document.importNode(fragment, true); // not before: pictures of other sites would be asked for
}

// The page's policy complains of every style that is parsed, even where none is applied; what we need of them is kept.
function withoutStyles(html) {
  return html.replace(/<style\b[^]*?<\/style\s*>/gi, "").replace(/<[a-z][^>]*>/gi, (tag) => tag.replace(/\sstyle\s*=/gi, " data-style="));
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
