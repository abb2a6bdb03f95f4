"""Writes a new plugin's folder from `scaffold/`: one that works, with everything a plugin usually has."""

from __future__ import annotations

from pathlib import Path

from inbox import __version__
from inbox.plugin_host import manifest
from inbox.plugin_host.manifest import ManifestError

SCAFFOLD = Path(__file__).parent / "scaffold"
ENDING = ".txt"  # so that nobody takes the samples for code, or for files of ours


class NewPluginError(Exception):
    """The plugin cannot be written; the message says why. Nothing was."""


def write(name: str, parent: Path, title: str = "") -> list[Path]:
    """Write the plugin `name` into a new folder below `parent`. Returns its files. Raises NewPluginError."""
    words = {"@name@": name, "@title@": title or name.title(), "@inbox@": ".".join(__version__.split(".")[:2])}
    try:
        manifest.parse({"name": name, "title": words["@title@"], "version": "0.1.0"})
    except ManifestError as error:
        raise NewPluginError(f"{str(error)[0].upper()}{str(error)[1:]}") from error
    if any(mark in words["@title@"] for mark in '"\\\n'):
        raise NewPluginError("The title may not hold quotation marks, backslashes or line ends.")
    place = parent / name
    if place.exists():
        raise NewPluginError(f"{place} is there already; choose another name, or another folder.")
    made = []
    for source in sorted(SCAFFOLD.rglob(f"*{ENDING}")):
        target = place / _fill(str(source.relative_to(SCAFFOLD)).removesuffix(ENDING), words)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(_fill(source.read_text("utf-8"), words), "utf-8")
        made.append(target)
    return made


def _fill(text: str, words: dict[str, str]) -> str:
    for mark, word in words.items():
        text = text.replace(mark, word)
    return text
