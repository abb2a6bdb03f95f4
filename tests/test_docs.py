"""The documents keep step with the program: links resolve, commands exist, settings are all listed."""

import re
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

import click
import pytest

from inbox.config import Config

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
    return main


def unknown_command(line: str, main: click.Group) -> str | None:
    """Return the words of an `inbox …` line that the program does not know, or None."""
    match = re.match(r"(?:\$ )?(?:sudo -u \S+ )?(?:\S*/)?inbox ((?:[a-z-]+ ?)*)", line)
    if not match:
        return None
    group: click.Command = main
    for word in match[1].split():
        if not isinstance(group, click.Group):
            return None  # arguments follow
        if word not in group.commands:
            return f"inbox {match[1].strip()}"
        group = group.commands[word]
    return None


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
    assert unknown_command("inbox run --demo", main) is None


def commands(group: click.Group, words: tuple[str, ...] = ("inbox",)) -> Iterator[tuple[str, click.Command]]:
    """Yield (full name, command) for every command that is not a group."""
    for name, command in sorted(group.commands.items()):
        if isinstance(command, click.Group):
            yield from commands(command, (*words, name))
        elif not command.hidden:
            yield " ".join((*words, name)), command


def test_every_command_and_option_is_described() -> None:
    page = (ROOT / "docs/reference/commands.md").read_text("utf-8")
    sections = dict(re.findall(r"^### `([a-z -]+?)(?: [^a-z\n].*?)?`\n(.*?)(?=^##|\Z)", page, re.M | re.S))
    there = dict(commands(command_tree()))
    assert sorted(sections) == sorted(there)
    for name, command in there.items():
        for option in command.params:
            if isinstance(option, click.Option) and not option.hidden and "--help" not in option.opts:
                assert f"`{option.opts[0]}" in sections[name], f"{name}: {option.opts[0]} is not described"


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
