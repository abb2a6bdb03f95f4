"""Code comes in, is replaced, and goes: all or nothing, and nobody else's."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from inbox.config import Config
from inbox.core import plugins
from inbox.core.errors import NotAllowed
from inbox.core.events import Actor
from inbox.core.models import Delivery, Event, Message, Role, SettingValue, Ticket
from inbox.db import db, transaction
from inbox.plugin_host import bring, call, discover, lifecycle, requirements, store, trial
from inbox.plugin_host.lifecycle import PluginError
from inbox.plugin_host.models import Plugin, PluginFault, PluginRevision
from inbox.testing.factories import make_agent, make_ticket
from inbox.testing.plugins import write_plugin
from tests.plugin_host.archives import files_of, make_wheel, make_zip

pytestmark = pytest.mark.usefixtures("session")
TABLE = '''
import sqlalchemy as sa
from alembic import op
revision = "{revision}"
down_revision = {before}
def upgrade() -> None:
    {up}
def downgrade() -> None:
    {down}
'''
FIRST = TABLE.format(revision="0001", before=None, down='op.drop_table("loyalty_card")', up=(
    'op.create_table("loyalty_card", sa.Column("id", sa.Integer(), primary_key=True))'))
SECOND = TABLE.format(revision="0002", before='"0001"', down='op.drop_column("loyalty_card", "points")', up=(
    'op.add_column("loyalty_card", sa.Column("points", sa.Integer()))'))
FAILS = TABLE.format(revision="0002", before='"0001"', down="pass", up=(
    'op.add_column("loyalty_card", sa.Column("points", sa.Integer())); raise SystemExit("half way")'))


@pytest.fixture(autouse=True)
def _clean_imports() -> Iterator[None]:
    path, before = list(sys.path), set(sys.modules)
    yield
    sys.path[:] = path
    discover._opened.clear()
    for name in [each for each in sys.modules if each.startswith(("inbox_plugins.", "pluginbox_"))
                 and each not in before]:  # bundled ones that other tests have imported stay: they have mapped classes
        del sys.modules[name]


@pytest.fixture
def trusting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the process of its own, which costs seconds; other tests try that one."""
    monkeypatch.setattr(trial, "require", lambda config, found, **options: None)


def zipped(folder: Path, version: str = "1.0", code: str = "", **more: str) -> Path:
    return make_zip(folder / f"loyalty-{version}.zip", files_of(version=version, code=code) | {
        name.replace("__", "/") + ".py": text for name, text in more.items()}, top="loyalty")


def state() -> tuple[str, str]:
    """State and version of the plugin."""
    db.session.rollback()
    found = lifecycle.details("loyalty")
    return found.state, found.version


def own_files(config: Config) -> list[str]:
    """What lies in this site's folders of plugins, by name."""
    return sorted(path.relative_to(config.home).as_posix() for parent in (config.plugin_folder, config.package_folder)
                  if parent.is_dir() for path in parent.iterdir() if path.name != store.LOCK)


def tables() -> list[str]:
    db.session.rollback()
    return [each for each in sa.inspect(db.engine).get_table_names() if each.startswith("loyalty_")]


def numbers() -> tuple[int, int]:
    db.session.rollback()
    return tuple(db.session.execute(sa.select(PluginRevision.value, PluginRevision.code)).one())  # type: ignore[return-value]


# --- in ---------------------------------------------------------------------------------------------------------


def test_a_zip_is_added_without_being_run_then_installed_and_activated(config, tmp_path: Path, trusting,
                                                                       monkeypatch) -> None:
    monkeypatch.delitem(sys.modules, "inbox_plugins.loyalty", raising=False)  # of a test before
    path = zipped(tmp_path, code="import builtins; builtins.loyalty_ran = True")
    assert bring.add_files(path) == "loyalty"
    assert state() == ("discovered", "1.0")
    assert "inbox_plugins.loyalty" not in sys.modules
    before = numbers()
    lifecycle.install("loyalty")
    assert state() == ("installed", "1.0")
    assert numbers() == (before[0] + 1, before[1] + 1)  # every process reads the new code
    lifecycle.activate("loyalty")
    assert state() == ("active", "1.0")
    assert numbers() == (before[0] + 2, before[1] + 1)  # none has to be replaced for that


def test_a_folder_and_a_wheel_and_a_zip_live_side_by_side(config: Config, tmp_path: Path, trusting) -> None:
    """Each from outside of the repository, each asked by the caller."""
    code = "from inbox.toolkit import hookimpl\n@hookimpl\ndef prepare_ticket(ticket):\n    ticket.subject += ' {}'\n"
    write_plugin(config.plugin_folder, "dropped", code.format("dropped"))
    lifecycle.install("dropped")
    bring.install_from(make_wheel(tmp_path, "wheeled", code="from pluginbox_wheeled.answers import *", more={
        "pluginbox_wheeled/answers.py": code.format("wheeled")}))
    bring.install_from(make_zip(tmp_path / "zipped.zip", files_of("zipped", code=code.format("zipped"))))
    assert own_files(config) == ["packages/wheeled", "plugins/dropped", "plugins/zipped"]
    for name in ("dropped", "wheeled", "zipped"):
        lifecycle.activate(name)
    ticket = Ticket(subject="Hello")
    call.prepare("prepare_ticket", ticket, message=Message(extra={}))
    assert ticket.subject == "Hello dropped wheeled zipped"
    assert sys.path[-1] == str(config.package_folder / "wheeled")  # searched last: it can shadow nothing


@pytest.mark.once
@pytest.mark.parametrize(("code", "says"), [
    ("import os; os._exit(7)", "ended the process that imported it \\(exit code 7\\)"),
    ("from inbox.toolkit import hookimpl\n@hookimpl\ndef ticket_creatd(ticket): pass", "Did you mean ticket_created"),
])
def test_code_that_cannot_be_used_is_found_in_a_process_of_its_own(config, tmp_path: Path, code: str, says) -> None:
    with pytest.raises(PluginError, match=says):
        bring.install_from(zipped(tmp_path, code=code, migrations__m0001=FIRST))
    assert own_files(config) == []
    assert tables() == []
    assert [each.name for each in lifecycle.plugins()].count("loyalty") == 0


@pytest.mark.once
def test_code_that_never_ends_is_given_up(config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trial, "SECONDS", 3)
    with pytest.raises(PluginError, match="longer than 3 seconds"):
        bring.install_from(zipped(tmp_path, code="import time; time.sleep(60)"))
    assert own_files(config) == []


def test_a_bad_archive_leaves_nothing(config: Config, tmp_path: Path) -> None:
    with pytest.raises(PluginError, match=r"bad\.zip cannot be used: \.\./evil leads out"):
        bring.add_files(make_zip(tmp_path / "bad.zip", files_of() | {"../evil": ""}))
    assert own_files(config) == []


def test_a_plugin_that_comes_with_the_program_is_not_replaced(config, tmp_path, monkeypatch) -> None:
    found = discover.Found("loyalty", tmp_path, "inbox_plugins.loyalty", source="bundled")
    monkeypatch.setattr(discover, "scan", lambda config: {"loyalty": found})
    with pytest.raises(PluginError, match="comes with Pluginbox"):
        bring.add_files(zipped(tmp_path))


def test_the_catalogue_is_what_came_with_the_program_and_is_not_installed(config, tmp_path, monkeypatch) -> None:
    folder = write_plugin(tmp_path, "loyalty")
    monkeypatch.setattr(discover, "plugin_folders", lambda config: [tmp_path])
    assert [(each.name, each.folder) for each in lifecycle.catalogue()] == [("loyalty", folder)]
    lifecycle.install("loyalty")
    assert lifecycle.catalogue() == []


def test_one_change_at_a_time(config: Config, tmp_path: Path, trusting) -> None:
    with store.one_at_a_time(config), pytest.raises(PluginError, match="Somebody else is changing plugins"):
        bring.install_from(zipped(tmp_path))
    assert bring.install_from(zipped(tmp_path)) == "loyalty"
    with store.one_at_a_time(config):
        for change in (lambda: lifecycle.install("loyalty"), lambda: lifecycle.uninstall("loyalty", "loyalty")):
            with pytest.raises(PluginError, match="Somebody else is changing plugins"):
                change()
    lifecycle.uninstall("loyalty", "loyalty")


# --- upgrade ----------------------------------------------------------------------------------------------------


@pytest.fixture
def loyalty(config: Config, tmp_path: Path, trusting: None) -> Config:
    """Version 1.0 with a table, active."""
    bring.install_from(zipped(tmp_path, migrations__m0001=FIRST))
    lifecycle.activate("loyalty")
    with db.engine.begin() as connection:
        connection.execute(sa.text("INSERT INTO loyalty_card (id) VALUES (7)"))
    return config


def test_an_upgrade_brings_files_and_tables_and_keeps_the_data(loyalty: Config, tmp_path: Path) -> None:
    before = numbers()
    assert bring.upgrade("loyalty", zipped(tmp_path, "1.1", migrations__m0001=FIRST, migrations__m0002=SECOND)) == "1.1"
    assert state() == ("active", "1.1")
    assert numbers() == (before[0] + 1, before[1] + 1)
    assert db.session.execute(sa.text("SELECT id, points FROM loyalty_card")).all() == [(7, None)]
    assert own_files(loyalty) == ["plugins/loyalty"]


@pytest.mark.parametrize("code", ["migration", "import"])
def test_an_upgrade_that_fails_leaves_files_and_tables_as_they_were(loyalty, tmp_path, code, monkeypatch) -> None:
    if code == "import":
        monkeypatch.setattr(trial, "require", _refuse)
    manifest = (loyalty.plugin_folder / "loyalty" / "plugin.toml").read_text()
    before = numbers()
    with pytest.raises(PluginError, match="half way"):
        bring.upgrade("loyalty", zipped(tmp_path, "2.0", migrations__m0001=FIRST, migrations__m0002=FAILS))
    assert state() == ("active", "1.0")
    assert (loyalty.plugin_folder / "loyalty" / "plugin.toml").read_text() == manifest
    assert own_files(loyalty) == ["plugins/loyalty"]
    assert numbers() == before
    assert [each["name"] for each in sa.inspect(db.engine).get_columns("loyalty_card")] == ["id"]


def _refuse(config: Config, found: discover.Found, **options: Any) -> None:
    raise trial.TrialError("It stops half way.")


def test_an_upgrade_whose_files_cannot_be_placed_takes_the_tables_back(loyalty, tmp_path, monkeypatch) -> None:
    def full(self: store.Swap) -> None:
        raise OSError("No space left on device")

    monkeypatch.setattr(store.Swap, "make", full)
    with pytest.raises(PluginError, match="No space left on device"):
        bring.upgrade("loyalty", zipped(tmp_path, "1.1", migrations__m0001=FIRST, migrations__m0002=SECOND))
    assert [each["name"] for each in sa.inspect(db.engine).get_columns("loyalty_card")] == ["id"]
    assert db.session.execute(sa.text("SELECT id FROM loyalty_card")).all() == [(7,)]
    assert state() == ("active", "1.0")


@pytest.mark.parametrize(("name", "version", "says"), [
    ("other", "2.0", "is not installed"), ("loyalty", "0.9", "the older 0.9")])
def test_what_is_no_newer_version_is_refused(loyalty, tmp_path, name: str, version: str, says: str) -> None:
    with pytest.raises(PluginError, match=says):
        bring.upgrade(name, zipped(tmp_path, version))
    assert state() == ("active", "1.0")


def test_another_plugin_is_no_upgrade(loyalty, tmp_path) -> None:
    with pytest.raises(PluginError, match="That is plugin other, not loyalty"):
        bring.upgrade("loyalty", make_zip(tmp_path / "x.zip", files_of("other", "2.0")))


def test_what_was_changed_by_hand_is_taken_up(loyalty: Config) -> None:
    place = loyalty.plugin_folder / "loyalty"
    (place / "plugin.toml").write_text(files_of(version="1.2")["plugin.toml"])
    (place / "migrations" / "m0002.py").write_text(SECOND)
    assert lifecycle.details("loyalty").newer == "1.2"
    assert bring.upgrade("loyalty") == "1.2"
    assert state() == ("active", "1.2")
    assert "points" in [each["name"] for each in sa.inspect(db.engine).get_columns("loyalty_card")]


def test_a_paused_plugin_goes_on_after_its_upgrade(loyalty: Config, tmp_path: Path) -> None:
    with transaction() as current:
        current.execute(sa.update(Plugin).values(state="paused", reason="It failed."))
    bring.upgrade("loyalty", zipped(tmp_path, "1.1", migrations__m0001=FIRST))
    assert state() == ("active", "1.1")


def test_a_zip_may_be_followed_by_a_wheel(loyalty: Config, tmp_path: Path) -> None:
    bring.upgrade("loyalty", make_wheel(tmp_path, version="1.5", more={
        "pluginbox_loyalty/migrations/m0001.py": FIRST}))
    assert own_files(loyalty) == ["packages/loyalty"]
    assert state() == ("active", "1.5")


# --- out --------------------------------------------------------------------------------------------------------


def test_uninstalling_deletes_exactly_what_is_the_plugin_s(loyalty: Config) -> None:
    others = set(sa.inspect(db.engine).get_table_names()) - {"loyalty_card", "loyalty_alembic_version"}
    make_ticket()
    event = db.session.scalar(sa.select(Event.id).limit(1))
    db.session.rollback()
    with transaction() as current:
        for name in ("loyalty", "loyalty2"):
            current.add(SettingValue(scope="site", key=f"{name}.colour", value="red"))
            current.add(SettingValue(scope="mailbox:1", key=f"{name}.colour", value="blue"))
            current.add(Delivery(event_id=event, plugin=name))
            current.add(PluginFault(plugin=name, hook="ticket_created", summary="x"))
        agents, admins = current.scalars(
            sa.select(Role).where(Role.name.in_(("agent", "admin"))).order_by(Role.name.desc())).all()
        plain = list(agents.abilities), list(admins.abilities)
        agents.abilities = [*plain[0], "loyalty.edit", "loyalty2.edit"]
        admins.abilities = [*plain[1], "-loyalty.edit", "-loyalty2.edit"]
    before = numbers()
    lifecycle.uninstall("loyalty", "loyalty", tell=plugins.teller(Actor.system("cli")))
    assert tables() == []
    assert set(sa.inspect(db.engine).get_table_names()) == others
    assert db.session.scalars(sa.select(SettingValue.key).where(SettingValue.key.contains("colour"))).all() == [
        "loyalty2.colour", "loyalty2.colour"]
    assert db.session.scalars(sa.select(Delivery.plugin)).all() == ["loyalty2"]
    assert db.session.scalars(sa.select(PluginFault.plugin)).all() == ["loyalty2"]
    assert agents.abilities == [*plain[0], "loyalty2.edit"] and admins.abilities == [*plain[1], "-loyalty2.edit"]
    assert numbers() == (before[0] + 2, before[1] + 1)
    assert state() == ("discovered", "1.0")
    bring.remove("loyalty")
    assert own_files(loyalty) == []


def test_the_name_has_to_be_typed(loyalty: Config) -> None:
    with pytest.raises(PluginError, match="type loyalty"):
        lifecycle.uninstall("loyalty", "loyal")
    assert state() == ("active", "1.0")
    assert "loyalty_card" in tables()


def test_files_of_an_installed_plugin_are_not_removed(loyalty: Config) -> None:
    with pytest.raises(PluginError, match="Uninstall it first"):
        bring.remove("loyalty")
    assert own_files(loyalty) == ["plugins/loyalty"]


def test_a_plugin_whose_folder_is_gone_can_be_uninstalled(loyalty: Config) -> None:
    store.delete(loyalty, "loyalty")
    lifecycle.uninstall("loyalty", "loyalty")
    assert tables() == []
    assert db.session.get(Plugin, "loyalty") is None


def test_a_plugin_whose_migrations_do_not_go_back_needs_force(loyalty: Config) -> None:
    path = loyalty.plugin_folder / "loyalty" / "migrations" / "m0001.py"
    path.write_text(FIRST.replace('op.drop_table("loyalty_card")', 'raise NotImplementedError("never")'))
    with pytest.raises(PluginError, match=r"never.* Nothing was deleted"):
        lifecycle.uninstall("loyalty", "loyalty")
    assert state() == ("active", "1.0")
    assert "loyalty_card" in tables()
    lifecycle.uninstall("loyalty", "loyalty", force=True)
    assert tables() == []


def test_a_plugin_that_others_build_on_stays(loyalty: Config) -> None:
    write_plugin(loyalty.plugin_folder, "extra", requires_plugins=["loyalty"])
    lifecycle.activate("extra")
    with pytest.raises(PluginError, match="extra needs loyalty"):
        lifecycle.uninstall("loyalty", "loyalty")


# --- who did it -------------------------------------------------------------------------------------------------


def test_every_deed_is_in_the_event_log(config: Config, tmp_path: Path, trusting) -> None:
    owner = make_agent(role="owner")
    tell = plugins.teller(Actor.of(owner))
    bring.add_files(zipped(tmp_path), tell=tell)
    lifecycle.install("loyalty", tell=tell)
    lifecycle.activate("loyalty", tell=tell)
    bring.upgrade("loyalty", zipped(tmp_path, "1.1"), tell=tell)
    lifecycle.deactivate("loyalty", tell=tell)
    lifecycle.uninstall("loyalty", "loyalty", tell=tell)
    bring.remove("loyalty", tell=tell)
    rows = db.session.scalars(sa.select(Event).where(Event.kind == "plugin_changed").order_by(Event.id)).all()
    assert [(row.data["did"], row.data["plugin"], row.data["version"]) for row in rows] == [
        ("added", "loyalty", "1.0"), ("installed", "loyalty", "1.0"), ("activated", "loyalty", "1.0"),
        ("upgraded", "loyalty", "1.1"), ("deactivated", "loyalty", "1.1"), ("uninstalled", "loyalty", "1.1"),
        ("removed", "loyalty", "1.1")]
    assert {(row.actor_id, row.source) for row in rows} == {(owner.id, "web")}


def test_who_may_not_change_plugins_gets_no_teller() -> None:
    with pytest.raises(NotAllowed):
        plugins.teller(Actor.of(make_agent(role="agent")))


# --- a power cut ------------------------------------------------------------------------------------------------


def test_files_on_their_way_out_are_put_back_when_nothing_took_their_place(loyalty: Config, tmp_path: Path) -> None:
    staged = store.Staged("loyalty", None, None, Path(), "")
    store.Swap(loyalty, staged).make()  # … and the power goes
    assert state()[0] == "broken"
    store.mend(loyalty)
    assert state() == ("active", "1.0")


# --- what a plugin requires -------------------------------------------------------------------------------------


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of wheels in place of the Python package index; pip reaches no other."""
    folder = tmp_path / "index"
    folder.mkdir()
    for name, value in (("NO_INDEX", "1"), ("FIND_LINKS", str(folder)), ("CONFIG_FILE", "/dev/null")):
        monkeypatch.setenv(f"PIP_{name}", value)
    return folder


def needing(folder: Path, *lines: str) -> Path:
    more = f"requires_python = [{', '.join(repr(each) for each in lines)}]".replace("'", '"')
    code = "import stampcolours\nassert stampcolours.RED == 1"
    return make_zip(folder / "needs.zip", files_of(code=code, more=more))


@pytest.mark.once
def test_required_packages_are_installed_beside_the_plugin(config: Config, tmp_path: Path, index: Path) -> None:
    make_wheel(index, "x", "2.0", package="stampcolours", plugin=False, code="RED = 1")
    bring.install_from(needing(tmp_path, "stampcolours>=2", "flask>=3"))  # with the process of its own
    assert own_files(config) == ["packages/loyalty", "plugins/loyalty"]
    assert (config.package_folder / "loyalty" / "stampcolours").is_dir()
    assert not (config.package_folder / "loyalty" / "flask").exists()  # is here already
    lifecycle.activate("loyalty")
    assert state() == ("active", "1.0")


@pytest.mark.once
def test_a_dropped_folder_gets_its_packages_too(config: Config, index: Path, trusting) -> None:
    make_wheel(index, "x", "2.0", package="stampcolours", plugin=False, code="RED = 1")
    write_plugin(config.plugin_folder, "loyalty", requires_python=["stampcolours"])
    lifecycle.install("loyalty")
    assert (config.package_folder / "loyalty" / "stampcolours").is_dir()


@pytest.mark.once
@pytest.mark.parametrize("broken", ["code", "tables"])
def test_an_upgrade_in_place_that_fails_leaves_the_old_packages(
        config: Config, index: Path, monkeypatch: pytest.MonkeyPatch, broken: str) -> None:
    tried: list[str] = []
    monkeypatch.setattr(trial, "require", lambda *args, **options: None)
    make_wheel(index, "x", "1.0", package="stampcolours", plugin=False, code="RED = 1")
    place = write_plugin(config.plugin_folder, "loyalty", requires_python=["stampcolours"])
    lifecycle.install("loyalty")
    make_wheel(index, "x", "2.0", package="stampcolours", plugin=False, code="RED = 2")
    write_plugin(config.plugin_folder, "loyalty", requires_python=["stampcolours>=2"], version="1.1")
    packages = config.package_folder / "loyalty"

    def trying(config, found, *, packages=None):
        tried.append((packages / "stampcolours" / "__init__.py").read_text())
        if broken == "code":
            raise trial.TrialError("It cannot be used.")

    monkeypatch.setattr(trial, "require", trying)
    if broken == "tables":
        (place / "migrations").mkdir()
        (place / "migrations" / "m0001.py").write_text("raise ValueError('no')")
    with pytest.raises(PluginError):
        bring.upgrade("loyalty")
    assert "RED = 2" in tried[0] and "RED = 1" in (packages / "stampcolours" / "__init__.py").read_text()
    assert own_files(config) == ["packages/loyalty", "plugins/loyalty"] and state() == ("installed", "1.0")


@pytest.mark.once
@pytest.mark.parametrize(("line", "says"), [
    ("stampcolours>=3", "pip refused: .*stampcolours"),
    ("wantsold", "pip refused: .*onflict|pip refused: .*Cannot install|pip refused: .*ResolutionImpossible"),
    ("not a requirement!", "pip would not understand"),
    ("pluginbox>=99", "this is Pluginbox"),
    ("stampcolours @ https://a.example/stampcolours-2.0.tar.gz", "only packages of the index"),
])
def test_requirements_that_do_not_fit_leave_nothing(config, tmp_path, index, line: str, says: str, trusting) -> None:
    make_wheel(index, "x", "2.0", package="stampcolours", plugin=False)
    make_wheel(index, "x", "1.0", package="wantsold", plugin=False, requires=("flask<1",))
    make_wheel(index, "x", "0.12", package="flask", plugin=False)
    with pytest.raises(PluginError, match=says):
        bring.install_from(needing(tmp_path, line))
    assert own_files(config) == []


@pytest.mark.once
def test_where_pip_may_not_run_the_exact_command_is_said(config, tmp_path, monkeypatch, trusting) -> None:
    monkeypatch.setattr(requirements, "can_install", lambda config: False)
    with pytest.raises(PluginError) as caught:
        bring.install_from(needing(tmp_path, "stampcolours>=2"))
    assert f"--target {config.package_folder / 'loyalty'} 'stampcolours>=2'" in str(caught.value)


@pytest.mark.once
def test_source_distributions_are_never_built(config: Config, tmp_path: Path, index: Path, trusting) -> None:
    source = tmp_path / "stampcolours-2.0"
    source.mkdir()
    (source / "setup.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\n"
                                     "from setuptools import setup\nsetup(name='stampcolours', version='2.0')")
    subprocess.run(["tar", "czf", index / "stampcolours-2.0.tar.gz", "-C", tmp_path, source.name], check=True)
    with pytest.raises(PluginError, match="pip refused"):
        bring.install_from(needing(tmp_path, "stampcolours"))
    assert not (tmp_path / "ran").exists()


@pytest.mark.once
def test_the_wheel_of_a_package_is_fetched_without_being_run(config: Config, tmp_path: Path, index: Path) -> None:
    make_wheel(index, requires=("stampcolours",), code="raise SystemExit")
    wheel = requirements.download(config, "pluginbox-loyalty", tmp_path)
    assert wheel.name == "pluginbox_loyalty-1.0-py3-none-any.whl"


