"""Python packages that plugins require: fetched by pip as wheels, into a folder of the plugin's own.

The program's own versions are constraints: pip refuses what would not fit to them, and what lies here is searched
last, so it can never take the place of something the program uses. Where pip may not run, `command` says what a
person has to type.
"""

from __future__ import annotations

import importlib.util
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from importlib.metadata import distributions
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

import inbox
from inbox.config import Config
from inbox.plugin_host import discover
from inbox.plugin_host.discover import Found

PIP_SECONDS = 300
OURS = "pluginbox"
OPTIONS = ("--only-binary", ":all:", "--no-input", "--disable-pip-version-check", "--no-color", "--quiet")


class RequirementsError(Exception):
    """What a plugin requires could not be installed; the message says why and what to type."""


def of(config: Config, found: Found) -> list[str]:
    """What a plugin that lies here requires: by its manifest, and by the metadata of the wheel it came in."""
    lines = list(found.manifest.requires_python) if found.manifest else []
    if not found.module.startswith(f"{discover.PACKAGE}."):
        for package in distributions(path=[str(config.package_folder / found.name)]):
            if package.entry_points.select(group=discover.GROUP, name=found.name):
                lines += package.requires or []
    return list(dict.fromkeys(lines))


def missing(config: Config, name: str, requires: Iterable[str], folder: Path | None = None) -> list[str]:
    """What of a plugin's requirements is neither in this program's environment nor in the plugin's own folder.

    Raises RequirementsError for one that nobody can read, or that this version of the program does not meet.
    """
    there = _versions([*discover.core_paths(), str(folder or config.package_folder / name)])
    wanted = []
    for line in requires:
        try:
            requirement = Requirement(line)
        except InvalidRequirement as error:
            raise RequirementsError(f"It requires {line!r}, which pip would not understand.") from error
        if requirement.marker is not None and not requirement.marker.evaluate({"extra": ""}):
            continue
        if requirement.url:  # pip would build it, whatever it is told about wheels
            raise RequirementsError(f"It requires {line!r}, an address: only packages of the index are fetched, as "
                                    "wheels. Ask the author to name a version instead.")
        number = there.get(canonicalize_name(requirement.name))
        if canonicalize_name(requirement.name) == OURS:
            if not requirement.specifier.contains(inbox.__version__, prereleases=True):
                raise RequirementsError(f"It requires {line}; this is Pluginbox {inbox.__version__}.")
        elif number is None or not requirement.specifier.contains(number, prereleases=True):
            wanted.append(str(requirement))
    return wanted


def can_install(config: Config) -> bool:
    """True when pip is here and the settings allow it to be run."""
    return config.plugin_installs and importlib.util.find_spec("pip") is not None


def command(config: Config, name: str, wanted: Iterable[str]) -> str:
    """What to type in a shell so that a plugin finds what it requires."""
    return shlex.join([sys.executable, "-m", "pip", "install", "--only-binary", ":all:", "--target",
                       str(config.package_folder / name), *wanted])


def install(config: Config, name: str, wanted: Iterable[str], target: Path) -> None:
    """Let pip put packages into `target`. Raises RequirementsError; what lies in `target` then is of no use."""
    wanted = list(wanted)
    if not wanted:
        return
    if not can_install(config):
        raise RequirementsError(f"It requires {', '.join(wanted)}, and nothing may be installed from here. "
                                f"Run this, then try again: {command(config, name, wanted)}")
    with tempfile.TemporaryDirectory() as folder:
        limits = Path(folder) / "constraints.txt"
        limits.write_text("".join(f"{line}\n" for line in _constraints()), "utf-8")
        _pip("install", *OPTIONS, "--no-warn-conflicts", "--upgrade", "--target", str(target),
             "--constraint", str(limits), *wanted)


def download(config: Config, wanted: str, folder: Path) -> Path:
    """Fetch the wheel of a package, without what it requires. Raises RequirementsError."""
    try:
        requirement = str(Requirement(wanted))
    except InvalidRequirement as error:
        raise RequirementsError(f"{wanted!r} is neither a plugin that lies here, nor a file, nor the name of a Python "
                                "package.") from error
    if not can_install(config):
        raise RequirementsError(f"There is no plugin called {wanted}, and nothing may be fetched from here. Download "
                                "its wheel, and name the file.")
    _pip("download", *OPTIONS, "--no-deps", "--dest", str(folder), requirement)
    wheels = sorted(folder.glob("*.whl"))
    if len(wheels) != 1:
        raise RequirementsError(f"pip has fetched no wheel for {wanted}.")
    return wheels[0]


def _pip(verb: str, *words: str) -> None:
    try:
        done = subprocess.run([sys.executable, "-m", "pip", verb, *words], stdin=subprocess.DEVNULL, check=False,
                              capture_output=True, text=True, errors="replace", timeout=PIP_SECONDS)
    except subprocess.TimeoutExpired as error:
        raise RequirementsError(f"pip did not end within {PIP_SECONDS} seconds. Try again later.") from error
    if done.returncode:
        said = [line.removeprefix("ERROR: ") for line in done.stderr.splitlines() if line.startswith("ERROR")]
        raise RequirementsError(f"pip refused: {' '.join(said)[:1000] or done.stderr.strip()[-1000:]}")


def _constraints() -> list[str]:
    """The versions the program runs with, one a line."""
    return [f"{name}=={number}" for name, number in sorted(_versions(discover.core_paths()).items()) if name != OURS]


def _versions(path: list[str]) -> dict[str, str]:
    """Every package on a path with its version; the first of a name is the one that is imported."""
    found: dict[str, str] = {}
    for each in distributions(path=path):
        try:
            found.setdefault(canonicalize_name(each.metadata["Name"] or ""), str(Version(each.version)))
        except (InvalidVersion, TypeError):
            continue  # remains of a package, which pip ignores too
    found.pop("", None)
    return found
