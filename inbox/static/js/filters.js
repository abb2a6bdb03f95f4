// Completion of filters in the search box (and where the builder shows a view as text): names first, then the values that
// are known of them. They are fetched once, when such a field is first used.
import { Choices } from "./completion.js";

const MOST = 12;
let words = null;

const known = (field) => (words ??= fetch(field.dataset.complete).then((answer) => (answer.ok && !answer.redirected ? answer.json() : []), () => []));
const fold = (text) => text.normalize("NFKC").toLowerCase();
const written = (value) => (/[\s()]/.test(value) ? `"${value}"` : value);

// The filter before the caret: where it begins (after a minus), and what of it is typed. A value in quotes may have blanks.
function typed(field) {
  const before = field.value.slice(0, field.selectionStart);
  const found = /(?:^|[\s(])-?([^\s()"-][^\s()"]*(?:"[^"]*)?)$/.exec(before);
  return found && { start: before.length - found[1].length, text: found[1] };
}

function names(all, text) {
  const begun = fold(text);
  return all.filter((each) => each.name.startsWith(begun) || fold(each.title).startsWith(begun)).map((each) => {
    const insert = each.sign ? each.name + each.sign : each.name;
    return { title: insert, note: each.title, insert, goesOn: true };
  });
}

function values(all, name, sign, text) {
  const field = all.find((each) => each.name === name.toLowerCase());
  if (!field) return [];
  const whole = field.compared ? (sign === ":" ? "" : sign) + text : text;
  const kept = field.several ? whole.slice(0, whole.lastIndexOf(",") + 1) : "";
  const begun = fold(whole.slice(kept.length));
  return field.values.filter(([value, title]) => (fold(value).startsWith(begun) || fold(title).includes(begun)) && fold(value) !== begun)
    .sort(([a], [b]) => fold(b).startsWith(begun) - fold(a).startsWith(begun))
    .map(([value, title]) => ({ title: value, note: title === value ? "" : title, insert: `${field.name}${field.compared ? "" : ":"}${kept}${written(value)} ` }));
}

function offers(all, text) {
  const parts = /^([a-z][\w.-]*?)(:|>=|<=|>|<)"?(.*)$/i.exec(text);
  return (parts ? values(all, parts[1], parts[2], parts[3]) : names(all, text)).slice(0, MOST);
}

function attach(field) {
  const choices = new Choices(field, field.dataset.choices, take, -1);
  choices.tell();

  async function look() {
    const all = await known(field);
    const here = document.activeElement === field ? typed(field) : null;
    choices.show(here ? offers(all, here.text) : [], field.getBoundingClientRect());
  }

  function take(offer) {
    const here = typed(field);
    const caret = field.selectionStart;
    const hasBlank = offer.insert.endsWith(" ") && field.value[caret] === " ";
    field.setRangeText(offer.insert, here.start, caret + (hasBlank ? 1 : 0), "end");
    if (offer.goesOn) look();
  }

  field.addEventListener("input", (event) => { if (!event.isComposing) look(); });
  field.addEventListener("keydown", (event) => choices.key(event));
  field.addEventListener("blur", () => choices.close());
}

export function startFilters() {
  const ready = new WeakSet();
  document.addEventListener("focusin", (event) => { // a field may have been drawn anew since the page began
    const field = event.target.closest?.("[data-complete]");
    if (!field || ready.has(field)) return;
    ready.add(field);
    attach(field);
    known(field);
  });
}
