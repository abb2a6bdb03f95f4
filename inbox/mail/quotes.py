"""Old text and signatures that a reply carries along, told apart from the new. Nothing is deleted: it is folded.

A wrong cut costs a click, a lost line costs a customer's words: when in doubt, text stays visible. Answers
written between quoted lines stay visible with what they answer, and so does a forward.

Every pattern looks at one line of at most 400 characters, and a line is looked at a fixed number of times,
so the work grows with the text and no faster.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from inbox.mail import html_lines, signatures
from inbox.mail import quote_words as words
from inbox.mail.quote_heads import MAX_LINE, Cut, find_cut
from inbox.mail.signature_words import DELIMITER

MAX_LINES = 20_000
_QUOTED = re.compile(r"\s{0,3}(?:>(?!From )|&gt;|＞)")
_FOOTER = re.compile(r"^(?:[-_]{2,}\s*$|_{4,})")  # what a mailing list hangs below everything: a rule and a few lines


class Parts(NamedTuple):
    """A text or HTML taken apart: every line is in exactly one part, in its order."""

    visible: str
    quoted: str
    signature: str


@dataclass(slots=True)
class Folds:
    """Which stretches of lines are old text and which are signatures; the two never overlap."""

    quoted: list[range] = field(default_factory=list)
    signed: list[range] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.quoted or self.signed)

    def hidden(self) -> set[int]:
        """All folded lines."""
        return {i for stretch in self.quoted + self.signed for i in stretch}


def is_forward_subject(subject: str) -> bool:
    """True for "Fwd: …" in the languages of quote_words, unless it is a reply to a forward."""
    return bool(words.FORWARD_SUBJECT.match(subject)) and not words.REPLY_SUBJECT.match(subject)


def split_text(text: str, forwarded: bool = False) -> Parts:
    """The parts of a plain text.

    ``forwarded`` says that the subject calls the message a forward: then headings that Outlook writes for
    replies and forwards alike do not cut.
    """
    lines = text.splitlines(keepends=True)
    if len(lines) > MAX_LINES:
        return Parts(text, "", "")
    bare = [line.rstrip("\r\n") for line in lines]
    found = _find(bare, [bool(_QUOTED.match(line)) for line in bare], set(), set(), forwarded)
    if not found:
        return Parts(text, "", "")
    hidden = found.hidden()
    return Parts("".join(line for i, line in enumerate(lines) if i not in hidden),
                 "".join(line for stretch in found.quoted for line in lines[stretch.start : stretch.stop]),
                 "".join(line for stretch in found.signed for line in lines[stretch.start : stretch.stop]))


def split_html(html: str, forwarded: bool = False) -> Parts:
    """The parts of HTML that ``sanitise`` made (it must be regular).

    The lines of the HTML are judged like plain text; those inside a quoting element count as marked with >.
    All parts are closed and opened again where they were cut, so each is well formed by itself.
    """
    if not html:
        return Parts(html, "", "")
    page = html_lines.read(html)
    if len(page.lines) > MAX_LINES:
        return Parts(html, "", "")
    found = _find([line.text for line in page.lines], [line.quoted for line in page.lines],
                  {i for i, line in enumerate(page.lines) if line.heading},
                  {i for i, line in enumerate(page.lines) if line.signature}, forwarded, page)
    if not found:
        return Parts(html, "", "")
    pieces = page.cut([(stretch, "quoted") for stretch in found.quoted]
                      + [(stretch, "signature") for stretch in found.signed])
    return Parts(pieces["visible"], pieces["quoted"], pieces["signature"])


def _find(lines: list[str], marked: list[bool], headings: set[int], signed: set[int], forwarded: bool,
          page: html_lines.Page | None = None) -> Folds:
    """What to fold. Something is always left to see: where only old text came, it stays."""
    if forwarded:
        return Folds()
    cut = find_cut(lines, marked, headings)
    found = Folds(_quoted_lines(lines, marked, cut) if cut else [])
    if found.quoted and (not _shows(lines, found, page) or _answers_below(lines, marked, found)):
        found = Folds()
    own = cut.start if cut and cut.forward else len(lines)
    found.signed = _signed_lines(lines[:own], marked, signed, found.quoted)
    if found.signed and not _shows(lines, found, page):
        found.signed = []
    return found


def _shows(lines: Sequence[str], found: Folds, page: html_lines.Page | None) -> bool:
    hidden = found.hidden()
    return any(line.strip() for i, line in enumerate(lines) if i not in hidden) or bool(
        page and page.has_image_outside(found.quoted + found.signed))


def _answers_below(lines: Sequence[str], marked: Sequence[bool], found: Folds) -> bool:
    """ "See my answers below", and below stands old text without marks, as Outlook leaves it: they may be there."""
    last = found.quoted[-1]
    if last.stop < len(lines) or any(marked[i] for i in last):
        return False
    own = " ".join(line.strip() for i, line in enumerate(lines[: last.start]) if i >= last.start - 60)[-4000:]
    return bool(words.BELOW.search(own))


def _signed_lines(lines: list[str], marked: list[bool], signed: Collection[int], quoted: list[range]) -> list[range]:
    """What closes each stretch of the writer's own lines, and a mail server's warning above them."""
    found = []
    at = 0
    for stretch in [*quoted, range(len(lines), len(lines))]:
        start = at
        if start == 0:
            start = signatures.banner(lines[: stretch.start])
            if start:
                found.append(range(0, start))
        for i in range(stretch.start - 1, start - 1, -1):
            if marked[i]:
                start = i + 1
                break
        begin = signatures.start_of(lines, start, stretch.start, signed)
        if begin < stretch.start:
            found.append(range(begin, stretch.start))
        at = stretch.stop
    return found


def _quoted_lines(lines: list[str], marked: list[bool], cut: Cut) -> list[range]:
    """The stretches of lines that are old text, by the first heading of such."""
    if cut.forward:
        return []
    if cut.start < 0:
        return _without_heading(lines, marked)
    tail = [i for i in range(cut.after, len(lines)) if lines[i].strip()]
    if not tail or not marked[tail[0]]:
        return [range(cut.start, len(lines))] if cut.certain else _without_heading(lines, marked)
    return _under_heading(lines, marked, cut, tail)


def _under_heading(lines: list[str], marked: list[bool], cut: Cut, tail: list[int]) -> list[range]:
    """Old text marked with > below its heading: all of it, or what stands below the last answer in between."""
    last = max(i for i in tail if marked[i])
    between = [i for i in tail if i < last and not marked[i] and not _is_wrapped(lines, marked, i)]
    after = [i for i in tail if i > last]
    start = _below(lines, between[-1]) if between else cut.start
    stop = _stop(lines, after, last)
    if stop is None:  # the writer's own words stand below all of it
        return [] if between else [range(start, last + 1)]
    return [range(start, stop)]


def _stop(lines: Sequence[str], after: Sequence[int], last: int) -> int | None:
    """Where old text that ends on line ``last`` stops, footers taken along; None if the writer goes on below it."""
    if not after:
        return len(lines)
    if DELIMITER.match(lines[after[0]][:8].rstrip()):
        return last + 1  # a signature
    return len(lines) if _FOOTER.match(lines[after[0]]) and len(after) <= 8 else None


def _below(lines: Sequence[str], answer: int) -> int:
    """The first line with text below the last answer."""
    return next(i for i in range(answer + 1, len(lines)) if lines[i].strip())


def _is_wrapped(lines: list[str], marked: list[bool], i: int) -> bool:
    """A line without > that a mail program broke off the quoted line above it, or a nested attribution."""
    above, below = marked[i - 1], i + 1 < len(lines) and marked[i + 1]
    line = lines[i][:MAX_LINE]
    if above and below and len(lines[i - 1]) >= 60 and (len(line) < 40 or (len(line) < 80 and line[:1].islower())):
        return True
    return bool(words.WROTE.search(line) and words.ENDS.search(line))


def _without_heading(lines: list[str], marked: list[bool]) -> list[range]:
    """One block of > lines at the end or at the beginning, with no heading that was recognised."""
    filled = [i for i, line in enumerate(lines) if line.strip()]
    quoted = [i for i in filled if marked[i]]
    if not quoted or len(quoted) == len(filled):
        return []
    first, last = quoted[0], quoted[-1]
    between = [i for i in filled if first < i < last and not marked[i] and not _is_wrapped(lines, marked, i)]
    after = [i for i in filled if i > last]
    stop = _stop(lines, after, last)
    if stop is not None:
        return [range(_below(lines, between[-1]) if between else first, stop)]
    if first == filled[0] and not between:
        return [range(first, last + 1)]
    return []


def like(text: str, model: Parts) -> Parts | None:
    """``text`` cut where another form of the same message (its HTML) was cut; None where the place is not found.

    The ends of the parts are looked for, with blanks and punctuation left out, since the two forms differ in those.
    """
    lines = text.splitlines(keepends=True)
    if len(lines) > MAX_LINES or not model.visible.strip():
        return None
    tight = [_tight(line) for line in lines]
    order = sorted(("quoted", "signature"), key=lambda kind: kind == "quoted")  # the signature stands first
    stops, at = {}, len(lines)
    for kind in reversed(order):
        part = getattr(model, kind)
        begin = _begin_of(tight, _tight(part), at) if part.strip() else at
        if begin is None:
            return None
        stops[kind] = range(begin, at)
        at = begin
    if not "".join(tight[:at]).endswith(_tight(model.visible)[-40:]):
        return None
    cut = {kind: "".join(lines[i] for i in stretch) for kind, stretch in stops.items()}
    return Parts("".join(lines[:at]), cut["quoted"], cut["signature"])


def _tight(text: str) -> str:
    return re.sub(r"[\W_]+", "", text.replace("mailto:", ""))


def _begin_of(tight: Sequence[str], part: str, stop: int) -> int | None:
    """The line on which a part that reaches to line ``stop`` begins: by its first words and its length."""
    head = part[:24]
    length = 0
    found = None
    for i in range(stop - 1, -1, -1):
        length += len(tight[i])
        if tight[i] and length * 2 >= len(part) and "".join(tight[i : min(stop, i + 12)]).startswith(head):
            found = i
        if length > len(part) * 2 + 200:
            break
    return found
