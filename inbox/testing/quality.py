"""How good a plugin is: bronze, silver or gold, and what is missing for the next. `inbox plugin check` prints it.

Bronze is the contract. Silver also: tests of its faults, personal data with a way out, a health check, nothing slow.
Gold also: translated, its limits written down, its upgrade tested.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

from inbox import migrate, secrets
from inbox.app import create_app
from inbox.config import Config
from inbox.db import db, work_context
from inbox.plugin_host import call, discover, lifecycle, trial
from inbox.plugin_host.discover import Found
from inbox.testing import contract_calls, factories
from inbox.testing.contract import complaints
from inbox.testing.desk import Desk

TIERS = ("bronze", "silver", "gold")
SECONDS = 120
SLOW_SECONDS = 0.1
ROUNDS = 5  # the quickest of them counts: a busy machine makes nobody slow


@dataclass(frozen=True)
class Quality:
    """The tier a plugin has reached (empty: none) and, for each, what is missing."""

    name: str
    tier: str
    missing: dict[str, list[str]] = field(default_factory=dict)


def judge(desk: Desk, name: str) -> Quality:
    """Try a plugin on this desk."""
    wrong = complaints(desk, name)
    missing = {"bronze": [f"{each.about}: {each.text}" for each in wrong]}
    found = discover.scan(desk.config).get(name)
    if found is not None and not [each for each in wrong if each.about in ("manifest", "load", "tables")]:
        readme = _read(found.folder / "README.md")
        lifecycle.activate(name)
        missing["bronze"] += _settings_not_described(desk, name, readme)
        missing["silver"] = list(_silver(desk, found))
        missing["gold"] = list(_gold(found, readme))
    tier = ""
    for each in TIERS:
        if missing.get(each, ["unknown"]):
            break
        tier = each
    return Quality(name, tier, {each: texts for each, texts in missing.items() if texts})


def _settings_not_described(desk: Desk, name: str, readme: str) -> list[str]:
    items = desk.host.items_of(name).get("register_settings", [])
    return [f'readme: the setting "{each.title}" is not described there.' for each in items
            if each.title not in readme and each.name not in readme]


def _silver(desk: Desk, found: Found) -> Iterator[str]:
    tests = "\n".join(_read(each) for each in (found.folder / "tests").glob("**/test_*.py"))
    items, manifest = desk.host.items_of(found.name), found.manifest
    assert manifest is not None
    if "plugin_contract" not in tests:
        yield "No test of its own asks for plugin_contract."
    if not re.search(r"\b(faults|remote)\b", tests):
        yield "No test shows what happens when something fails (the fixtures faults and remote)."
    if manifest.stores and "register_personal_data" in desk.host.specs and not items.get("register_personal_data"):
        yield "It keeps personal data and neither exports nor erases it (register_personal_data)."
    if "network" in manifest.asks and not items.get("register_health_checks"):
        yield "It uses the network and has no health check (register_health_checks)."
    yield from _slow(desk, found.name)


def _slow(desk: Desk, name: str) -> Iterator[str]:
    agent = factories.make_agent(role="owner")
    facts = contract_calls.sample_facts(desk, desk.receive_email("Is it slow?"), agent)
    module = desk.host.pm.get_plugin(name)
    with desk.app.test_request_context("/"):
        for slot, chosen in contract_calls.slots(desk, facts).items():
            if hasattr(module, slot):
                took = min(_seconds(slot, chosen) for _ in range(ROUNDS))
                if took > SLOW_SECONDS:
                    yield f"{slot} takes {took * 1000:.0f} ms; more than {SLOW_SECONDS * 1000:.0f} is slow."


def _seconds(slot: str, facts: dict[str, object]) -> float:
    began = time.perf_counter()
    call.slot(slot, **facts)
    return time.perf_counter() - began


def _gold(found: Found, readme: str) -> Iterator[str]:
    if not list((found.folder / "translations").glob("*/LC_MESSAGES/messages.po")):
        yield "It is not translated (translations/<language>/LC_MESSAGES/messages.po)."
    if not re.search(r"^#+ .*\blimits?\b", readme, re.I | re.M):
        yield 'Its README has no section "Limits".'
    if not any("upgrade" in _read(each) for each in (found.folder / "tests").glob("**/test_*.py")):
        yield "No test upgrades it from the version before."


def _read(path: Path) -> str:
    return path.read_text("utf-8") if path.is_file() else ""


# --- apart ------------------------------------------------------------------------------------------------------


def judge_apart(config: Config, found: Found) -> Quality:
    """Try a plugin on a desk that is thrown away, in a process of its own: whatever it does there hurts nobody."""
    with tempfile.TemporaryDirectory(prefix="inbox-check-") as folder:
        others = [[each.name, str(each.folder)] for each in discover.scan(config).values() if each.source != "bundled"]
        task = {"name": found.name, "folder": str(found.folder), "home": folder, "plugins": others,
                "packages": str(config.package_folder)}
        answer = Path(folder) / "answer.json"
        try:
            done = subprocess.run([sys.executable, "-m", "inbox.testing.quality", str(answer)], input=json.dumps(task),
                                  text=True, errors="replace", capture_output=True, timeout=SECONDS, check=False,
                                  env=trial.environment())
        except subprocess.TimeoutExpired:
            return _none(found.name, f"It took longer than {SECONDS} seconds to be tried.")
        if not answer.exists():
            words = (done.stderr.strip().splitlines() or [""])[-1]
            why = f"It ended the process it was tried in (exit code {done.returncode}). {words}"
            return _none(found.name, why.strip())
        return Quality(**json.loads(answer.read_text("utf-8")))


def _none(name: str, why: str) -> Quality:
    return Quality(name, "", {"bronze": [f"load: {why}"]})


def main(answer: str) -> None:
    """What runs in the process of its own: the task comes on standard input, the answer goes into a file."""
    task = json.load(sys.stdin)
    home = Path(task["home"]) / "home"
    home.mkdir()
    config = Config(home=home, private_hosts="127.0.0.1", testing=True)
    if Path(task["packages"]).is_dir():
        config.package_folder.symlink_to(task["packages"])
    secrets.ensure_key(config)
    app = create_app(config)
    with work_context(app):
        migrate.migrate(db.engine)
        desk = Desk(app)
        desk.put(Path(task["folder"]), task["name"])
        for name, folder in task["plugins"]:
            desk.put(Path(folder), name)
        result = judge(desk, task["name"])
    Path(answer).write_text(json.dumps(asdict(result)), "utf-8")


if __name__ == "__main__":
    main(sys.argv[1])
