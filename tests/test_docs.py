"""The documents keep step with the program: links resolve, commands exist, settings are all listed."""

import re
import shlex
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

import click
import pytest

from inbox.config import Config
from tests.support import events_page, toolkit_page
from tests.support.commands_page import PAGE, commands, with_builtins
from tests.support.commands_page import page as commands_page

pytestmark = pytest.mark.once

ROOT = Path(__file__).parent.parent
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
KINDS = ("tutorial", "how-to", "reference", "explanation", "decisions")


def anchors(text: str) -> set[str]:
    """Return the anchors of a page's headings as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", text, re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


def broken_links(page: Path, text: str) -> list[str]:
    """Return the relative links of a page that lead nowhere."""
    prose = re.sub(r"^```.*?^```", "", text, flags=re.M | re.S)
    found = []
    for target in re.findall(r"\]\(([^)\s]+)\)", prose):
        if re.match(r"[a-z]+:", target):
            continue
        name, _, anchor = target.partition("#")
        other = page if not name else (page.parent / name)
        if not other.exists() or (anchor and anchor not in anchors(other.read_text("utf-8"))):
            found.append(target)
    return found


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_resolve(page: Path) -> None:
    assert broken_links(page, page.read_text("utf-8")) == []


def test_broken_links_are_found() -> None:
    page = ROOT / "README.md"
    assert broken_links(page, "[a](docs/none.md) [b](#nowhere) [c](https://x.example)") == ["docs/none.md", "#nowhere"]


@pytest.mark.parametrize("kind", KINDS)
def test_every_page_is_in_its_index(kind: str) -> None:
    index = (ROOT / "docs" / kind / "README.md").read_text("utf-8")
    pages = {page.name for page in (ROOT / "docs" / kind).glob("*.md")} - {"README.md"}
    linked = set(re.findall(r"\]\(([\w.-]+\.md)", index))
    assert pages == linked


# --- commands ---------------------------------------------------------------------------------------


def code_lines(text: str) -> Iterator[str]:
    """Yield the lines of a page's code blocks, and its inline code."""
    for block in re.findall(r"^```\w*\n(.*?)^```", text, re.M | re.S):
        yield from block.splitlines()
    prose = re.sub(r"^```.*?^```", "", text, flags=re.M | re.S)
    yield from re.findall(r"`([^`\n]+)`", prose)


def command_tree() -> click.Group:
    """Return the `inbox` command."""
    from inbox.cli import main

    assert isinstance(main, click.Group)
    return with_builtins(main)


def unknown_command(line: str, main: click.Group) -> str | None:
    """Return what of an `inbox …` line the program does not know (a word or an option), or None."""
    match = re.match(r"(?:\$ )?(?:sudo -u \S+ )?(?:\S*/)?inbox (.*)", line)
    if not match:
        return None
    command: click.Command = main
    known = {option for parameter in main.params for option in parameter.opts} | {"--help"}
    words = shlex.split(match[1].replace("…", ""), comments=True)
    for word in words:
        if isinstance(command, click.Group) and re.fullmatch(r"[a-z-]+", word) and not word.startswith("-"):
            if word not in command.commands:
                return word
            command = command.commands[word]
            known |= {option for parameter in command.params for option in parameter.opts}
    options = {word.partition("=")[0].strip("[]") for word in words if word.lstrip("[").startswith("--")}
    return next(iter(options - known), None)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_commands_exist(page: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.M))
    wrong = []
    for line in code_lines(page.read_text("utf-8")):
        if (match := re.match(r"(?:\$ )?make ([a-z-]+)", line)) and match[1] not in targets:
            wrong.append(line)
        if unknown_command(line, command_tree()):
            wrong.append(line)
    assert wrong == []


def test_unknown_commands_are_found() -> None:
    main = command_tree()
    assert unknown_command("$ inbox make-coffee", main)
    assert unknown_command("bin/inbox agent fry ada@example.com", main)
    assert unknown_command("inbox run --backwards", main)
    assert unknown_command("inbox run --demo", main) is None


def test_commands_page_is_up_to_date() -> None:
    assert PAGE.read_text("utf-8") == commands_page(command_tree()), "run `make docs`"


def test_events_page_is_up_to_date() -> None:
    assert events_page.PAGE.read_text("utf-8") == events_page.page(), "run `make docs`"


def test_every_event_is_recorded_somewhere_with_what_it_carries() -> None:
    known = events_page.carried()
    assert known.keys() <= events_page.KINDS.keys()
    assert known["ticket_assigned"] == {"ticket", "agent", "before"}
    assert known["reply_failed"] == {"ticket", "message", "state"}  # the kind is chosen at run time there


def test_toolkit_page_is_up_to_date() -> None:
    assert toolkit_page.PAGE.read_text("utf-8") == toolkit_page.page(), "run `make docs`"


def test_every_name_of_the_toolkit_says_what_it_is() -> None:
    silent = [line for line in toolkit_page.page().splitlines() if re.fullmatch(r"\| `[^`]+` \|  \|", line)]
    assert silent == []


def test_every_command_and_option_says_what_it_does() -> None:
    silent = []
    for name, command in commands(command_tree()):
        silent += [] if command.help else [name]
        silent += [f"{name} {o.opts[0]}" for o in command.params if isinstance(o, click.Option) and not o.help]
    assert silent == []


# --- settings ---------------------------------------------------------------------------------------


def test_every_setting_is_described() -> None:
    page = (ROOT / "docs/reference/settings.md").read_text("utf-8")
    described = set(re.findall(r"^\| `([a-z_]+)` \|", page, re.M))
    assert described == {field.name for field in fields(Config)}


def test_what_make_runs_is_there() -> None:
    modules = re.findall(r"python -m ((?:bench|tests)[\w.]*)", (ROOT / "Makefile").read_text())
    places = [ROOT.joinpath(*name.split(".")) for name in modules]
    missing = [p for p in places if not (p.with_suffix(".py").exists() or (p / "__main__.py").exists())]
    assert modules
    assert missing == []
