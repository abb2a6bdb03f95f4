"""Old text that a reply carries along, told apart from the new. Nothing is deleted: it is folded.

A wrong cut costs a click, a lost line costs a customer's words: when in doubt, text stays visible. Answers
written between quoted lines keep the whole text visible, and so does a forward.

Every pattern looks at one line of at most 400 characters, and a line is looked at a fixed number of times,
so the work grows with the text and no faster.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from inbox.mail import html_lines
from inbox.mail import quote_words as words

MAX_LINES = 20_000
_MAX_LINE = 400
_QUOTED = re.compile(r"\s{0,3}(?:>(?!From )|&gt;|＞)")
_FOOTER = re.compile(r"^(?:[-_]{2,}\s*$|--\s?$|_{4,})")
_ADDRESS = re.compile(r"[^\s@<>]{1,64}@[^\s@<>]{1,64}")


@dataclass(frozen=True, slots=True)
class Cut:
    """Where old text begins: index of the first line of its heading, of the first line after it."""

    start: int
    after: int
    certain: bool  # False: an attribution that counts only if quoted lines follow


def is_forward_subject(subject: str) -> bool:
    """True for "Fwd: …" in the languages of quote_words, unless it is a reply to a forward."""
    return bool(words.FORWARD_SUBJECT.match(subject)) and not words.REPLY_SUBJECT.match(subject)


def split_quoted(text: str, forwarded: bool = False) -> tuple[str, str]:
    """(visible, quoted) of a plain text. Every line is in exactly one of them, in its order.

    ``forwarded`` says that the subject calls the message a forward: then headings that Outlook writes for
    replies and forwards alike do not cut.
    """
    lines = text.splitlines(keepends=True)
    if len(lines) > MAX_LINES or forwarded:
        return text, ""
    bare = [line.rstrip("\r\n") for line in lines]
    quoted = _quoted_lines(bare, [bool(_QUOTED.match(line)) for line in bare], set())
    if not quoted:
        return text, ""
    visible = "".join(line for i, line in enumerate(lines) if i not in quoted)
    if not visible.strip():
        return text, ""
    return visible, "".join(line for i, line in enumerate(lines) if i in quoted)


def _quoted_lines(lines: list[str], marked: list[bool], headings: set[int]) -> range | None:
    """The one stretch of lines to fold, or None. ``headings``: lines that markup calls a heading."""
    cut = find_cut(lines, marked, headings)
    if cut is None:
        return None
    if cut.start < 0:
        return _without_heading(lines, marked)
    tail = [i for i in range(cut.after, len(lines)) if lines[i].strip()]
    if not tail or not marked[tail[0]]:
        return range(cut.start, len(lines)) if cut.certain else _without_heading(lines, marked)
    return _under_heading(lines, marked, cut.start, tail)


def _under_heading(lines: list[str], marked: list[bool], start: int, tail: list[int]) -> range | None:
    """Old text marked with > below its heading: all of it, unless answers stand between."""
    last = max(i for i in tail if marked[i])
    between = [i for i in tail if i < last and not marked[i]]
    if any(not _is_wrapped(lines, marked, i) for i in between):
        return None
    after = [i for i in tail if i > last]
    if after and not _is_footer(lines, after):
        return range(start, last + 1)
    return range(start, len(lines))


def _is_wrapped(lines: list[str], marked: list[bool], i: int) -> bool:
    """A line without > that a mail program broke off the quoted line above it, or a nested attribution."""
    above, below = marked[i - 1], i + 1 < len(lines) and marked[i + 1]
    if above and below and len(lines[i - 1]) >= 60 and len(lines[i]) < 40:
        return True
    return bool(words.WROTE.search(lines[i][:_MAX_LINE]) and words.ENDS.search(lines[i][:_MAX_LINE]))


def _is_footer(lines: list[str], after: list[int]) -> bool:
    """What a mailing list hangs below everything: a rule and a few lines."""
    return bool(_FOOTER.match(lines[after[0]])) and len(after) <= 8


def _without_heading(lines: list[str], marked: list[bool]) -> range | None:
    """One block of > lines at the end or at the beginning, with no heading that was recognised."""
    filled = [i for i, line in enumerate(lines) if line.strip()]
    quoted = [i for i in filled if marked[i]]
    if not quoted or len(quoted) == len(filled):
        return None
    first, last = quoted[0], quoted[-1]
    if any(first < i < last and not marked[i] and not _is_wrapped(lines, marked, i) for i in filled):
        return None
    after = [i for i in filled if i > last]
    if not after or _is_footer(lines, after):
        return range(first, len(lines))
    if first == filled[0]:
        return range(first, last + 1)
    return None


def find_cut(lines: list[str], marked: list[bool], headings: set[int]) -> Cut | None:
    """The first heading of old text; Cut(-1, …) if only > marks tell; None if it is a forward or all new."""
    seen_marked = False
    for i, line in enumerate(lines):
        if not line.strip() or len(line) > _MAX_LINE or (marked[i] and seen_marked):
            continue
        text = line.strip().replace("\xa0", " ")
        if marked[i]:
            seen_marked = True
            if words.FORWARDED.match(text.lstrip("> ")):
                return None
            continue
        if words.FORWARDED.match(text):
            return None  # a forward is what the customer wants us to read
        if words.ORIGINAL.match(text):
            return Cut(_with_rule(lines, i), _after_fields(lines, i + 1), True)
        rule = _with_rule(lines, i)
        field_end = _field_block(lines, i, introduced=rule < i)
        if field_end:
            return Cut(rule, field_end, True)
        cut = _attribution(lines, marked, i)
        if cut:
            return cut
        if i in headings:
            return Cut(i, i + 1, True)
    return Cut(-1, -1, False) if any(marked) else None


def _with_rule(lines: list[str], i: int) -> int:
    """Takes the line of underscores or dashes above a heading along."""
    above = i - 1
    while above >= 0 and above >= i - 2 and not lines[above].strip():
        above -= 1
    return above if above >= 0 and words.RULE.match(lines[above].strip()) else i


def _kind(line: str) -> str | None:
    found = words.FIELD.match(line[:80].replace("\xa0", " "))
    return words.FIELDS.get(found.group(1).strip().casefold()) if found else None


def _field_block(lines: list[str], i: int, introduced: bool = False) -> int | None:
    """The line after a block From/Sent/To/Subject that begins at ``i``; None if there is none.

    A traveller's "From: Oslo, To: Bergen, Date: …" is no such block: an address or a subject must be there. Nor
    is a web form's "From: …, Subject: …, Message: …": without To it counts only below a rule (``introduced``).
    """
    if _kind(lines[i]) not in ("from", "date", "subject", "to"):
        return None
    kinds, at, blanks, plain = set(), i, 0, 0
    end, address = i, False
    while at < len(lines) and at < i + 14 and blanks < 2 and plain < 3:
        line = lines[at]
        kind = _kind(line)
        if not line.strip():
            blanks += 1
        elif kind:
            kinds.add(kind)
            end, blanks, plain = at + 1, 0, 0
            address = address or bool(kind in ("from", "to") and _ADDRESS.search(line[:_MAX_LINE]))
        elif blanks:
            break
        else:
            plain += 1
        at += 1
    if "from" not in kinds or len(kinds & {"date", "to", "subject"}) < 2:
        return None
    if "to" not in kinds and not introduced:
        return None
    return end if address or {"date", "subject"} <= kinds else None


def _after_fields(lines: list[str], i: int) -> int:
    """Skips the fields that may follow "-----Original Message-----"."""
    while i < len(lines) and not lines[i].strip():
        i += 1
    return _field_block(lines, i, introduced=True) or i if i < len(lines) else i


def _attribution(lines: list[str], marked: list[bool], i: int) -> Cut | None:
    """"On … wrote:" that ends on line ``i`` and may have begun up to three lines above."""
    line = lines[i].strip()
    wrapped = i + 1 < len(lines) and lines[i + 1].strip() == ">:"
    if not (words.ENDS.search(line) or words.ENDS_WROTE.search(line) or wrapped):
        return None
    joined, start = "", i
    for start in range(i, max(-1, i - 4), -1):
        part = lines[start].strip()
        if not part or marked[start] or len(joined) + len(part) > _MAX_LINE:
            return _judge(lines, joined, start + 1, i) if joined else None
        joined = f"{part} {joined}" if joined else part
        cut = _judge(lines, joined, start, i)
        if cut and cut.certain:
            return cut
    return _judge(lines, line, i, i)


def _judge(lines: list[str], text: str, start: int, end: int) -> Cut | None:
    """Is this an attribution, and is it one even if no > follows?"""
    wrote = words.WROTE.search(text)
    address, date = _ADDRESS.search(text), words.DATE.search(text)
    time = words.TIME.search(text)
    first = min((m.start() for m in (wrote, address, date, time) if m), default=0)
    if words.SENTENCE.search(text[: max(first, 0)]) or first > 100:
        return None
    if wrote and _is_first_person(text, wrote):
        return None
    bracketed = address and time and words.ENDS_ADDRESS.search(text)  # Russian and Japanese have no verb
    certain = bool(date and ((wrote and (address or time)) or bracketed))
    if not certain and not wrote:
        return None
    if start > 0 and lines[start - 1].strip().casefold() in words.STARTERS:
        start -= 1
    if end + 1 < len(lines) and lines[end + 1].strip() == ">:":
        end += 1  # the end of an address that was wrapped before its bracket
    return Cut(start, end + 1, certain)


def _is_first_person(text: str, wrote: re.Match[str]) -> bool:
    """ "On 3 March at 10:00 I wrote to you:" is the customer's own sentence."""
    before = text[: wrote.start()].split()[-1:]
    after = text[wrote.end() :].split()[:1]
    return any(word.casefold() in words.FIRST_PERSON for word in before + after)


def split_quoted_html(html: str, forwarded: bool = False) -> tuple[str, str | None]:
    """(visible, quoted or None) of HTML that ``sanitise`` made (it must be regular).

    The lines of the HTML are judged like plain text; those inside a quoting element count as marked with >.
    Both parts are closed and opened again where they were cut, so each is well formed by itself.
    """
    if forwarded or not html:
        return html, None
    page = html_lines.read(html)
    if len(page.lines) > MAX_LINES:
        return html, None
    texts = [line.text for line in page.lines]
    quoted = _quoted_lines(texts, [line.quoted for line in page.lines],
                           {i for i, line in enumerate(page.lines) if line.heading})
    if not quoted:
        return html, None
    rest = texts[: quoted.start] + texts[quoted.stop :]
    if not any(text.strip() for text in rest) and not page.has_image_outside(quoted):
        return html, None
    return page.cut(quoted)
