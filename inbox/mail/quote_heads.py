"""Where old text begins: attributions, header blocks and rules of many mail programs, in many languages.

Every pattern looks at one line of at most 400 characters, and a line is looked at a fixed number of times.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from inbox.mail import quote_words as words

MAX_LINE = 400
_ADDRESS = re.compile(r"[^\s@<>]{1,64}@[^\s@<>]{1,64}")
_HEADING = re.compile(r"[:：@\d]|[-_]{3}")


@dataclass(frozen=True, slots=True)
class Cut:
    """Where old text begins: index of the first line of its heading, of the first line after it."""

    start: int
    after: int
    certain: bool  # False: an attribution that counts only if quoted lines follow
    forward: bool = False  # a message passed on: what the customer wants us to read, so nothing below is folded


def find_cut(lines: list[str], marked: list[bool], headings: set[int]) -> Cut | None:
    """The first heading of old text or of a forward; Cut(-1, …) if only > marks tell; None if all is new."""
    seen_marked = False
    for i, line in enumerate(lines):
        if not line.strip() or len(line) > MAX_LINE or (marked[i] and seen_marked):
            continue
        text = line.strip().replace("\xa0", " ")
        if marked[i]:
            seen_marked = True
            if words.FORWARDED.match(text.lstrip("> ")):
                return Cut(i, i + 1, False, forward=True)
            continue
        if words.FORWARDED.match(text):
            return Cut(i, i + 1, False, forward=True)
        if words.ORIGINAL.match(text) or words.REPLY_ABOVE.search(text[:120]):
            return Cut(_with_rule(lines, i), _after_fields(lines, i + 1), True)
        rule = _with_rule(lines, i)
        field_end = _field_block(lines, i, introduced=rule < i)
        if field_end:
            return Cut(_with_lead(lines, rule), field_end, True)
        cut = attribution(lines, marked, i)
        if cut:
            return cut
        if i in headings and _HEADING.search(text):
            return Cut(i, i + 1, True)
    return Cut(-1, -1, False) if any(marked) else None


def _with_rule(lines: list[str], i: int) -> int:
    """Takes the line of underscores or dashes above a heading along."""
    above = i - 1
    while above >= 0 and above >= i - 2 and not lines[above].strip():
        above -= 1
    return above if above >= 0 and words.RULE.match(lines[above].strip()) else i


def _with_lead(lines: list[str], i: int) -> int:
    """Takes "Message du 3/03/2026 10:00" and its like above a block of fields along."""
    above = i - 1
    while above >= 0 and above >= i - 2 and not lines[above].strip():
        above -= 1
    return _with_rule(lines, above) if above >= 0 and words.LEAD.match(lines[above][:MAX_LINE]) else i


def field_kind(line: str) -> str | None:
    """from, date, to, subject or cc, if the line begins with that word of a header and a colon, in any language."""
    return _kind_of(line[:80])


@lru_cache(maxsize=64)  # a line is asked about by each of the fourteen above it
def _kind_of(head: str) -> str | None:
    found = words.FIELD.match(head.replace("\xa0", " "))
    return words.FIELDS.get(found.group(1).strip().casefold()) if found else None


def _field_block(lines: list[str], i: int, introduced: bool = False) -> int | None:
    """The line after a block From/Sent/To/Subject that begins at ``i``; None if there is none.

    A traveller's "From: Oslo, To: Bergen, Date: …" is no such block: an address or a subject must be there. Nor
    is a web form's "From: …, Subject: …, Message: …": without To it counts only below a rule (``introduced``).
    """
    if field_kind(lines[i]) not in ("from", "date", "subject", "to"):
        return None
    kinds, at, blanks, plain = set(), i, 0, 0
    end, address = i, False
    while at < len(lines) and at < i + 14 and blanks < 2 and plain < 3:
        line = lines[at]
        kind = field_kind(line)
        if not line.strip():
            blanks += 1
        elif kind:
            kinds.add(kind)
            end, blanks, plain = at + 1, 0, 0
            address = address or bool(kind in ("from", "to") and _ADDRESS.search(line[:MAX_LINE]))
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


def attribution(lines: list[str], marked: list[bool], i: int) -> Cut | None:
    """ "On … wrote:" that ends on line ``i`` and may have begun up to three lines above."""
    line = lines[i].strip()
    framed = words.FRAMED.match(line)
    if framed:  # ---- On Wed, 24 Feb 2026 14:02:50 +0530 a@b.example wrote ----
        return _judge(lines, framed.group(1) + ":", i, i)
    wrapped = i + 1 < len(lines) and lines[i + 1].strip() == ">:"
    if not (words.ENDS.search(line) or words.ENDS_WROTE.search(line) or wrapped):
        return None
    joined, start = "", i
    for start in range(i, max(-1, i - 4), -1):
        part = lines[start].strip()
        if not part or marked[start] or len(joined) + len(part) > MAX_LINE:
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
