"""`make` leads a newcomer, also where something is missing."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

pytestmark = pytest.mark.once

ROOT = Path(__file__).parent.parent


def make(*words: str) -> subprocess.CompletedProcess[str]:
    """Run make in the project and return what it said."""
    return subprocess.run(["make", *words], cwd=ROOT, capture_output=True, text=True, timeout=60)


def test_make_alone_lists_every_target() -> None:
    listed = set(re.findall(r"^  make ([a-z-]+) ", make().stdout, re.M))
    phony = re.search(r"^\.PHONY: (.*)$", (ROOT / "Makefile").read_text(), re.M)
    assert phony
    assert listed == set(phony[1].split())


def test_without_a_python_make_says_what_to_do(tmp_path: Path) -> None:
    done = make("run", "PYTHON=", f"VENV={tmp_path}/venv")
    assert done.returncode != 0
    assert "Python 3.11 or newer" in done.stdout
    assert "PYTHON=" in done.stdout


def test_an_old_python_is_passed_over(tmp_path: Path) -> None:
    for name in ("python3", "python"):
        (tmp_path / name).write_text("#!/bin/sh\nexit 1\n")  # answers "older than 3.11" to our question
        (tmp_path / name).chmod(0o755)
    tools = {Path(found).parent for tool in ("sh", "make", "awk") if (found := shutil.which(tool))}
    path = ":".join([str(tmp_path), *map(str, tools)])
    done = subprocess.run(
        ["make", "-n", "run", f"VENV={tmp_path}/venv"],
        cwd=ROOT,
        env={"PATH": path},
        capture_output=True,
        text=True,
    )
    assert "Making" in done.stdout
    assert not re.search(r"with python3?\"", done.stdout)


def test_the_ci_script_is_sound() -> None:
    script = ROOT / ".ci" / "run"
    assert script.stat().st_mode & 0o111
    assert subprocess.run(["sh", "-n", script]).returncode == 0
