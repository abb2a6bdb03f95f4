"""Bytes to text: which charset names are believed, and what happens when they lie.

A mail's charset is a claim by its sender. The names reach Python's codec registry, which also knows
``zlib``, ``rot13`` and ``unicode_escape``, so only names from an allow list are looked up. Decoding here
degrades and never raises.
"""

from __future__ import annotations

import codecs
import re
from functools import lru_cache

# What mail calls it -> the Python codec that reads it best. A vendor's superset is taken where mail in
# the wild uses the vendor's characters under the standard's name (as browsers do).
_ALIASES = {
    "us-ascii": "cp1252", "ascii": "cp1252", "ansi_x3.4-1968": "cp1252", "646": "cp1252",
    "iso-8859-1": "cp1252", "iso8859-1": "cp1252", "iso_8859-1": "cp1252", "latin1": "cp1252",
    "latin-1": "cp1252", "l1": "cp1252", "windows-1252": "cp1252", "ansi": "cp1252", "8859-1": "cp1252",
    "utf8": "utf-8", "unicode-1-1-utf-8": "utf-8", "utf-8-sig": "utf-8", "utf8mb4": "utf-8",
    "utf-7": "utf-7", "unicode-1-1-utf-7": "utf-7", "utf7": "utf-7",
    "utf-16": "utf-16", "utf-16le": "utf-16-le", "utf-16be": "utf-16-be", "utf-32": "utf-32",
    "ucs-2": "utf-16", "iso-10646-ucs-2": "utf-16", "unicode": "utf-16",
    "windows-874": "cp874", "tis-620": "cp874", "tis620": "cp874", "iso-8859-11": "cp874",
    "iso-8859-8-i": "cp1255", "iso-8859-8-e": "cp1255", "iso-8859-8": "cp1255", "visual": "cp1255",
    "iso-8859-9": "cp1254", "iso-8859-6-i": "iso8859-6", "iso-8859-6-e": "iso8859-6",
    "gb2312": "gb18030", "iso-gb2312": "gb18030", "x-gb2312": "gb18030", "gbk": "gb18030",
    "cp936": "gb18030", "x-gbk": "gb18030", "gb_2312-80": "gb18030", "chinese": "gb18030",
    "gb18030": "gb18030", "euc-cn": "gb18030", "x-euc-cn": "gb18030", "hz-gb-2312": "hz", "hz": "hz",
    "big5": "cp950", "big-5": "cp950", "big5-hkscs": "big5hkscs", "x-x-big5": "cp950", "cp950": "cp950",
    "ks_c_5601-1987": "cp949", "ks_c_5601": "cp949", "ks_c_5601-1989": "cp949", "ksc5601": "cp949",
    "euc-kr": "cp949", "euckr": "cp949", "korean": "cp949", "uhc": "cp949", "windows-949": "cp949",
    "iso-2022-kr": "iso2022_kr",
    "shift_jis": "cp932", "shift-jis": "cp932", "sjis": "cp932", "x-sjis": "cp932", "s-jis": "cp932",
    "ms_kanji": "cp932", "windows-31j": "cp932", "cp932": "cp932", "shiftjis": "cp932",
    "euc-jp": "euc_jp", "x-euc-jp": "euc_jp", "eucjp": "euc_jp", "x-euc": "euc_jp",
    "iso-2022-jp": "iso2022_jp_ext", "iso-2022-jp-ms": "iso2022_jp_ext", "csiso2022jp": "iso2022_jp_ext",
    "iso-2022-jp-1": "iso2022_jp_ext", "iso-2022-jp-2": "iso2022_jp_2", "iso-2022-jp-3": "iso2022_jp_3",
    "cp50220": "iso2022_jp_ext", "cp50221": "iso2022_jp_ext",
    "koi8-r": "koi8-r", "koi8-u": "koi8-u", "koi8-t": "koi8-t", "koi8": "koi8-r",
    "macintosh": "mac-roman", "x-mac-roman": "mac-roman", "mac": "mac-roman", "macroman": "mac-roman",
    "x-mac-cyrillic": "mac-cyrillic", "x-mac-greek": "mac-greek", "x-mac-turkish": "mac-turkish",
    "x-mac-ce": "mac-latin2", "x-mac-centraleurroman": "mac-latin2", "x-mac-icelandic": "mac-iceland",
    "ibm850": "cp850", "ibm437": "cp437", "ibm866": "cp866", "cp-850": "cp850", "viscii": "cp1258",
    "windows-1258": "cp1258",
}
for _n in (2, 3, 4, 5, 6, 7, 10, 13, 14, 15, 16):
    _ALIASES[f"iso-8859-{_n}"] = _ALIASES[f"iso8859-{_n}"] = f"iso8859-{_n}"
    _ALIASES[f"iso_8859-{_n}"] = f"iso8859-{_n}"
for _n in (1250, 1251, 1253, 1254, 1255, 1256, 1257):
    _ALIASES[f"windows-{_n}"] = _ALIASES[f"cp{_n}"] = _ALIASES[f"x-cp{_n}"] = f"cp{_n}"
for _n in (437, 737, 775, 850, 852, 855, 857, 858, 860, 861, 862, 863, 864, 865, 866, 869, 874, 949, 1252):
    _ALIASES.setdefault(f"cp{_n}", f"cp{_n}")

_MULTIBYTE = {"gb18030", "cp950", "big5hkscs", "cp949", "cp932", "euc_jp", "utf-16", "utf-16-le", "utf-16-be"}
_ESCAPED_JAPANESE = re.compile(rb"\x1b\$[@B]|\x1b\(J")
_META = re.compile(rb"""<meta[^>]{0,200}?charset\s{0,9}=\s{0,9}["']?\s{0,9}([A-Za-z0-9_:.\-]{2,40})""", re.I)
UNKNOWN_CHARSET = "The message names a character set that is not known."
UNREADABLE = "Some characters could not be read."
WRONG_CHARSET = "The message does not name its character set rightly; some characters may be wrong."
# Control characters that no mail needs; tab, line feed and carriage return stay.
_CONTROLS = dict.fromkeys([*range(0, 9), 11, *range(14, 32), 127])
_SLICE = 65_536
_CONTROL = re.compile("[\x00-\x08\x0b\x0e-\x1f\x7f]")


@lru_cache(maxsize=512)
def codec_name(label: str | None) -> str | None:
    """The Python codec for a charset label from a mail, or None for one that is unknown or not allowed."""
    if not label:
        return None
    key = label.strip().strip("\"'").lower().split("*")[0].replace(" ", "")
    name = _ALIASES.get(key) or _ALIASES.get(key.replace("_", "-"))
    if name is None and key in ("utf-8", "koi8-r", "koi8-u"):
        name = key
    if name is None and key.startswith("cs"):
        name = _ALIASES.get(key[2:])
    if name is None:
        return None
    try:
        codecs.lookup(name)
    except LookupError:
        return None
    return name


def declared_in_html(data: bytes) -> str | None:
    """The charset that the first 4 kB of an HTML part name in a meta element."""
    found = _META.search(data[:4096])
    return found.group(1).decode("ascii") if found else None


def decode(data: bytes, declared: str | None = None, fallback: str | None = None) -> tuple[str, str | None]:
    """Text of ``data``, and a defect in plain words or None.

    The ladder: escape sequences of ISO-2022-JP, UTF-8 where it is valid although a one-byte charset is
    declared, the declared charset, UTF-8, ``fallback`` (the mailbox's own code page), Windows-1252. Only
    then are unreadable bytes replaced by a mark. NUL and other control characters are removed.
    """
    text, defect = _decode(data, declared, fallback)
    if _CONTROL.search(text):
        # Slice by slice: to translate takes four bytes for each character.
        text = "".join(text[at : at + _SLICE].translate(_CONTROLS) for at in range(0, len(text), _SLICE))
    return text, defect


def _decode(data: bytes, declared: str | None, fallback: str | None) -> tuple[str, str | None]:
    codec = codec_name(declared)
    if b"\x1b" in data and _ESCAPED_JAPANESE.search(data) and not (codec or "").startswith("iso2022"):
        text = _strict(data, "iso2022_jp_ext")
        if text is not None:
            return text, None
    if data.isascii() and codec not in ("utf-7", "hz", "utf-16", "utf-16-le", "utf-16-be", "utf-32") and (
            codec is None or not codec.startswith("iso2022")):
        return data.decode("ascii"), None
    if codec and codec not in _MULTIBYTE and codec != "utf-8" and not data.isascii():
        text = _strict(data, "utf-8")  # valid UTF-8 by accident is next to impossible in a one-byte charset
        if text is not None:
            return text, None
    for name in (codec, "utf-8", codec_name(fallback)):
        text = _strict(data, name) if name else None
        if text is not None:
            return text, UNKNOWN_CHARSET if declared and codec is None else None
    return _lossy(data, declared, codec)


def _lossy(data: bytes, declared: str | None, codec: str | None) -> tuple[str, str | None]:
    """The last rungs: something is unreadable, so the reader is told."""
    if codec == "cp950":
        text = _strict(data, "big5hkscs")
        if text is not None:
            return text, None
    if codec in _MULTIBYTE or (codec or "").startswith("iso2022"):
        text = data.decode(codec or "utf-8", "replace")
        return text, UNREADABLE
    marks = _marks(data)
    readable = sum(1 for byte in data if byte >= 0x80) - marks
    if (codec == "utf-8" and readable > marks * 2) or (codec is None and readable > marks * 8):
        return data.decode("utf-8", "replace"), UNREADABLE
    name = codec if codec and codec != "utf-8" else "cp1252"
    text = data.decode(name, "replace")
    if "\ufffd" in text and name == "cp1252":
        text = data.decode("latin-1")  # every byte means something there, so nothing is dropped
    return text, WRONG_CHARSET


def _marks(data: bytes) -> int:
    """How many marks for what is unreadable would stand in ``data`` as UTF-8, counted slice by slice."""
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    slices = (data[at : at + _SLICE] for at in range(0, len(data), _SLICE))
    return sum(decoder.decode(each).count("\ufffd") for each in slices) + decoder.decode(b"", True).count("\ufffd")


def _strict(data: bytes, codec: str) -> str | None:
    try:
        text = data.decode(codec)
    except (UnicodeError, ValueError):
        return None
    if codec == "utf-8" and text.startswith("\ufeff"):
        text = text[1:]
    if codec in ("utf-7", "utf-16", "utf-16-le", "utf-16-be", "utf-32") and _has_surrogate(text):
        return None
    return text


def _has_surrogate(text: str) -> bool:
    return any("\ud800" <= char <= "\udfff" for char in text)
