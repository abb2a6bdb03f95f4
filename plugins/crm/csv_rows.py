"""Reads CSV files as they come: any usual encoding and separator; a broken row costs itself, not those after it."""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections import deque
from collections.abc import Iterator
from typing import BinaryIO

SEPARATORS = ",;\t|"
MOST_LINES = 50  # that one row may go over, in cells with line breaks
MOST_CHARACTERS = 100_000  # of one row
_FORMULA = re.compile("'*[=+\\-@\t\r]")  # what a spreadsheet would run, or what we made text of
_AS_TEXT = re.compile("'+[=+\\-@\t\r]")

N_ = str  # marks words for the catalogues; they are translated when somebody reads them
Row = tuple[int, list[str], str]  # the line it begins on, its cells, what is wrong with it


def read(file: BinaryIO) -> Iterator[Row]:
    """Every row that is not empty, the heading first."""
    encoding = _encoding(file)
    lines = _Lines(io.TextIOWrapper(file, encoding, errors="replace", newline=""))
    separator = _separator(lines.first())
    while (start := lines.next()) is not None:
        number, text = start
        if text.strip(" \t\r\n" + separator):
            yield _row(number, text, lines, separator)


def _encoding(file: BinaryIO) -> str:
    """UTF-8 or UTF-16 by its mark, UTF-8 when all of it is, else what Windows wrote in Western Europe."""
    mark = file.read(4)
    file.seek(0)
    if mark.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        while block := file.read(1 << 16):
            decoder.decode(block)
        decoder.decode(b"", final=True)
        return "utf-8-sig"
    except UnicodeDecodeError:
        return "cp1252"
    finally:
        file.seek(0)


def _separator(heading: str) -> str:
    return max(SEPARATORS, key=heading.count)


class _Lines:
    """Lines with their numbers, which can be given back."""

    def __init__(self, file: io.TextIOWrapper) -> None:
        self._file = file
        self._waiting: deque[tuple[int, str]] = deque()
        self._number = 0

    def first(self) -> str:
        found = self.next()
        if found is None:
            return ""
        self._waiting.append(found)
        return found[1]

    def next(self) -> tuple[int, str] | None:
        if self._waiting:
            return self._waiting.popleft()
        text = self._file.readline(MOST_CHARACTERS)
        self._number += 1
        return (self._number, text.replace("\0", "")) if text else None

    def give_back(self, lines: list[tuple[int, str]]) -> None:
        self._waiting.extendleft(reversed(lines))


def _row(number: int, text: str, lines: _Lines, separator: str) -> Row:
    """A row from its first line on. One whose quotation mark nobody closes is that line alone."""
    first, more = text, []
    while True:
        try:
            cells = next(csv.reader([text], delimiter=separator, strict=True), [])
            return number, [_as_meant(each.strip()) for each in cells], ""
        except csv.Error as error:
            following = lines.next() if "unexpected end" in str(error) and len(more) < MOST_LINES and (
                len(text) < MOST_CHARACTERS) else None
            if following is None:
                lines.give_back(more)
                wrong = N_("A quotation mark is not closed.") if "unexpected end" in str(error) else (
                    N_("After a closing quotation mark there is something else than a separator."))
                return number, [first.strip()[:1000]], wrong
            more.append(following)
            text += following[1]


def line(cells: list[str]) -> str:
    """A row to be written. What a spreadsheet would take for a formula is made plain text."""
    out = io.StringIO()
    csv.writer(out).writerow([_plain(each) for each in cells])
    return out.getvalue()


def _plain(cell: str) -> str:
    is_number = cell.lstrip("+-").replace(".", "", 1).replace(",", "", 1).isdecimal()
    return f"'{cell}" if _FORMULA.match(cell) and not is_number else cell


def _as_meant(cell: str) -> str:
    """The other way round: without the mark that made text of it."""
    return cell[1:] if _AS_TEXT.match(cell) else cell
