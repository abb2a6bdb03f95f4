"""theme.toml, chains of themes, what may be in one, which copies of templates are old."""

import zipfile
from pathlib import Path

import pytest

from inbox import colors
from inbox.config import Config
from inbox.plugin_host import theme_files, themes
from inbox.plugin_host.themes import Theme, ThemeError

GOOD = {"name": "dusk", "title": "Dusk", "version": "1.0"}


def write(folder: Path, name: str, more: str = "", **files: str) -> Path:
    """A theme's folder."""
    place = folder / name
    place.mkdir(parents=True)
    (place / "theme.toml").write_text(f'name = "{name}"\ntitle = "{name.title()}"\nversion = "1.0"\n{more}', "utf-8")
    for path, content in files.items():
        (place / path).parent.mkdir(parents=True, exist_ok=True)
        (place / path).write_text(content, "utf-8")
    return place


def test_the_tokens_of_a_theme_become_css() -> None:
    table = GOOD | {"tokens": {"accent": {"light": "#003366", "dark": "oklch(80% .1 250)"}, "radius": "4px",
                               "font": '"Noto Sans", sans-serif', "line": "#ccc"}}
    assert themes.parse(table, Path()).tokens == {
        "accent": "light-dark(#003366, oklch(80% .1 250))", "radius": "4px", "font": '"Noto Sans", sans-serif',
        "line": "#ccc"}


@pytest.mark.parametrize(("change", "words"), [
    ({"name": "Dusk"}, "small letters"), ({"title": ""}, "title must be text"), ({"version": "new"}, "must look like"),
    ({"color": "red"}, "no field called color"), ({"tokens": ["a"]}, "tokens is a table"),
    ({"tokens": {"accent": "red; } body { display: none"}}, "no colour"),
    ({"tokens": {"accent": "url(https://evil.example)"}}, "no colour"),
    ({"tokens": {"Accent": "#fff"}}, "A token is called"), ({"tokens": {"accent": {"light": "#fff"}}}, "a pair"),
    ({"tokens": {"font": "x; } *{}"}}, "names of fonts"), ({"tokens": {"accent": 3}}, "text in quotes")])
def test_a_wrong_theme_is_refused_in_words(change: dict[str, object], words: str) -> None:
    with pytest.raises(ThemeError, match=words):
        themes.parse(GOOD | change, Path())


def test_themes_lie_in_the_program_and_in_the_home(config: Config) -> None:
    write(config.home / "themes", "dusk")
    write(config.home / "themes", "torn", "tokens = 3\n")
    write(config.home / "themes", "compact")  # a bundled one wins
    found = themes.scan(config)
    assert {"compact", "contrast", "dusk", "torn"} <= set(found)
    assert found["dusk"].is_ours and not found["compact"].is_ours
    assert "tokens is a table" in found["torn"].problem


def test_a_child_adds_to_its_parent(tmp_path: Path) -> None:
    parent = Theme("a", "A", "1", tmp_path, tokens={"ink": "#111", "line": "#ccc"})
    child = Theme("b", "B", "1", tmp_path, parent="a", tokens={"ink": "#222"})
    chain = themes.chain({"a": parent, "b": child}, "b")
    assert [each.name for each in chain] == ["b", "a"]
    assert themes.tokens(chain) == {"ink": "#222", "line": "#ccc"}


@pytest.mark.parametrize("parents", [{"a": "b", "b": "a"}, {"a": "a"}, {"a": "gone"}])
def test_a_circle_or_a_missing_parent_is_refused(tmp_path: Path, parents: dict[str, str]) -> None:
    found = {name: Theme(name, name, "1", tmp_path, parent=parent) for name, parent in parents.items()}
    with pytest.raises(ThemeError):
        themes.chain(found, "a")


@pytest.mark.parametrize(("name", "ratio"), [("compact", colors.AA), ("contrast", colors.AAA)])
def test_the_bundled_themes_can_be_read(config: Config, name: str, ratio: float) -> None:
    found = themes.scan(config)
    assert themes.faint(themes.tokens(themes.chain(found, name)), ratio) == []
    assert found[name].problem == "" and (found[name].static / "theme.css").is_file()


def test_our_own_look_can_be_read_and_a_faint_one_is_found() -> None:
    assert themes.faint({}) == []
    assert {each.text for each in themes.faint({"ink-soft": "#999999"})} == {"ink-soft"}


@pytest.mark.parametrize(("template", "is_protected"), [
    ("auth/sign_in.html", True), ("setup/owner.html", True), ("settings/plugins.html", True),
    ("settings/plugin_upload.html", True), ("settings/themes.html", True), ("errors/page.html", True),
    ("ticket/page.html", False), ("settings/desk.html", False), ("layout/base.html", False)])
def test_what_no_theme_replaces(template: str, is_protected: bool) -> None:
    assert themes.is_protected(template) is is_protected


# --- bringing one -----------------------------------------------------------------------------------------------


def packed(path: Path, folder: Path, **more: str) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for each in sorted(folder.rglob("*")):
            if each.is_file():
                archive.write(each, f"{folder.name}/{each.relative_to(folder).as_posix()}")
        for name, content in more.items():
            archive.writestr(name, content)
    return path


def test_a_zip_becomes_a_theme_and_a_newer_one_takes_its_place(config: Config, tmp_path: Path) -> None:
    folder = write(tmp_path, "dusk", **{"static/theme.css": "a {}", "templates/ticket/page.html": "x"})
    assert theme_files.add(config, packed(tmp_path / "a.zip", folder)).title == "Dusk"
    (folder / "static" / "theme.css").unlink()
    theme_files.add(config, packed(tmp_path / "b.zip", folder))
    place = config.home / "themes" / "dusk"
    assert not (place / "static").exists() and (place / "templates" / "ticket" / "page.html").is_file()
    assert [each.name for each in (config.home / "themes").iterdir()] == ["dusk"]
    theme_files.remove(config, "dusk")
    assert not place.exists()


def test_a_theme_that_cannot_be_put_into_its_place_leaves_the_old_one(
        config: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = write(tmp_path, "dusk", **{"static/theme.css": "a {}"})
    theme_files.add(config, packed(tmp_path / "a.zip", folder))
    (folder / "static" / "theme.css").write_text("b {}")
    rename = Path.rename

    def full(self: Path, target: Path) -> Path:
        if self.name == "theme":
            raise OSError("No space left on device")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", full)
    with pytest.raises(ThemeError, match="dusk cannot be copied: No space left"):
        theme_files.add(config, packed(tmp_path / "b.zip", folder))
    assert (config.home / "themes" / "dusk" / "static" / "theme.css").read_text() == "a {}"
    assert [each.name for each in (config.home / "themes").iterdir()] == ["dusk"]


@pytest.mark.parametrize(("name", "words"), [
    ("dusk/evil.py", "does not belong"), ("dusk/templates/x.py", "does not belong"),
    ("dusk/static/x.js", "does not belong"), ("dusk/static/x.svg", "does not belong"),
    ("dusk/static/../../../x.css", "leads out"), ("dusk/templates/page.txt", "does not belong")])
def test_a_theme_holds_no_programs(config: Config, tmp_path: Path, name: str, words: str) -> None:
    with pytest.raises(ThemeError, match=words):
        theme_files.add(config, packed(tmp_path / "a.zip", write(tmp_path, "dusk"), **{name: "x"}))
    assert list((config.home / "themes").iterdir()) == []


def test_a_bundled_theme_is_not_replaced(config: Config, tmp_path: Path) -> None:
    with pytest.raises(ThemeError, match="comes with the program"):
        theme_files.add(config, packed(tmp_path / "a.zip", write(tmp_path, "compact")))


def test_a_parent_is_not_removed(config: Config) -> None:
    write(config.home / "themes", "dusk")
    write(config.home / "themes", "night", 'parent = "dusk"\n')
    with pytest.raises(ThemeError, match="builds on"):
        theme_files.remove(config, "dusk")
    with pytest.raises(ThemeError, match="in this site"):
        theme_files.remove(config, "compact")


# --- copies of templates ----------------------------------------------------------------------------------------

OURS = {"ticket/page.html": "one", "desk/list.html": "two", "auth/sign_in.html": "three"}


def test_the_report_tells_which_copies_are_older_than_their_original(tmp_path: Path) -> None:
    theme_files.copy(tmp_path, "ticket/page.html", OURS.get)
    theme_files.copy(tmp_path, "desk/list.html", OURS.get)
    for name, content in {"ticket/_head.html": "x", "auth/sign_in.html": "y"}.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(content)
    (tmp_path / "desk/_rows.html").write_text('{% extends "core:desk/_rows.html" %}')
    (tmp_path / "desk/_pager.html").write_text("mine")
    now = OURS | {"desk/list.html": "two, changed", "desk/_rows.html": "rows", "desk/_pager.html": "pager"}
    assert {each.template: each.state for each in theme_files.report({"": tmp_path}, now.get)} == {
        "ticket/page.html": "same", "desk/list.html": "older", "ticket/_head.html": "nothing",
        "auth/sign_in.html": "protected", "desk/_rows.html": "extends", "desk/_pager.html": "unknown"}


@pytest.mark.parametrize("template", ["auth/sign_in.html", "no/such.html"])
def test_what_cannot_be_copied(tmp_path: Path, template: str) -> None:
    with pytest.raises(ThemeError):
        theme_files.copy(tmp_path, template, OURS.get)
