"""RFC 5322 and MIME, written: headers folded and encoded, parts with the transfer encoding that suits them.

The standard library's generator is not used for headers: it wraps a long Message-ID inside `References` into encoded
words, after which no mail program finds the thread any more. What is written here never breaks a token, keeps
every line under 78 bytes where the tokens allow (RFC 5322 §2.1.1) and lets no line break of the input through.
"""

from __future__ import annotations

import base64
import binascii
import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from urllib.parse import quote

import idna

CRLF = b"\r\n"
LINE = 76  # wished for; the limit of the standard is 998
LONGEST_TOKEN = 900
WORD_BYTES = 42  # of UTF-8 in one encoded word: 56 characters of base64 and 12 of frame, under 75 (RFC 2047 §2)
ATOM = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?: [A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*")
MEDIA_TYPE = re.compile(r"[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,126}/[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,126}")
LOCAL_PART = re.compile(r"[^\s\x00-\x20\x7f\"(),:;<>@\[\]\\]{1,64}|\"[^\"\\\r\n\x00-\x1f]{1,62}\"")


class AddressError(ValueError):
    """A mail address that cannot be written into a message; the text names it."""


def clean(text: str) -> str:
    """One line of text: line breaks, control characters and lone surrogates go, runs of blanks become one.

    Everything that becomes a header passes here, so that no subject and no name can begin a header of its own.
    """
    kept = "".join(" " if unicodedata.category(each) in ("Cc", "Cs", "Zl", "Zp") else each for each in text)
    return " ".join(kept.split())


def wire_address(address: str) -> str:
    """`address` as it is written on the wire: the domain as A-labels (IDNA 2008), the local part as it is.

    A local part outside of ASCII stays so; such a message needs SMTPUTF8 (RFC 6531). Raises AddressError.
    """
    local, at, domain = address.strip().rpartition("@")
    if not at or not LOCAL_PART.fullmatch(local) or any(unicodedata.category(each)[0] == "C" for each in local):
        raise AddressError(f"{clean(address)!r} is not a mail address.")
    if domain.startswith("[") and re.fullmatch(r"\[[0-9A-Za-z:.]+\]", domain):
        return f"{local}@{domain}"
    try:
        labels = idna.encode(domain, uts46=True).decode("ascii")
    except (idna.IDNAError, UnicodeError):
        # Underscores and the like are no host names, yet such domains receive mail.
        if not re.fullmatch(r"[A-Za-z0-9_](?:[A-Za-z0-9_.-]{0,251}[A-Za-z0-9_])?", domain) or ".." in domain:
            raise AddressError(f"{clean(address)!r} is not a mail address.") from None
        labels = domain.lower()
    return f"{local}@{labels}"


def encoded_words(text: str) -> list[str]:
    """`text` as encoded words of RFC 2047, none longer than 75 characters, no character cut in two."""
    words, chunk = [], b""
    for character in text:
        piece = character.encode("utf-8")
        if len(chunk) + len(piece) > WORD_BYTES:
            words.append(chunk)
            chunk = b""
        chunk += piece
    words.append(chunk)
    return [f"=?utf-8?b?{base64.b64encode(each).decode('ascii')}?=" for each in words if each]


def text_tokens(text: str) -> list[str]:
    """Unstructured header text (a subject) as tokens that may be folded between."""
    text = clean(text)
    if not text.isascii() or "=?" in text or any(len(each) > LONGEST_TOKEN for each in text.split()):
        return encoded_words(text)
    return text.split()


def address_tokens(addresses: Iterable[tuple[str, str]]) -> list[str]:
    """An address list, `[(name, address)]`, as tokens; a comma ends each address but the last."""
    tokens: list[str] = []
    for name, address in addresses:
        if tokens:
            tokens[-1] += ","
        name, wire = clean(name), wire_address(address)
        if not name or name == address:
            tokens.append(wire)
        else:
            tokens += [*_phrase(name), f"<{wire}>"]
    return tokens


def _phrase(name: str) -> list[str]:
    if not name.isascii() or "=?" in name or len(name) > 200:
        return encoded_words(name)
    if ATOM.fullmatch(name):
        return name.split()
    return ['"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"']


def fold(name: str, tokens: Sequence[str]) -> bytes:
    """The header `name` with its tokens, folded between them, ending in CRLF. UTF-8 only for SMTPUTF8 addresses."""
    lines, line = [], f"{name}:"
    for token in tokens:
        if len(line) + 1 + len(token) > LINE and line.strip() and line != f"{name}:":
            lines.append(line)
            line = ""
        line += f" {token}"
    lines.append(line)
    return "\r\n".join(lines).encode("utf-8") + CRLF


# --- parts ----------------------------------------------------------------------------------------------------


@dataclass
class Part:
    """One MIME part: its content headers as `(name, tokens)`, and its encoded body or its children."""

    headers: list[tuple[str, list[str]]]
    body: bytes = b""
    children: list[Part] = field(default_factory=list)

    def write(self, seed: str, extra: Sequence[tuple[str, list[str]]] = ()) -> bytes:
        """The part as bytes. `seed` makes the boundaries: the same message is written the same way each time."""
        head = b"".join(fold(name, tokens) for name, tokens in extra)
        if not self.children:
            return head + b"".join(fold(name, tokens) for name, tokens in self.headers) + CRLF + self.body
        boundary = f"=_{seed}"  # "=_" occurs neither in base64 nor in quoted-printable
        (name, tokens), *rest = self.headers
        head += fold(name, [f"{tokens[0]};", f'boundary="{boundary}"'])
        head += b"".join(fold(each, words) for each, words in rest) + CRLF
        line = b"--" + boundary.encode("ascii")
        inner = [child.write(f"{seed}.{number}") for number, child in enumerate(self.children)]
        return head + b"".join(line + CRLF + each + CRLF for each in inner) + line + b"--" + CRLF


def multipart(subtype: str, children: list[Part]) -> Part:
    """`children` in one `multipart/<subtype>`; a single child stays alone."""
    return children[0] if len(children) == 1 else Part([("Content-Type", [f"multipart/{subtype}"])], children=children)


def text_part(text: str, subtype: str = "plain") -> Part:
    """Text as UTF-8: 7bit when it is short-lined ASCII, else whichever of quoted-printable and base64 is shorter."""
    text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\0", "")
    data = (text if text.endswith("\n") else text + "\n").encode("utf-8", "replace")
    if data.isascii() and max(map(len, data.split(b"\n"))) <= LINE and not _has_control(data):
        encoding, body = "7bit", data
    else:
        printable = binascii.b2a_qp(data, istext=True)
        encoding, body = "quoted-printable", printable
        if len(printable) > len(data) * 4 / 3:
            encoding, body = "base64", _base64(data.replace(b"\n", CRLF))
    body = body.replace(CRLF, b"\n").replace(b"\n", CRLF)
    return Part([("Content-Type", [f"text/{subtype};", "charset=utf-8"]),
                 ("Content-Transfer-Encoding", [encoding])], body)


def file_part(data: bytes, *, filename: str, content_type: str, content_id: str | None = None,
              is_inline: bool = False) -> Part:
    """A file, its bytes exactly kept (base64). Its name is written as RFC 2231 says when it is not plain ASCII.

    `message/rfc822` may not be base64 (RFC 2046 §5.2.1): it is written as it is when it is 7-bit clean, and
    becomes `application/octet-stream` otherwise.
    """
    kind = content_type.split(";")[0].strip().lower()
    if not MEDIA_TYPE.fullmatch(kind) or kind.startswith("multipart/"):
        kind = "application/octet-stream"
    encoding, body = "base64", _base64(data)
    if kind.startswith("message/"):
        lines = data.replace(CRLF, b"\n").split(b"\n")
        if kind == "message/rfc822" and data.isascii() and max(map(len, lines)) <= 990 and not _has_control(data):
            encoding, body = "7bit", CRLF.join(lines)
        else:
            kind = "application/octet-stream"
    name = _file_name(filename)
    headers = [
        ("Content-Type", _with_parameters(kind, _legacy_name(name))),
        ("Content-Transfer-Encoding", [encoding]),
        ("Content-Disposition", _with_parameters("inline" if is_inline else "attachment",
                                                 parameter("filename", name))),
    ]
    if content_id and re.fullmatch(r"[\x21-\x3b\x3d\x3f-\x7e]{1,200}", content_id):
        headers.append(("Content-ID", [f"<{content_id}>"]))
    return Part(headers, body)


def parameter(name: str, value: str) -> list[str]:
    """A MIME parameter as tokens: quoted when ASCII and short, else in the pieces of RFC 2231 §3 and §4."""
    if value.isascii() and len(value) <= 60:
        return [f'{name}="' + value.replace("\\", "\\\\").replace('"', '\\"') + '"']
    pieces, piece = [], "UTF-8''"
    for character in value:
        escaped = quote(character.encode("utf-8"), safe="")
        if len(piece) + len(escaped) > 58:
            pieces.append(piece)
            piece = ""
        piece += escaped
    pieces.append(piece)
    if len(pieces) == 1:
        return [f"{name}*={pieces[0]}"]
    return [f"{name}*{number}*={each}" for number, each in enumerate(pieces)]


def _legacy_name(name: str) -> list[str]:
    """`name` of Content-Type, for mail programs that read no RFC 2231: encoded words, as others write it too."""
    if name.isascii():
        return parameter("name", name)
    words = encoded_words(name)
    return [f'name="{words[0]}"'] if len(words) == 1 else []


def _with_parameters(value: str, parameters: list[str]) -> list[str]:
    tokens = [value, *parameters]
    return [each + ";" for each in tokens[:-1]] + tokens[-1:]


def _file_name(filename: str) -> str:
    name = clean(filename).replace("/", "_").replace("\\", "_").strip(". ") or "file"
    stem, dot, ending = name.rpartition(".")
    return name if len(name) <= 200 else f"{(stem or ending)[:180]}{dot}{ending[:15]}"


def _base64(data: bytes) -> bytes:
    text = base64.b64encode(data)
    return CRLF.join(text[start:start + LINE] for start in range(0, len(text), LINE)) + CRLF


def _has_control(data: bytes) -> bool:
    return re.search(rb"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]", data) is not None
