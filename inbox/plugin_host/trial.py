"""Tries a plugin's code before it is trusted: in a process of its own, with a time limit, on an empty database.

What it does there hurts nobody: it may raise, exit, hang or eat memory. `inbox.plugin_trial` is what runs there.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from inbox.config import Config
from inbox.plugin_host import discover
from inbox.plugin_host.discover import Found

SECONDS = 60
LAST_WORDS = 2000


class TrialError(Exception):
    """The plugin's code cannot be used; the message names the plugin, the place and the next step."""


@dataclass(frozen=True)
class Outcome:
    """What was seen: why it cannot be used (empty: it can), the deprecated hooks it answers, where it failed."""

    problem: str = ""
    deprecated: tuple[str, ...] = ()
    trace: str = ""


def run(config: Config, found: Found, *, packages: Path | None = None, scratch: Path | None = None) -> Outcome:
    """Import a plugin after those it builds on, check its answers and what it registers.

    With `scratch`, a copy of an SQLite database, its migrations are run there as well. `packages` is where its Python
    packages lie, when that is not their place yet.
    """
    here = discover.scan(config)
    needed = found.manifest.requires_plugins if found.manifest else ()
    with tempfile.TemporaryDirectory() as folder:
        answer = Path(folder) / "answer.json"
        task = {"home": folder, "answer": str(answer), "scratch": str(scratch) if scratch else None,
                "needed": [_place(config, here[name]) for name in needed if name in here],
                "plugin": _place(config, found) | ({"packages": str(packages)} if packages else {})}
        try:
            done = subprocess.run([sys.executable, "-m", "inbox.plugin_trial"], input=json.dumps(task), text=True,
                                  errors="replace", capture_output=True, timeout=SECONDS, check=False,
                                  env=environment())
        except subprocess.TimeoutExpired:
            return Outcome(f"Plugin {found.name} took longer than {SECONDS} seconds to be imported. Its author must "
                           "not wait for anything there.")
        if not answer.exists():
            how = f"signal {-done.returncode}" if done.returncode < 0 else f"exit code {done.returncode}"
            return Outcome(f"Plugin {found.name} ended the process that imported it ({how}).",
                           trace=done.stderr[-LAST_WORDS:])
        said: dict[str, Any] = json.loads(answer.read_text("utf-8"))
        return Outcome(said["problem"], tuple(said["deprecated"]), said["trace"])


def _place(config: Config, found: Found) -> dict[str, str]:
    return {"name": found.name, "folder": str(found.folder), "module": found.module,
            "packages": str(config.package_folder / found.name)}


def require(config: Config, found: Found, *, packages: Path | None = None) -> None:
    """Raise TrialError unless the plugin's code can be used."""
    outcome = run(config, found, packages=packages)
    if outcome.problem:
        raise TrialError(outcome.problem)


def environment() -> dict[str, str]:
    """Ours, so that the same packages are found, without our settings: nothing there may reach our database."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("INBOX_")}
    return {**clean, "PYTHONPATH": os.pathsep.join(each for each in sys.path if each), "PYTHONDONTWRITEBYTECODE": "1"}
