"""Events wait for a plugin whose code cannot be loaded, and reach it in order once it is mended."""

import dataclasses
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from flask import Flask
from sqlalchemy.orm import Session

from inbox.app import create_app
from inbox.core import messages
from inbox.core.events import Actor
from inbox.core.messages import Body
from inbox.core.models import Delivery
from inbox.db import db, transaction, work_context
from inbox.jobs import deliveries, dispatch
from inbox.plugin_host import lifecycle
from inbox.plugin_host.models import Plugin
from inbox.testing.factories import make_ticket
from inbox.testing.plugins import host_of, without_builtins, write_plugin

LISTENS = """
import pathlib
from inbox.toolkit import hookimpl

@hookimpl
def note_added(note):
    with pathlib.Path(__file__).with_name("told").open("a") as file:
        file.write(f"{note.text} ")
"""


@pytest.fixture(autouse=True)
def _clean_imports() -> Iterator[None]:
    yield
    sys.modules.pop("inbox_plugins.kind", None)


@pytest.fixture
def kind(app: Flask, session: Session) -> Path:
    """The folder of an active plugin that notes what notes it is told of."""
    place = write_plugin(app.config["INBOX"].plugin_folder, "kind", LISTENS)
    lifecycle.activate("kind")
    return place


def _import_fails(place: Path) -> None:
    (place / "__init__.py").write_text("raise ValueError('saved too early')", "utf-8")


def _folder_is_gone(place: Path) -> None:
    shutil.move(place, place.with_name(".aside"))


def _is_too_new(place: Path) -> None:
    manifest = place / "plugin.toml"
    manifest.write_text(manifest.read_text("utf-8") + 'requires_inbox = ">=99"\n', "utf-8")


def restart(app: Flask, **changes: object) -> Flask:
    """Another process of the same site."""
    sys.modules.pop("inbox_plugins.kind", None)
    other = create_app(dataclasses.replace(app.config["INBOX"], **changes))
    without_builtins(other).raise_faults = False
    return other


def note(text: str) -> None:
    messages.note(make_ticket(), Body(text), by=Actor.system("test"))


def rows() -> list[tuple[str, str]]:
    db.session.rollback()
    return [(row.plugin, row.state) for row in db.session.scalars(sa.select(Delivery).order_by(Delivery.event_id))]


@pytest.mark.parametrize("break_it", [_import_fails, _folder_is_gone, _is_too_new])
def test_events_wait_for_a_plugin_that_cannot_be_loaded(app: Flask, kind: Path, break_it: Callable) -> None:
    break_it(kind)
    broken = restart(app)
    note("one")
    note("two")
    assert dispatch.deliver_due(broken) == 0
    assert rows() == [("kind", "waiting")] * 2

    shutil.rmtree(kind, ignore_errors=True)
    write_plugin(kind.parent, "kind", LISTENS)
    with work_context(app):
        lifecycle.activate("kind")
    mended = restart(app)
    with work_context(mended):
        deliveries.settle_states()
    dispatch.deliver_due(mended)
    assert (kind / "told").read_text() == "one two " and rows() == []


def test_only_what_it_listened_to_waits(app: Flask, kind: Path) -> None:
    _import_fails(kind)
    make_ticket()
    dispatch.deliver_due(restart(app))
    assert rows() == []


def test_nothing_waits_for_a_broken_plugin_that_is_switched_off(app: Flask, kind: Path) -> None:
    _import_fails(kind)
    broken = restart(app)
    lifecycle.deactivate("kind")
    note("one")
    dispatch.deliver_due(broken)
    assert rows() == []


def test_what_nobody_has_written_down_yet_waits_all(app: Flask, kind: Path) -> None:
    with transaction() as current:
        current.execute(sa.update(Plugin).values(hears=None))
    _import_fails(kind)
    broken = restart(app)
    note("one")
    dispatch.deliver_due(broken)
    assert ("kind", "waiting") in rows()


def test_a_new_version_that_is_loaded_says_anew_what_it_hears(app: Flask, kind: Path) -> None:
    write_plugin(kind.parent, "kind", LISTENS.replace("note_added(note)", "message_received(message)"))
    assert db.session.scalar(sa.select(Plugin.hears)) == ["note_added"]
    db.session.rollback()
    newer = restart(app)
    with work_context(newer) as current:
        host_of(newer).states()
        current.rollback()
        assert current.scalar(sa.select(Plugin.hears)) == ["message_received"]


def test_events_wait_in_safe_mode(app: Flask, kind: Path) -> None:
    note("one")
    dispatch.deliver_due(restart(app, safe_mode=True))
    assert rows() == [("kind", "waiting")]
    after = restart(app)
    with work_context(after):
        deliveries.settle_states()
    dispatch.deliver_due(after)
    assert (kind / "told").read_text() == "one "
