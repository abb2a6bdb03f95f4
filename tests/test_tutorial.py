"""The tutorial for plugin authors, followed to the letter: its files are written, its commands run, its words seen."""

import os
import re
import shlex
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from inbox.demo import LOGIN
from tests.support.program import Program, environment

pytestmark = [pytest.mark.once, pytest.mark.timeout(600)]  # it stands for a quarter of an hour of a person

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "tutorial" / "your-first-plugin.md").read_text("utf-8")
# What the test has done already: the environment that runs it stands for the one a reader makes.
DONE = ("python3 -m venv ", ". .venv/", "pip install ")
RUN = "inbox run --demo --dev"
MOST_LINES = 40


@dataclass(frozen=True)
class Block:
    """A block of the page: its language, its text, and the file it is for, if any."""

    language: str
    text: str
    file: str = ""

    @property
    def lines(self) -> list[str]:
        return [each for each in self.text.splitlines() if each.strip()]


def blocks() -> Iterator[Block]:
    """The blocks of the page, in order; "Replace `file`:" and "(Save it as `file`…)" name the file."""
    for found in re.finditer(r"^```(\w+)\n(.*?)^```$", PAGE, re.M | re.S):
        before, after = PAGE[:found.start()].rstrip(), PAGE[found.end():].lstrip()
        named = re.search(r"Replace\s+`([^`]+)`:\Z", before) or re.match(r"\(Save it as `([^`]+)`", after)
        yield Block(found[1], found[2], named[1] if named else "")


class Reader:
    """Somebody who does what the page says, in a folder of their own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.program: Program | None = None
        self.said: list[tuple[str, str]] = []
        tools = folder / "bin"
        tools.mkdir()
        for name, module in {"inbox": "inbox", "pytest": "pytest -p inbox.testing.pytest_plugin -p no:cacheprovider",
                             "python": ""}.items():
            tool = tools / name
            tool.write_text(f'#!/bin/sh\nexec {sys.executable} {f"-m {module}" if module else ""} "$@"\n')
            tool.chmod(0o755)
        self.env = environment(folder / "instance")
        del self.env["INBOX_HOME"]  # a reader has none
        self.env["PATH"] = f"{tools}{os.pathsep}{self.env['PATH']}"

    def follow(self, block: Block) -> None:
        if block.file:
            place = self.folder / block.file
            if block.file.startswith("instance/"):
                assert place.exists(), f"{block.file} is to be replaced, and is not there"
            place.write_text(self._ours(block.text), "utf-8")
        elif block.language == "sh":
            for line in block.lines:
                self.type(line)

    def type(self, line: str) -> None:
        if line.startswith(DONE):
            return
        if line == RUN:
            self.program = Program(self.folder / "instance", *shlex.split(line)[1:])
            return
        done = subprocess.run(["sh", "-c", line], cwd=self.folder, env=self.env, capture_output=True, text=True,
                              timeout=150)
        self.said.append((line, done.stdout + done.stderr))
        assert done.returncode == 0, f"$ {line}\n{done.stdout}{done.stderr}"

    def _ours(self, text: str) -> str:
        """The ports of a first desk may be taken on this machine."""
        return text.replace("2525", str(self.program.smtp_port)) if self.program else text

    def heard(self, line: str) -> list[str]:
        return [words for each, words in self.said if each.startswith(line)]


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reader]:
    """A reader who is at the end of the page."""
    someone = Reader(tmp_path_factory.mktemp("reader"))
    try:
        for block in blocks():
            someone.follow(block)
        yield someone
    finally:
        if someone.program is not None:
            someone.program.stop()


def test_own_code_is_less_than_forty_lines() -> None:
    own = [line for block in blocks() if block.file.startswith("instance/") and block.language == "python"
           for line in block.lines]
    assert 20 < len(own) < MOST_LINES
    assert f"all you have written: {len(own)} lines" in PAGE


def test_the_tests_are_green_before_and_after(reader: Reader) -> None:
    before, after = reader.heard("pytest ")
    assert "4 passed" in before
    assert "2 passed" in after


def test_the_panel_is_beside_a_ticket_on_the_running_desk(reader: Reader) -> None:
    assert reader.program is not None
    with httpx.Client(base_url=reader.program.url, timeout=60) as browser:
        token = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', browser.get("/sign-in").text)
        assert token
        browser.post("/sign-in", data={"email": LOGIN[0], "password": LOGIN[1], "csrf_token": token[1]})
        end = time.monotonic() + 60
        while "silver medal" not in (page := _newest(browser)):
            assert time.monotonic() < end, page[-3000:]
            time.sleep(0.5)
    assert re.search(r"Messages so far</dt>\s*<dd[^>]*>2</dd>", page)


def _newest(browser: httpx.Client) -> str:
    """The page of the newest ticket that the letters have opened; empty while there is none."""
    found = re.findall(r'href="([^"]*tickets/\d+[^"]*)"[^>]*>(?:(?!</a>).)*A loyal question',
                       browser.get("/views/unassigned").text, re.S)
    return browser.get(found[0]).text if found else ""


def test_the_check_says_what_the_page_says(reader: Reader) -> None:
    (said,) = reader.heard("inbox plugin check")
    assert said.startswith("Plugin loyalty: bronze.")
    assert "for silver:" in said


def test_it_is_packaged_and_installed_elsewhere(reader: Reader) -> None:
    (zipped,) = reader.heard("inbox plugin activate --home other")
    assert "Plugin loyalty is active." in zipped
    (wheel,) = (reader.folder / "dist").glob("pluginbox_loyalty-*.whl")
    for line in ("inbox init --home third", f"inbox plugin install --yes --home third {wheel}",
                 "inbox plugin activate --home third loyalty"):
        reader.type(line)
    assert "Plugin loyalty is active." in reader.said[-1][1]
