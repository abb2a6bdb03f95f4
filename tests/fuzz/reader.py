"""A coverage-guided fuzzer on all that reads a message: ``make fuzz``, ``python -m tests.fuzz.reader --minutes 60``.

Bytes are changed at random, and those that reach new code are kept and changed further. Whatever they are, nothing
may raise, take two seconds or lose a line. A finding is written to FOLDER and ends the run; it belongs into the tests.
The bytes kept stay in FOLDER/kept, so that the next run goes on where this one ended. Messages from a corpus (see
tests/corpus/run.py) are used as a beginning if there is one.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import time
from pathlib import Path

LARGEST = 20_000  # bytes of one input
SECONDS = 2.0


def read_all(raw: bytes) -> None:
    """Everything the desk does with the bytes of a message before it is stored; raises on a broken promise."""
    from inbox.mail import body, forwards, guards
    from inbox.mail.parse import parse

    begun = time.process_time()
    parsed = parse(raw)
    made = body.build(parsed)
    guards.is_automatic(parsed)
    guards.is_out_of_office(parsed)
    guards.bounce(parsed)
    forwards.original(parsed)
    took = time.process_time() - begun
    if took > SECONDS:
        raise AssertionError(f"it took {took:.1f} s for {len(raw)} bytes")
    if not parsed.html and words(parsed.text) != words(made.text_visible + made.text_signature + made.text_quoted):
        raise AssertionError("a line is in no part or in two")
    for name in (each.filename for each in parsed.attachments):
        if any(c in name for c in "/\\\x00\r\n") or len(name.encode("utf-8", "surrogatepass")) > 255:
            raise AssertionError(f"unsafe file name {name!r}")
    if any(c in (parsed.subject + (parsed.message_id or "")) for c in "\r\n\x00"):
        raise AssertionError("a line break in a header")
    made.text_visible.encode()  # what cannot be encoded cannot be stored


def words(text: str) -> list[str]:
    """The characters of a text in no order, blanks left out: parts may change places."""
    return sorted("".join(text.split()))


def _seeds(folder: Path, corpus: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    from tests.fuzz.hostile import messages
    from tests.mail.replies_html import REPLIES

    head = b"From: a@b.example\nSubject: x\nContent-Type: text/html; charset=utf-8\n\n"
    for number, html in enumerate(REPLIES.values()):
        (folder / f"reply-{number}").write_bytes(head + html.encode())
    for number, raw in enumerate(messages(2000).values()):
        (folder / f"hostile-{number}").write_bytes(raw)
    if corpus.is_dir():
        for file in sorted(corpus.rglob("*")):
            if file.suffix in (".eml", ".msg", ".txt") and file.stat().st_size <= LARGEST:
                shutil.copy(file, folder / f"{file.parent.name}-{file.name}")


def main() -> None:
    """Fuzzes for so many minutes."""
    from tests.corpus.run import folder as corpus

    words_of = argparse.ArgumentParser(description=__doc__)
    words_of.add_argument("--minutes", type=float, default=60)
    words_of.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()) / "pluginbox-fuzz")
    words_of.add_argument("--try", dest="again", type=Path, help="read this one file and say what happens")
    chosen = words_of.parse_args()
    if chosen.again:
        read_all(chosen.again.read_bytes())
        return
    import atheris

    with atheris.instrument_imports(include=["inbox.mail", "email", "quopri", "base64"]):
        from inbox.mail import body, forwards, guards, parse  # noqa: F401
    kept = chosen.folder / "kept"
    _seeds(chosen.folder / "seeds", corpus(None))
    kept.mkdir(parents=True, exist_ok=True)
    atheris.Setup([sys.argv[0], f"-max_total_time={int(chosen.minutes * 60)}", f"-max_len={LARGEST}", "-timeout=20",
                   f"-artifact_prefix={chosen.folder}/finding-", "-rss_limit_mb=2048", "-print_final_stats=1",
                   str(kept), str(chosen.folder / "seeds")], read_all)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
