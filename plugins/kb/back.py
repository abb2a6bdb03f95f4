"""Harmless HTML back into Markdown that shows the same: what authors write in the editor's rich text.

The library walks the tree and writes the simple marks; here is what must hold for text to come back as it was: escapes,
tight and loose lists, tables, and plain HTML wherever Markdown has no sign for a thing.
"""

from __future__ import annotations

import html as entities
import re
from collections.abc import Callable
from typing import Any

from bs4 import BeautifulSoup, NavigableString, Tag
from markdown_it import MarkdownIt
from markdownify import MarkdownConverter

_BLOCKS = {"blockquote", "dd", "details", "div", "dl", "dt", "figure", "figcaption", "h1", "h2", "h3", "h4", "h5", "h6",
           "hr", "li", "ol", "p", "pre", "raw", "summary", "table", "ul"}
_RAW = {"details", "dl", "figure"}  # Markdown has no sign for them
_TOO_MUCH = ["caption", "blockquote", "pre", "raw", "table", "ul", "ol", "h2", "h3", "h4", "hr"]
_INLINE = re.compile(r"[\\`*]|(?<![^\W_])_|_(?![^\W_])|\[|<(?=[A-Za-z/!?])|~(?=~)|(?<=~)~|&(?=#?\w+;)")
# What would begin a heading, list, quote, rule or the second line of a table if it stood at the beginning of a line.
_BEGINNING = re.compile(r"(?m)^( *(?:\d{1,9}(?=[.)](?:\s|$)))?)(?=#{1,6}(?:\s|$)|[-+](?:\s|$)|>|[=-]+ *$|(?<=\d)[.)]"
                        r"|[|:-][ |:-]*$)")
_ALIGN = {"n": "--:", "c": ":-:"}


def write(html: str, parser: MarkdownIt) -> str:
    """HTML that was cleaned before, as Markdown."""
    soup = BeautifulSoup(html, "html.parser")
    _prepare(soup)
    return re.sub(r"[ \t]+\n", "\n", _Writer(parser).convert_soup(soup)).strip()


# --- one shape for what editors write in many ------------------------------------------------------------------


def _prepare(soup: BeautifulSoup) -> None:
    for each in soup.find_all([*_RAW, "table"])[::-1]:  # the inner ones first
        if each.name in _RAW or _is_beyond(each):
            kept = soup.new_tag("raw")
            kept.string = _one_line(each)
            each.replace_with(kept)
    for pre in soup.find_all("pre"):
        for each in pre.find_all(["br", "div"]):
            each.append("\n")
            each.unwrap()
    for each in soup.find_all(["ul", "ol"]):
        _into_item(soup, each)
    for each in soup.find_all(["p", "li", "td", "th"]):
        _lines(each)
    for each in [soup, *soup.find_all(["blockquote", "div", "li"])]:
        _gather(soup, each)
    for each in soup.find_all(["ul", "ol"]):
        _loosen(each)
    for each in soup.find_all("table"):
        rows = each.find_all("tr")
        each["data-width"] = str(max((len(one.find_all(["td", "th"])) for one in rows), default=0))
        if rows:
            rows[0]["data-first"] = "1"


def _into_item(soup: BeautifulSoup, items: Tag) -> None:
    """The editor puts the inner list beside the item to which it belongs."""
    if items.parent is None or items.parent.name not in ("ul", "ol"):
        return
    item = items.find_previous_sibling("li")
    if item is None:
        item = soup.new_tag("li")
        items.insert_before(item)
    item.append(items)


def _lines(block: Tag) -> None:
    """The editor makes a block of every line inside of a paragraph, item or cell."""
    for each in block.find_all("div", recursive=False):
        after = each.next_sibling
        if isinstance(after, Tag) and after.name == "div":
            each.append(Tag(name="br"))
        each.unwrap()


def _gather(soup: BeautifulSoup, block: Tag) -> None:
    """Words that stand beside blocks become blocks of their own; in a list they are `line`, which has no distance."""
    name, run = ("line" if block.name == "li" else "p"), []
    if block.name == "div" and not any(isinstance(each, Tag) and each.name in _BLOCKS for each in block.children):
        block.name = "p"
        return
    for each in [*block.children, None]:
        if each is not None and not (isinstance(each, Tag) and (each.name in _BLOCKS or each.name == "line")):
            run.append(each)
            continue
        if any(isinstance(one, Tag) or str(one).strip() for one in run):
            gathered = soup.new_tag(name)
            run[0].insert_before(gathered)
            for one in run:
                gathered.append(one)
        run = []


def _loosen(items: Tag) -> None:
    """Blank lines in one item are blank lines in all: lines become paragraphs wherever one cannot go without."""
    own = items.find_all("li", recursive=False)
    for each in own:
        for line in each.find_all(["line", "p"], recursive=False):
            if _is_empty(line):
                line.decompose()
        if _is_empty(each):
            each.decompose()
    own = items.find_all("li", recursive=False)
    for number, each in enumerate(own, _start(items)):
        each["data-number"] = str(number)
    if any(_wants_room(each) for each in own):
        items["data-loose"] = "1"
        for line in [one for each in own for one in each.find_all("line", recursive=False)]:
            line.name = "p"


def _wants_room(item: Tag) -> bool:
    blocks = [each for each in item.children if isinstance(each, Tag)]
    return any(each.name == "p" or (place and each.name == "line") or (each.name == "ol" and _start(each) != 1)
               or (place and each.name == blocks[place - 1].name == "blockquote") for place, each in enumerate(blocks))


def _is_empty(block: Tag) -> bool:
    return not block.get_text(strip=True) and not block.find(["img", "hr"])


def _start(items: Tag) -> int:
    start = str(items.get("start", "1"))
    return int(start) if re.fullmatch(r"[0-9]{1,9}", start) else 1


# --- signs ------------------------------------------------------------------------------------------------------


def _emphasis(sign: str, tag: str) -> Callable[..., str]:
    def convert(self: _Writer, node: Tag, text: str, parent_tags: set[str]) -> str:
        if "_noformat" in parent_tags or "\n\n" in text or not text.strip():
            return text
        before, after = text[:len(text) - len(text.lstrip())], text[len(text.rstrip()):]
        marked = f"{sign}{text.strip()}{sign}"
        if not self.shows(node, marked, f"<{tag}>{self.parser.renderInline(text.strip())}</{tag}>", before, after):
            marked = f"<{tag}>{text.strip()}</{tag}>"  # as in **so.**that, where no sign would be seen
        return before + marked + after
    return convert


def _plain(node: Tag, text: str) -> str:
    """An element for which Markdown has no sign."""
    given = "".join(f' {name}="{entities.escape(str(value))}"' for name, value in node.attrs.items())
    return f"<{node.name}{given}>{text}</{node.name}>" if text.strip() else text


class _Writer(MarkdownConverter):  # type: ignore[misc]
    """The library's signs where they come back as they went; ours elsewhere."""

    def __init__(self, parser: MarkdownIt) -> None:
        super().__init__(heading_style="atx", newline_style="backslash", strip_document="strip")
        self.parser = parser

    def shows(self, node: Tag, marked: str, wanted: str, before: str, after: str) -> bool:
        """Whether signs mean what they should between what stands before and after them."""
        left, right = before or _neighbour(node.previous_sibling, -1), after or _neighbour(node.next_sibling, 0)
        return None not in (left, right) and self.parser.renderInline(
            f"{left and 'x' * left.isspace()}{left}{marked}{right}{right and 'x' * right.isspace()}").replace(
            "\n", " ").find(wanted.replace("\n", " ")) >= 0

    def process_text(self, el: NavigableString, parent_tags: set[str] | None = None) -> str:
        text = str(super().process_text(el, parent_tags))
        if text.endswith("!") and isinstance(el.next_sibling, Tag) and el.next_sibling.name == "a":
            return text[:-1] + "\\!"
        return text

    def escape(self, text: str, parent_tags: set[str]) -> str:
        text = _INLINE.sub(r"\\\g<0>", text)
        return text.replace("]", "\\]") if "a" in parent_tags else text

    def _block(self, node: Tag, text: str) -> str:
        item = node.parent
        near = item is not None and item.name == "li" and item.parent is not None and not item.parent.get("data-loose")
        apart = "\n" if near else "\n\n"
        return apart + text + apart if text.strip() else ""

    # blocks

    def convert_p(self, node: Tag, text: str, parent_tags: set[str]) -> str:
        text = re.sub(r"(?:\\\n\s*)+$", "", text.strip(" \t\r\n") + "\n").strip()
        if "_inline" in parent_tags:
            return text if node.find_next_sibling() is None else f"{text}<br>"
        return self._block(node, _BEGINNING.sub(r"\1\\", text))

    convert_line = convert_p

    def convert_div(self, node: Tag, text: str, parent_tags: set[str]) -> str:
        return self._block(node, text.strip("\n"))

    def convert_hN(self, n: int, node: Tag, text: str, parent_tags: set[str]) -> str:
        title = " ".join(text.split())
        return self._block(node, f"{'#' * min(n, 4)} " + re.sub(r"(#+)$", r"\\\1", title)) if title else ""

    def convert_raw(self, node: Tag, text: str, parent_tags: set[str]) -> str:
        return self._block(node, node.get_text())

    def convert_hr(self, node: Tag, text: str, parent_tags: set[str]) -> str:
        return self._block(node, "***")

    def convert_pre(self, node: Tag, text: str, parent_tags: set[str]) -> str:
        code = node.get_text().removesuffix("\n")
        fence = "`" * max(3, *(len(each) + 1 for each in re.findall("`+", code)), 3)
        return self._block(node, f"{fence}\n{code}\n{fence}")

    def convert_blockquote(self, node: Tag, text: str, parent_tags: set[str]) -> str:
        lines = text.strip("\n").split("\n")
        return self._block(node, "\n".join(f"> {each}".rstrip() for each in lines)) if text.strip() else ""

    def convert_list(self, node: Tag, text: str, parent_tags: set[str]) -> str:
        return self._block(node, text.strip("\n"))

    convert_ul = convert_ol = convert_list

    def convert_li(self, node: Tag, text: str, parent_tags: set[str]) -> str:
        items = node.parent
        other = items is not None and _is_second(items)
        if items is not None and items.name == "ol":
            bullet = f"{node.get('data-number', '1')}{')' if other else '.'} "
        else:
            bullet = "* " if other else "- "
        inside = re.sub(r"(?m)^(?=.)", " " * len(bullet), text.strip("\n"))[len(bullet):]
        apart = "\n\n" if items is not None and items.get("data-loose") else "\n"
        return f"{apart}{bullet}{inside}{apart}"

    # tables

    def convert_td(self, node: Tag, text: str, parent_tags: set[str]) -> str:
        text = re.sub(r"(?:<br>\s*)+$", "", text.strip())
        return " " + " ".join(text.split()).replace("|", "\\|") + " |"

    convert_th = convert_td

    def convert_tr(self, node: Tag, text: str, parent_tags: set[str]) -> str:
        table, cells = node.find_parent("table"), node.find_all(["td", "th"])
        width = int(str(table["data-width"])) if table else len(cells)
        line = f"|{text.strip(chr(10))}{'  |' * (width - len(cells))}\n"
        if node.get("data-first"):
            signs = [_ALIGN.get(" ".join(map(str, each.get("class") or "")), "---") for each in cells]
            line += f"| {' | '.join(signs + ['---'] * (width - len(cells)))} |\n"
        return line if width else ""

    def convert_table(self, node: Tag, text: str, parent_tags: set[str]) -> str:
        return self._block(node, re.sub(r"\n{2,}", "\n", text).strip("\n"))

    # within a line

    convert_b = convert_strong = _emphasis("**", "strong")
    convert_i = convert_em = _emphasis("*", "em")
    convert_s = _emphasis("~~", "s")

    def convert_br(self, node: Tag, text: str, parent_tags: set[str]) -> str:
        return "<br>" if {"td", "th"} & parent_tags else " " if "_inline" in parent_tags else "\\\n"

    def convert_a(self, node: Tag, text: str, parent_tags: set[str]) -> str:
        address, words = str(node.get("href", "")), " ".join(text.split())
        if not address or not words or "_noformat" in parent_tags:
            return text
        if not node.find(True) and not node.get("title") and node.get_text() in (address, address.removeprefix(
                "mailto:")) and re.fullmatch(r"(?:https?://|mailto:)[^\s<>\\]+", address):
            return f"<{node.get_text()}>"
        before, after = " " * text[:1].isspace(), " " * text[-1:].isspace()
        return f"{before}[{words}]({_address(address)}{_title(node)}){after}"

    def convert_img(self, node: Tag, text: str, parent_tags: set[str]) -> str:
        if not node.get("src"):
            return ""
        if node.get("width") or node.get("height"):
            return str(node)
        words = " ".join(re.sub(r"[\[\]]", r"\\\g<0>", _INLINE.sub(r"\\\g<0>", str(node.get("alt", "")))).replace(
            "\\\\[", "\\[").split())
        return f"![{words}]({_address(str(node['src']))}{_title(node)})"

    def _as_it_is(self, node: Tag, text: str, parent_tags: set[str]) -> str:
        return _plain(node, text)

    convert_sub = convert_sup = convert_u = convert_ins = convert_del = convert_mark = convert_small = _as_it_is
    convert_abbr = _as_it_is

    def convert_kbd(self, node: Tag, text: str, parent_tags: set[str]) -> str:
        return _plain(node, self.escape(text, parent_tags)) if "_noformat" not in parent_tags else text


def _neighbour(node: Any, place: int) -> str | None:
    """The character beside an element; None where signs would run into those of another."""
    if node is None:
        return ""
    if isinstance(node, NavigableString):
        return str(node)[place].replace("\n", " ") if str(node) else ""
    return {"a": "[)", "img": "!)", "code": "``", "br": "  "}.get(node.name, (None, None))[place]


def _is_second(items: Tag) -> bool:
    """Lists that follow each other would be one, unless their signs take turns."""
    number, before = 0, items.find_previous_sibling()
    while before is not None and before.name == items.name:
        number, before = number + 1, before.find_previous_sibling()
    return bool(number % 2)


def _is_beyond(table: Tag) -> bool:
    return table.find(_TOO_MUCH) is not None or table.find(["td", "th"], colspan=True) is not None or table.find(
        ["td", "th"], rowspan=True) is not None


def _one_line(node: Tag) -> str:
    """HTML on one line: a blank one would end it."""
    for each in node.find_all("raw"):
        each.replace_with(BeautifulSoup(each.get_text(), "html.parser"))
    for words in node.find_all(string=True):
        in_code = words.find_parent("pre") is not None
        words.replace_with(words.replace("\n", "\ue000" if in_code else " "))
    return str(node).replace("\ue000", "&#10;")


def _address(address: str) -> str:
    address = re.sub(r"&(?=#?\w+;)", "&amp;", address.replace("\\", "%5C").replace("<", "%3C").replace(">", "%3E"))
    return f"<{address}>" if re.search(r"[\s()]", address) else address


def _title(node: Tag) -> str:
    title = re.sub(r'["\\&]', r"\\\g<0>", " ".join(str(node.get("title", "")).split()))
    return f' "{title}"' if title else ""
