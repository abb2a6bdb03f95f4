"""`inbox run --dev`: what the author of a plugin saves is taken up by itself."""

import time
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from inbox.config import ConfigError, load_config
from inbox.testing.plugins import write_plugin
from tests.support.program import Program, inbox

pytestmark = pytest.mark.once

CODE = '''
from flask import Blueprint, render_template
from inbox.toolkit import Pages, hookimpl, session
import sqlalchemy as sa

pages = Blueprint("pages", __name__)

@pages.get("/")
def say():
    return render_template("loyalty/say.html", code="first")

@pages.get("/tables")
def tables():
    return str(session().execute(sa.text("SELECT count(*) FROM loyalty_card")).scalar())

@hookimpl
def register_blueprints():
    return [Pages(pages, public=True)]
'''
MIGRATION = '''
import sqlalchemy as sa
from alembic import op
revision = "0001"
down_revision = None
def upgrade() -> None:
    op.create_table("loyalty_card", sa.Column("id", sa.Integer(), primary_key=True))
'''


def soon(program: Program, path: str, wanted: str, seconds: float = 40) -> None:
    """Wait until a page of the plugin says something."""
    end, said = time.monotonic() + seconds, ""
    while said != wanted:
        assert time.monotonic() < end, f"{path} says {said!r}, not {wanted!r}: {program.output()[-2000:]}"
        answer = httpx.get(f"{program.url}/x/loyalty{path}", timeout=30)
        said = answer.text if answer.status_code == 200 else str(answer.status_code)
        time.sleep(0.1)


def test_what_is_saved_is_taken_up(start_program: Callable[..., Program], tmp_path: Path) -> None:
    place = write_plugin(tmp_path / "work", "loyalty", CODE)
    template = place / "templates" / "loyalty" / "say.html"
    template.parent.mkdir(parents=True)
    template.write_text("{{ code }} page")
    home = tmp_path / "home"
    assert inbox(home, "init").returncode == 0
    program = start_program("run", "--dev", "--plugin", str(place), home=home)
    soon(program, "/", "first page")  # installed and activated by itself, where it lies

    template.write_text("{{ code }} leaf")
    soon(program, "/", "first leaf", 5)

    (place / "migrations").mkdir()
    (place / "migrations" / "m0001.py").write_text(MIGRATION)
    (place / "__init__.py").write_text(CODE.replace("first", "second"))
    soon(program, "/", "second leaf")
    soon(program, "/tables", "0")

    (place / "__init__.py").write_text("raise ValueError('half written')")
    soon(program, "/", "404")
    assert httpx.get(f"{program.url}/healthz").status_code == 200
    (place / "__init__.py").write_text(CODE.replace("first", "third"))
    soon(program, "/", "third leaf")
    assert not (home / "plugins" / "loyalty").exists()  # it stayed where it lies


def test_development_is_for_this_machine_only(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"leave host on 127\.0\.0\.1"):
        load_config(tmp_path, dev=True, host="0.0.0.0")


def test_a_folder_to_work_on_goes_with_dev(tmp_path: Path) -> None:
    done = inbox(tmp_path, "run", "--plugin", str(tmp_path))
    assert done.returncode == 2
    assert b"--plugin goes with --dev" in done.stderr
