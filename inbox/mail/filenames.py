"""Attachment names that are safe on every disk and in every header."""

from __future__ import annotations

import mimetypes
import re
import unicodedata

MAX_BYTES = 255
_RUNS = re.compile(
    r"\.(?:ace|ade|adp|apk|app|appx|appxbundle|bat|cab|chm|class|cmd|com|cpl|desktop|dll|dmg|docm|dotm|exe|"
    r"gadget|hta|htm|html|img|ins|iso|isp|jar|jnlp|js|jse|lnk|mht|mhtml|mde|msc|msi|msix|msp|mst|one|pif|"
    r"pkg|ppam|potm|pptm|ps1|psm1|py|pyw|rdp|reg|scf|scr|sct|settingcontent-ms|sh|shb|shtml|svg|swf|sys|"
    r"url|vb|vbe|vbs|vhd|vhdx|vxd|wim|wsc|wsf|wsh|xhtml|xlam|xll|xlsm|xltm|xsl)$", re.I)
# Controls, and the marks that turn reading direction: "invoice[RLO]fdp.exe" shows as "invoiceexe.pdf".
_UNSEEN = re.compile("[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb]")
_FORBIDDEN = re.compile(r'[/\\<>:"|?*]')
_RESERVED = {"CON", "PRN", "AUX", "NUL", *(f"{p}{n}" for p in ("COM", "LPT") for n in range(1, 10))}
_EXTENSIONS = {
    "text/plain": ".txt", "text/html": ".html", "text/calendar": ".ics", "message/rfc822": ".eml",
    "message/delivery-status": ".txt", "text/rfc822-headers": ".txt", "image/jpeg": ".jpg",
    "application/ms-tnef": ".dat", "application/pgp-signature": ".asc", "text/x-amp-html": ".html",
    "application/pkcs7-signature": ".p7s", "application/pkcs7-mime": ".p7m", "text/csv": ".csv",
    "message/feedback-report": ".txt", "message/disposition-notification": ".txt", "audio/mpeg": ".mp3",
    "image/heic": ".heic", "image/webp": ".webp", "application/octet-stream": ".bin",
}


_STEMS = {
    "message/rfc822": "message", "text/calendar": "invitation", "message/delivery-status": "delivery-status",
    "text/rfc822-headers": "headers", "message/feedback-report": "feedback-report",
    "message/disposition-notification": "receipt", "application/pgp-signature": "signature",
    "application/pkcs7-signature": "smime", "application/pkcs7-mime": "smime", "application/ms-tnef": "winmail",
}


def default_name(content_type: str) -> str:
    """A name for an attachment that came without one."""
    main = content_type.partition("/")[0]
    stem = _STEMS.get(content_type) or (main if main in ("image", "audio", "video") else "attachment")
    return stem + extension_for(content_type)


def extension_for(content_type: str) -> str:
    """A usual file extension, with the dot, for a content type; '.bin' where there is none."""
    return _EXTENSIONS.get(content_type) or mimetypes.guess_extension(content_type, strict=True) or ".bin"


def safe(name: str | None, content_type: str = "") -> str:
    """A name of at most 255 UTF-8 bytes, without path, controls, direction marks or device names.

    An empty or hopeless name is made from the content type.
    """
    text = unicodedata.normalize("NFC", (name or "").encode("utf-8", "replace").decode("utf-8")[:8000])
    text = _UNSEEN.sub("", text)
    text = re.split(r"[/\\]", text.rstrip("/\\ "))[-1]
    text = re.sub(r"\s+", " ", _FORBIDDEN.sub("_", text)).strip(" .")
    if not text.strip("_"):
        text = default_name(content_type)
    stem = text.split(".", 1)[0].strip()
    if stem.upper() in _RESERVED:
        text = "_" + text
    return _shorten(text)


def can_run(name: str) -> bool:
    """True for a file that may start a program, or hides one, when a person opens it on their own computer."""
    return bool(_RUNS.search(name.strip()))


def unique(name: str, taken: set[str]) -> str:
    """``name``, or the same with a number when another attachment of the message bears it already."""
    stem, dot, ext = name.rpartition(".")
    if not stem:
        stem, dot, ext = name, "", ""
    candidate, n = name, 1
    while candidate.casefold() in taken:
        n += 1
        candidate = _shorten(f"{stem} ({n}){dot}{ext}")
    taken.add(candidate.casefold())
    return candidate


def _shorten(name: str) -> str:
    if len(name.encode()) <= MAX_BYTES:
        return name
    stem, dot, ext = name.rpartition(".")
    tail = dot + ext if stem and len(ext.encode()) <= 20 else ""
    stem = stem if tail else name
    tail_bytes = len(tail.encode()) + 12  # room for a number that unique() may add
    return stem.encode()[: MAX_BYTES - tail_bytes].decode("utf-8", "ignore").rstrip(" .") + tail


def type_for(name: str) -> str:
    """The content type that a file name suggests, application/octet-stream if none."""
    return mimetypes.guess_type(name)[0] or "application/octet-stream"
