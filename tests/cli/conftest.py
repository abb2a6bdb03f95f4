"""Commands in this process, on the database under test."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from inbox.cli import main


class Commands:
    """`run("agent", "list")` on one home; `json(…)` adds --json and reads the answer."""

    def __init__(self, home: Path, database_url: str) -> None:
        self.home = home
        self.env = {"INBOX_HOME": str(home), "INBOX_DATABASE_URL": database_url}

    def run(self, *words: str, input: str | bytes | None = None, code: int = 0) -> Result:
        """Run one command; fail unless it ends with `code`."""
        done = CliRunner().invoke(main, list(words), input=input, env=self.env)
        if done.exception is not None and not isinstance(done.exception, SystemExit):
            raise done.exception
        assert done.exit_code == code, done.output
        return done

    def json(self, *words: str, **options: Any) -> Any:
        """Run a command that prints JSON; return what it says."""
        return json.loads(self.run(*words, "--json", **options).stdout)


@pytest.fixture
def commands(home: Path, database_url: str) -> Commands:
    """Commands on an empty, migrated desk."""
    return Commands(home, database_url)


@pytest.fixture
def commands_on() -> Callable[[Path, str], Commands]:
    """Commands on any home: `commands_on(home, database_url)`."""
    return Commands
