"""Runs the corpus scorers over real messages: ``python -m tests.corpus.run [FOLDER]``.

The messages belong to other projects and are not in this repository. FOLDER, ``INBOX_CORPUS`` or
``../shared/mail`` beside the project must hold them with check_mail.py and check_html.py.
Exit code: 0 if every message was read and no HTML came out unsafe, 1 if not, 2 if the folder is missing.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
SCORERS = ("check_mail.py", "check_html.py")


def folder(argument: str | None) -> Path:
    """Where the corpus lies: argument, environment, or beside the project."""
    return Path(argument or os.environ.get("INBOX_CORPUS") or PROJECT.parent / "shared" / "mail").resolve()


def missing(corpus: Path) -> str | None:
    """What is not there, in a sentence, or None."""
    if not corpus.is_dir():
        return f"There is no corpus at {corpus}. Give its folder as an argument or in INBOX_CORPUS."
    gone = [name for name in SCORERS if not (corpus / name).is_file()]
    return f"The corpus at {corpus} lacks {' and '.join(gone)}." if gone else None


def score_mail(corpus: Path) -> int:
    """Prints the scores of the parser; returns the number of messages that raised or timed out."""
    with tempfile.NamedTemporaryFile(suffix=".json") as out:
        _run(corpus, "check_mail.py", "tests.corpus.adapter:parse", "--sets", str(corpus), "--json", out.name)
        result = json.loads(Path(out.name).read_text() or "{}")
    if not result:
        print("The mail scorer gave no result.")
        return 1
    broken = [f for f in result["failures"] if f[2] in ("EXCEPTION", "TIMEOUT")]
    read = sum(row[1] for row in result["rows"])
    print(f"\nmessages: {read}, failures: {len(broken)}")
    for name, file, kind, _, error in broken[:20]:
        print(f"  {kind} {name}/{file} {error}")
    return len(broken)


def score_html(corpus: Path) -> int:
    """Prints the scores of the sanitiser; returns 0 if nothing unsafe came out."""
    return _run(corpus, "check_html.py", "tests.corpus.adapter:sanitise")


def _run(corpus: Path, script: str, *arguments: str) -> int:
    environment = {**os.environ, "PYTHONPATH": f"{PROJECT}{os.pathsep}{corpus}"}
    done = subprocess.run([sys.executable, str(corpus / script), *arguments], cwd=PROJECT, env=environment, check=False)
    return done.returncode


def main() -> int:
    """Runs both scorers."""
    corpus = folder(sys.argv[1] if len(sys.argv) > 1 else None)
    problem = missing(corpus)
    if problem:
        print(problem, file=sys.stderr)
        return 2
    broken = score_mail(corpus)
    unsafe = score_html(corpus)
    return 1 if broken or unsafe else 0


if __name__ == "__main__":
    sys.exit(main())
