"""The MIME tree of a message: which parts are its text, which are attachments.

An attached message (message/rfc822) is one attachment and is not looked into. Parts of one
multipart/alternative are the same words in several forms; all other text parts follow one another and are
all shown, in order.
"""

from __future__ import annotations

import binascii
import email
import html as entities
import io
import re
from dataclasses import dataclass, field, replace
from email.errors import MessageError
from email.generator import BytesGenerator
from email.message import Message
from typing import TYPE_CHECKING
from urllib.parse import unquote

from inbox.mail import charsets, filenames, flowed, headers, htmltext, repair, uuencode

if TYPE_CHECKING:
    from inbox.mail.parse import Limits

_BOUNDARY_LINE = re.compile(
    rb"^--([^\s-][^\r\n]{0,199}?)[ \t]*\r?\n(?=Content-[A-Za-z-]{2,30}:)", re.I | re.M)
_CID = re.compile(r"""cid:([^"'\s<>)]{1,500})""", re.I)
_DUPLICATES = ("text/x-amp-html", "text/watch-html")  # the same words for one program only
_ENCRYPTED = ("application/pgp-encrypted", "application/x-pkcs7-mime", "application/pkcs7-mime")
_PLAIN_WORDS = re.compile(r"[^\s=]{1,40} [^\s=]{1,40} [^\s=]")
_METADATA = ("content-type", "content-disposition", "content-id", "content-transfer-encoding",
             "content-description", "content-location")
_ERRORS = (MessageError, ValueError, LookupError, TypeError, AttributeError, AssertionError, OverflowError)
_TEXT_TYPES = ("text/plain", "text/html")
_MARKUP_TYPES = ("text/enriched", "text/richtext", "text/rtf")
TOO_MANY_PARTS = "The message has too many parts; the rest is in the original only."


@dataclass(frozen=True, slots=True)
class ParsedAttachment:
    """A file of a message: a name that is safe for disks and headers, and its decoded bytes."""

    filename: str
    content_type: str
    content_id: str | None  # without angle brackets
    is_inline: bool  # the HTML shows it in its place, by the Content-ID
    data: bytes


@dataclass(slots=True)
class _Block:
    """One stretch of the body: as plain text, as HTML, or as both."""

    plain: list[str] = field(default_factory=list)
    html: list[str] = field(default_factory=list)


class Walk:
    """Visits the parts of one message in order, without recursion, within the limits."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.attachments: list[ParsedAttachment] = []
        self.defects: list[str] = []
        self.degraded = False
        self.charset_hint: str | None = None
        self._blocks: list[_Block] = []
        self._groups: dict[int, _Block] = {}
        self._names: set[str] = set()
        self._recoveries = 0

    def run(self, message: Message) -> None:
        """Collects blocks, attachments and defects of ``message``."""
        stack: list[tuple[Message, int, bool, int | None]] = [(message, 0, False, None)]
        seen = 0
        while stack:
            part, depth, attached, group = stack.pop()
            seen += 1
            if seen > self.limits.parts or depth > self.limits.depth:
                self._degrade(TOO_MANY_PARTS)
                break
            children = self._children(part)
            if children is None:
                self._leaf(part, attached, group, alone=message is part)
                part.set_payload("")  # it is kept decoded now; twice is too much for a large message
                continue
            attached = attached or (part is not message and _disposition(part) == "attachment")
            if part.get_content_subtype() == "alternative" and group is None:
                group = id(part)
            stack += [(child, depth + 1, attached, group) for child in reversed(children)]
        self._mark_inline()

    def body(self) -> tuple[str, str | None, bool]:
        """(plain text, HTML as sent or None, whether the text was made from the HTML)."""
        texts, htmls, made = [], [], False
        any_html = any(block.html for block in self._blocks)
        for block in self._blocks:
            plain, html = "\n".join(block.plain), "\n".join(block.html)
            if not plain.strip() and html.strip():
                plain, made = htmltext.to_text(html), True
            texts.append(plain.strip("\n"))
            if any_html:
                htmls.append(html or _as_html(plain))
        text = "\n\n".join(text for text in texts if text.strip())
        if len(text) > self.limits.text_chars:
            text = text[: self.limits.text_chars]
            self._degrade("The text of the message is very long; the rest is in the original only.")
        html = "\n".join(htmls) if any_html else ""
        if len(html) > self.limits.html_chars:
            html = ""
            self._degrade("The formatted text is too big to show; the plain text is shown.")
        return text, html or None, made

    def _degrade(self, defect: str) -> None:
        self.degraded = True
        self._note(defect)

    def _note(self, defect: str | None) -> None:
        if defect and defect not in self.defects:
            self.defects.append(defect)

    def _children(self, part: Message) -> list[Message] | None:
        """The parts of a multipart, or None for a part that is shown or kept as it is."""
        if part.get_content_maintype() != "multipart":
            return None
        payload = part.get_payload()
        if isinstance(payload, list):
            late = self._recovered(part.epilogue or "")
            if late:
                self._note("Parts after the end of the message were kept.")
            return [each for each in payload if isinstance(each, Message)] + late
        found = self._recovered(payload)
        if found:
            self._note("The parts of the message were not marked rightly; they were found by their look.")
        return found or None

    def _recovered(self, text: object) -> list[Message]:
        """Parts in text that no declared boundary divides. It parses anew: tried five times a message."""
        if not isinstance(text, str) or "ontent-" not in text or self._recoveries >= 5:
            return []
        self._recoveries += 1
        return _by_found_boundary(text)

    def _leaf(self, part: Message, attached: bool, group: int | None, alone: bool) -> None:
        view = _view(part, self.charset_hint)
        content_type = view.get_content_type()
        if content_type.startswith("multipart/"):
            content_type = "text/plain"  # a multipart without parts: its text is all there is
        name, disposition = _filename(view), _disposition(view)
        is_text = content_type in _TEXT_TYPES and not attached and disposition != "attachment"
        if is_text and name and not alone and (disposition == "inline" or self._has_text()):
            is_text = False  # a file that a mail program asks to show, such as notes.txt
        if is_text:
            self._text(part, view, content_type, group)
        elif content_type in _MARKUP_TYPES and not attached and not name:
            self._markup(part, view, group)
        elif content_type not in _DUPLICATES or group is None:
            self._attachment(part, view, content_type, name, disposition)

    def _has_text(self) -> bool:
        return any(block.plain or block.html for block in self._blocks)

    def _text(self, part: Message, view: Message, content_type: str, group: int | None) -> None:
        data = _payload(part)
        if _claims_base64_falsely(part, view):
            data = str(part.get_payload()).encode("utf-8", "surrogateescape")
            self._note("The text was not encoded as the message says; it is shown as it came.")
        part.set_payload("")  # with one emoji the text takes four bytes for each character: nothing beside it
        declared = _charset(view)
        if declared and self.charset_hint is None and charsets.codec_name(declared):
            self.charset_hint = declared
        if content_type == "text/html" and not charsets.codec_name(declared):
            declared = charsets.declared_in_html(data) or declared
        text, defect = charsets.decode(data, declared, self.limits.fallback_charset)
        del data
        self._note(defect)
        text = text.replace("\r\n", "\n").replace("\r", "\n")
        block = self._block(group)
        if content_type == "text/html":
            block.html.append(text)
            return
        if (_param(view, "format") or "").lower() == "flowed":
            text = flowed.unwrap(text, delsp=(_param(view, "delsp") or "").lower() == "yes")
        if text.startswith("begin ") or "\nbegin " in text:
            text, files = uuencode.extract(text)
            for name, content in files:
                self._keep(name, filenames.type_for(name), None, content)
        block.plain.append(text)

    def _markup(self, part: Message, view: Message, group: int | None) -> None:
        """Old rich text: shown as words if nothing better stands beside it, always kept as a file."""
        data = _payload(part)
        block = self._block(group)
        if view.get_content_type() != "text/rtf" and not block.plain and not block.html:
            text, _ = charsets.decode(data, _charset(view), self.limits.fallback_charset)
            block.plain.append(htmltext.strip_tags(text))
        self._keep("", view.get_content_type(), None, data)

    def _block(self, group: int | None) -> _Block:
        block = self._groups.get(group) if group is not None else None
        if block is None:
            block = _Block()
            self._blocks.append(block)
            if group is not None:
                self._groups[group] = block
        return block

    def _attachment(self, part: Message, view: Message, content_type: str, name: str,
                    disposition: str) -> None:
        if content_type.startswith("message/"):
            data = _flatten(part)
            if not name and content_type == "message/rfc822" and isinstance(part.get_payload(), list):
                name = _subject_name(part)
        else:
            data = _payload(part)
        content_id = headers.clean(headers.decode_raw(view.get("content-id", ""))).strip("<> ")[:500] or None
        if content_type in _ENCRYPTED and (_param(view, "smime-type") or "").lower() != "signed-data":
            self._note("The message is encrypted. Open the original in a program that has the key.")
        self._keep(name, content_type, content_id, data)

    def _keep(self, name: str, content_type: str, content_id: str | None, data: bytes) -> None:
        safe = filenames.unique(filenames.safe(name, content_type), self._names)
        self.attachments.append(ParsedAttachment(safe, content_type, content_id, False, data))

    def _mark_inline(self) -> None:
        """What the HTML shows need not be listed below it; a named picture that it does not show must be."""
        shown = {unquote(found).lower() for block in self._blocks for html in block.html
                 for found in _CID.findall(html)}
        if shown:
            self.attachments = [replace(a, is_inline=(a.content_id or "").lower() in shown) for a in self.attachments]


def _disposition(part: Message) -> str:
    return (headers.clean(str(part.get("content-disposition", "")))[:40].split(";")[0]).strip().lower()


def _view(part: Message, hint: str | None) -> Message:
    """The MIME fields of a part as text: raw 8-bit names read, folds undone."""
    view = Message()
    view.set_default_type(part.get_default_type())
    for name, raw in part.raw_items():
        if name.lower() in _METADATA and name not in view:
            value = headers.decode_raw(str(raw)[:20_000], hint)
            view[name] = re.sub(r"[\r\n]+[ \t]*", " ", value).replace("\x00", "")
    return view


def _param(view: Message, name: str, header: str = "content-type") -> str | None:
    try:
        value = view.get_param(name, header=header)
    except _ERRORS:
        return None
    if isinstance(value, tuple):  # RFC 2231: charset, language, percent-decoded text
        charset, _, text = value
        return charsets.decode(text.encode("latin-1", "replace"), charset)[0]
    return value if value is None else str(value)


def _charset(view: Message) -> str | None:
    value = _param(view, "charset")
    return value.strip().strip("\"'") if value else None


def _filename(view: Message) -> str:
    for name, header in (("filename", "content-disposition"), ("name", "content-type"),
                         ("filename", "content-type"), ("name", "content-disposition")):
        value = _param(view, name, header)
        if value and value.strip():
            return headers.decode_words(value)
    return ""


def _payload(part: Message) -> bytes:
    try:
        data = part.get_payload(decode=True)
    except (*_ERRORS, binascii.Error):
        data = None
    if isinstance(data, bytes):
        return data
    text = part.get_payload()
    if isinstance(text, list):
        return _flatten(part)
    return str(text or "").encode("utf-8", "surrogateescape")


def _claims_base64_falsely(part: Message, view: Message) -> bool:
    """True for text that is named base64 but is words with blanks between them."""
    encoding = (view.get("content-transfer-encoding") or "").strip().lower()
    return encoding == "base64" and bool(_PLAIN_WORDS.search(str(part.get_payload())[:2000]))


def _flatten(part: Message) -> bytes:
    """The bytes inside a message/* part, decoded if its sender encoded it against the rules."""
    payload = part.get_payload()
    if not isinstance(payload, list):
        return _payload(part)
    inside = [each for each in payload if isinstance(each, Message)]
    out = io.BytesIO()
    for i, inner in enumerate(inside):
        if i:
            out.write(b"\n")
        try:
            BytesGenerator(out, mangle_from_=False, maxheaderlen=0).flatten(inner)
        except (*_ERRORS, RecursionError):
            out.write(str(inner.get_payload()).encode("utf-8", "surrogateescape"))
    data = out.getvalue()
    encoding = str(part.get("content-transfer-encoding", "")).strip().lower()
    if encoding in ("base64", "quoted-printable") and len(inside) == 1 and not inside[0].keys():
        carrier = Message()
        carrier["Content-Transfer-Encoding"] = encoding
        carrier.set_payload(data.decode("ascii", "surrogateescape"))
        return _payload(carrier)
    return data


def _subject_name(part: Message) -> str:
    inner = part.get_payload(0)
    value = inner.get("subject", "") if isinstance(inner, Message) else ""
    subject = headers.decode_words(headers.decode_raw(str(value)))
    return f"{subject[:80]}.eml" if subject else ""


def _by_found_boundary(text: str) -> list[Message]:
    """Parts of a multipart whose boundary is missing or wrong: a line -- before a Content- field is one."""
    data = text.encode("utf-8", "surrogateescape")
    found = _BOUNDARY_LINE.search(data)
    if not found:
        return []
    boundary = found.group(1).decode("latin-1").replace('"', "")
    again = b'Content-Type: multipart/mixed; boundary="' + boundary.encode("latin-1") + b'"\r\n\r\n' + data
    if repair.too_costly(again, 50):
        return []
    parts = email.message_from_bytes(again).get_payload()
    return [each for each in parts if isinstance(each, Message)] if isinstance(parts, list) else []


def _as_html(plain: str) -> str:
    lines = entities.escape(plain.strip("\n"), quote=False).replace("\n", "<br>\n")
    return f"<div>{lines}</div>"
