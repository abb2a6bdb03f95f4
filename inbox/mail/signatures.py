"""Where a signature, a device line ("Sent from my iPhone") or a legal notice begins. They are folded, never deleted.

All of them stand at the end of what a person wrote, so the search goes upwards from there and stops at the first
line that is none. Each step looks at a bounded number of lines; when in doubt, a line stays visible.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from functools import lru_cache

from inbox.mail import signature_words as words

_MAX_LINE = 400
_MAX_PARAGRAPH = 6000
_TAIL = 16  # filled lines of a signature below "--"
_LONG = 100  # a line of a signature is shorter, but for one or two
_LIST_FOOTER = 8
_PARAGRAPH = 40  # lines
_NOTICES = 60  # paragraphs of legal notices


def banner(lines: Sequence[str]) -> int:
    """How many lines at the top are a warning of the customer's mail server ("CAUTION: … outside …")."""
    at = 0
    while at < len(lines) and not lines[at].strip():
        at += 1
    end = at
    while end < len(lines) and lines[end].strip() and end - at < 4:
        end += 1
    paragraph = " ".join(line.strip() for line in lines[at:end])[:_MAX_PARAGRAPH]
    one_paragraph = end < len(lines) and not lines[end].strip()
    return end if end - at < 4 and one_paragraph and words.BANNER.match(paragraph[:_MAX_LINE]) else 0


def start_of(lines: Sequence[str], start: int, stop: int, signed: Collection[int] = ()) -> int:
    """The first line of what closes ``lines[start:stop]``: signature, device line, notices. ``stop`` if nothing does.

    ``signed`` are the lines that markup calls a signature.
    """
    begin = stop
    for _ in range(6):
        before = begin
        for step in (_device, _marked(signed), _notices, _list_footer, _delimited):
            begin = step(lines, start, begin)
        if begin == before:
            break
    return begin


def _last_filled(lines: Sequence[str], start: int, stop: int) -> int:
    """Index of the last line with text, -1 if there is none."""
    return next((i for i in range(stop - 1, start - 1, -1) if lines[i].strip()), -1)


def _device(lines: Sequence[str], start: int, stop: int) -> int:
    last = _last_filled(lines, start, stop)
    return last if last >= 0 and is_device_line(lines[last]) else stop


def is_device_line(line: str) -> bool:
    """ "Sent from my iPhone", "Get Outlook for Android" and the like, and nothing else on the line."""
    if len(line) > _MAX_LINE:
        return False
    text = words.LINK.sub("", line.strip().replace("\xa0", " ")).strip()
    if len(text.split()) > words.DEVICE_WORDS or not words.DEVICE.match(text):
        return False
    return text != line.strip() or bool(words.DEVICE_THING.search(text) or words.DEVICE_OWNER.search(text))


def _marked(signed: Collection[int]) -> Callable[[Sequence[str], int, int], int]:
    """Lines inside an element that is called a signature, if nothing of the writer's stands below them."""
    def step(lines: Sequence[str], start: int, stop: int) -> int:
        at = _last_filled(lines, start, stop)
        if at < 0 or at not in signed:
            return stop
        while at - 1 >= start and (at - 1 in signed or not lines[at - 1].strip()):
            at -= 1
        while not lines[at].strip():
            at += 1
        return at
    return step


def _delimited(lines: Sequence[str], start: int, stop: int) -> int:
    """From a line "--" on, if what follows is as short as a signature."""
    filled = long = 0
    begin = stop
    for at in range(stop - 1, start - 1, -1):
        line = lines[at]
        if not line.strip():
            continue
        if words.DELIMITER.match(line[:8]) and len(line) <= 8:
            begin = at
            continue
        filled += 1
        long += len(line) > _LONG
        if filled > _TAIL or long > 2:
            break
    return begin


def _notices(lines: Sequence[str], start: int, stop: int) -> int:
    """Paragraphs of legal notices and the rules between them, from below."""
    begin, end = stop, stop
    for _ in range(_NOTICES):
        last = _last_filled(lines, start, end)
        if last < 0:
            break
        first = last
        while first > start and lines[first - 1].strip() and last - first < _PARAGRAPH:
            first -= 1
        while first < last and words.RULE.match(lines[first][:_MAX_LINE]):
            first += 1
        paragraph = [line[:_MAX_PARAGRAPH].strip() for line in lines[first : last + 1]]
        if not _is_notice(paragraph):
            # Where every line is a paragraph, the notice may be the last line of this one.
            first, paragraph = last, paragraph[-1:]
            if not _is_notice(paragraph):
                break
        if not words.RULE.match(paragraph[0][:_MAX_LINE]):
            begin = first
        end = first
    return _with_rules(lines, start, begin) if begin < stop else stop


def _with_rules(lines: Sequence[str], start: int, begin: int) -> int:
    above = _last_filled(lines, start, begin)
    return above if above >= 0 and words.RULE.match(lines[above].strip()[:_MAX_LINE]) else begin


def _is_notice(paragraph: Sequence[str]) -> bool:
    return _reads_like_notice(" ".join(paragraph)[:_MAX_PARAGRAPH])


@lru_cache(maxsize=64)  # the same paragraph stands in the plain text and in the HTML of a message
def _reads_like_notice(text: str) -> bool:
    if words.RULE.match(text[:_MAX_LINE]) and len(text) <= _MAX_LINE:
        return True
    title = words.LEGAL_TITLE.match(text[:_MAX_LINE])
    if title and (len(text) - title.end() < 4 or _terms(text) >= 2):
        return True
    if words.STOCK.search(text):
        return len(text) < 800 and not words.OWN_WORDS.search(text)
    wide = sum(ord(c) > 0x0E00 for c in text[:200])
    if len(text) < (30 if wide > 20 else 80) or words.OWN_WORDS.search(text) or "?" in text or "？" in text:
        return False
    # Customers ask to delete confidential data and complain of parcels that reached the wrong addressee by mistake.
    # The rarer patterns are looked for first: each takes a tenth of a millisecond for a long paragraph.
    return bool(words.MESSAGE.search(text) and words.ADDRESSEE.search(text)) and _terms(text) >= 3


def _terms(text: str) -> int:
    return sum(bool(pattern.search(text)) for pattern in words.LEGAL)


def _list_footer(lines: Sequence[str], start: int, stop: int) -> int:
    """What a mailing list hangs below: a rule of underscores or dashes, then how to leave."""
    filled = 0
    for at in range(stop - 1, start - 1, -1):
        line = lines[at].strip()
        if not line:
            continue
        if (words.RULE.match(line[:_MAX_LINE]) or line in ("__", "_")) and filled:
            below = " ".join(lines[at + 1 : stop])[:_MAX_PARAGRAPH]
            return at if words.LIST_FOOTER.search(below) else stop
        filled += 1
        if filled > _LIST_FOOTER:
            break
    return stop
