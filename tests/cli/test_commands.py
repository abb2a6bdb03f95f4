"""Each command does what it says, and fails with a sentence and the right code."""

import json
from pathlib import Path

import pytest
import sqlalchemy as sa

from inbox import migrate
from inbox.cli import main
from tests.cli.conftest import Commands
from tests.support.program import inbox
from tests.support.samples import copy_sample

LETTER = b"From: Maja <maja@example.com>\nTo: support@desk.example\nMessage-ID: <a@example.com>\nSubject: Lamp\n\nHi\n"


@pytest.fixture
def support(commands: Commands) -> Commands:
    """A desk with one department and its mailbox."""
    commands.run("department", "create", "Support")
    commands.run("mailbox", "create", "support@desk.example", "--department", "Support")
    return commands


# --- people -----------------------------------------------------------------------------------------------------


def test_an_agent_is_made_and_listed(commands: Commands) -> None:
    commands.run("department", "create", "Support")
    made = commands.json("agent", "create", "ada@desk.example", "--name", "Ada", "--role", "owner", "--department",
                         "Support", "--password-stdin", input="long-enough-secret\n")
    assert (made["role"], made["departments"], made["active"]) == ("owner", ["Support"], True)
    assert [each["address"] for each in commands.json("agent", "list")] == ["ada@desk.example"]
    assert "Ada" in commands.run("agent", "list").stdout


def test_a_weak_password_makes_no_agent(commands: Commands) -> None:
    done = commands.run("agent", "create", "ada@desk.example", "--name", "Ada", "--password-stdin", input="short\n",
                        code=1)
    assert "at least 10 characters" in done.stderr
    assert commands.json("agent", "list") == []


def test_without_a_terminal_an_agent_has_no_password_yet(commands: Commands) -> None:
    done = commands.run("agent", "create", "ada@desk.example", "--name", "Ada")
    assert "inbox agent password ada@desk.example" in done.stdout


def test_a_password_is_changed(commands: Commands, app) -> None:
    from inbox.core import agents
    from inbox.db import work_context

    commands.run("agent", "create", "ada@desk.example", "--name", "Ada")
    commands.run("agent", "password", "ada@desk.example", "--password-stdin", input="long-enough-secret\n")
    with work_context(app):
        assert agents.authenticate("ada@desk.example", "long-enough-secret") is not None
    assert "No password" in commands.run("agent", "password", "ada@desk.example", code=1).stderr


def test_an_unknown_agent_is_named(commands: Commands) -> None:
    done = commands.run("agent", "password", "eve@desk.example", "--password-stdin", input="x\n", code=1)
    assert "eve@desk.example" in done.stderr
    assert "inbox agent list" in done.stderr


def test_a_token_opens_the_api(commands: Commands, client) -> None:
    commands.run("agent", "create", "ada@desk.example", "--name", "Ada", "--role", "owner")
    secret = commands.run("token", "create", "--agent", "ada@desk.example").stdout.strip()
    assert client.get("/api/v1/tickets", headers={"Authorization": f"Bearer {secret}"}).status_code == 200
    reading = commands.json("token", "create", "--agent", "ada@desk.example", "--scope", "read")
    refused = client.post("/api/v1/tickets", json={}, headers={"Authorization": f"Bearer {reading['token']}"})
    assert refused.status_code == 403


# --- mailboxes --------------------------------------------------------------------------------------------------


def test_a_mailbox_keeps_its_password_encrypted(commands: Commands, app) -> None:
    from inbox import secrets
    from inbox.core import mailboxes
    from inbox.db import work_context

    commands.run("department", "create", "Support")
    commands.run("mailbox", "create", "support@desk.example", "--department", "Support", "--imap-host",
                 "imap.example.com", "--smtp-host", "smtp.example.com", "--password-stdin", input="s3cret\n")
    with work_context(app):
        box = mailboxes.by_address("support@desk.example")
        assert box is not None
        assert (box.incoming, box.imap_port, box.imap_user) == ("imap", 993, "support@desk.example")
        assert (box.outgoing, box.smtp_port, box.smtp_security) == ("smtp", 587, "starttls")
        assert "s3cret" not in (box.imap_password or "")
        assert secrets.decrypt(box.imap_password or "") == secrets.decrypt(box.smtp_password or "") == "s3cret"


def test_a_mailbox_needs_its_password(commands: Commands) -> None:
    commands.run("department", "create", "Support")
    done = commands.run("mailbox", "create", "support@desk.example", "--department", "Support", "--imap-host",
                        "imap.example.com", code=1)
    assert "--password-stdin" in done.stderr
    assert commands.json("mailbox", "list") == []


def test_a_mailbox_of_no_department_is_refused(commands: Commands) -> None:
    done = commands.run("mailbox", "create", "support@desk.example", "--department", "Nobody", code=1)
    assert "inbox department create" in done.stderr


def test_rotation_keeps_passwords_readable(commands: Commands, app) -> None:
    from inbox import secrets
    from inbox.core import mailboxes
    from inbox.db import work_context

    commands.run("department", "create", "Support")
    commands.run("mailbox", "create", "support@desk.example", "--department", "Support", "--imap-host",
                 "imap.example.com", "--password-stdin", input="s3cret\n")
    before = (commands.home / "secret.key").read_text()
    assert "1 stored" in commands.run("secrets", "rotate").stdout
    after = (commands.home / "secret.key").read_text()
    assert after.endswith(before)
    (commands.home / "secret.key").write_text(after.splitlines()[0] + "\n")  # the new key alone opens it
    with work_context(app):
        box = mailboxes.by_address("support@desk.example")
        assert box is not None
        assert secrets.decrypt(box.imap_password or "") == "s3cret"


# --- mail -------------------------------------------------------------------------------------------------------


def test_the_pipe_records_a_message(support: Commands) -> None:
    support.run("receive", "--to", "support@desk.example", "--from", "maja@example.com", input=LETTER)
    row = support.json("ledger", "list")[0]
    assert row["fate"] == "waiting"
    shown = support.json("ledger", "show", str(row["id"]))
    assert (shown["source"], shown["envelope_from"], shown["size"]) == ("pipe", "maja@example.com", len(LETTER))
    assert support.run("ledger", "show", str(row["id"]), "--raw").stdout_bytes == LETTER


@pytest.mark.parametrize(
    ("words", "given", "code"),
    [((), LETTER, 64), (("--to", "support@desk.example"), b"", 65), (("--to", "who@desk.example"), LETTER, 67)],
)
def test_the_pipe_answers_by_sysexits(support: Commands, words: tuple[str, ...], given: bytes, code: int) -> None:
    assert support.run("receive", *words, input=given, code=code).stderr
    assert support.json("ledger", "list") == []


@pytest.mark.once
def test_the_pipe_asks_to_try_again_when_there_is_no_desk(tmp_path: Path) -> None:
    commands = Commands(tmp_path / "nothing", "")
    assert "try" not in commands.run("receive", "--to", "a@b.example", input=LETTER, code=75).stdout
    assert not (tmp_path / "nothing").exists()


def test_the_ledger_is_searched_and_retried(support: Commands, app) -> None:
    from inbox.jobs.worker import run_everything

    support.run("receive", "--to", "support@desk.example", input=LETTER)
    run_everything(app)
    (row,) = support.json("ledger", "list", "--fate", "created", "--search", "lamp")
    assert row["ticket"] is not None
    assert support.json("ledger", "list", "--fate", "ignored") == []
    assert support.run("ledger", "retry", str(row["id"]), code=1).stderr  # there is nothing to retry
    assert support.run("ledger", "show", "999", code=1).stderr


# --- plugins ----------------------------------------------------------------------------------------------------


def test_plugins_are_listed_and_an_unknown_one_is_refused(commands: Commands) -> None:
    assert isinstance(commands.json("plugin", "list"), list)
    assert "inbox plugin list" in commands.run("plugin", "activate", "nothere", code=1).stderr
    assert "inbox plugin list" in commands.run("plugin", "deactivate", "nothere", code=1).stderr


def test_a_plugin_is_activated_and_deactivated(commands: Commands) -> None:
    copy_sample("guestbook", "callbook", commands.home / "plugins")
    commands.run("plugin", "activate", "callbook")
    assert {each["name"]: each["state"] for each in commands.json("plugin", "list")}["callbook"] == "active"
    commands.run("plugin", "deactivate", "callbook")
    assert {each["name"]: each["state"] for each in commands.json("plugin", "list")}["callbook"] == "installed"


def test_a_plugin_whose_code_fails_is_not_activated(commands: Commands) -> None:
    place = copy_sample("guestbook", "callbook", commands.home / "plugins")
    (place / "__init__.py").write_text("raise RuntimeError('no')\n")
    assert "callbook" in commands.run("plugin", "activate", "callbook", code=1).stderr
    assert {each["name"]: each["state"] for each in commands.json("plugin", "list")}["callbook"] != "active"


# --- the desk as a whole ----------------------------------------------------------------------------------------


@pytest.mark.once
def test_init_makes_a_desk_without_starting_it(tmp_path: Path) -> None:
    commands = Commands(tmp_path / "new", "")
    assert "/setup?code=" in commands.run("init").stdout
    assert (tmp_path / "new" / "secret.key").stat().st_mode & 0o077 == 0
    commands.run("agent", "create", "ada@desk.example", "--name", "Ada", "--role", "owner")
    assert "/setup?code=" not in commands.run("init").stdout


@pytest.mark.once
def test_without_a_desk_a_command_says_so_and_makes_none(tmp_path: Path) -> None:
    commands = Commands(tmp_path / "nothing", "")
    assert "inbox init" in commands.run("agent", "list", code=1).stderr
    assert not (tmp_path / "nothing").exists()


@pytest.mark.once
@pytest.mark.parametrize("words", [["agent", "create"], ["run", "--port", "x"], ["fly"], ["ledger", "show", "one"]])
def test_wrong_words_are_code_two(tmp_path: Path, words: list[str]) -> None:
    assert "Usage" in Commands(tmp_path, "").run(*words, code=2).stderr


@pytest.mark.once
def test_a_wrong_setting_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "inbox.toml").write_text('prot = 8000\n')
    done = Commands(tmp_path, "").run("agent", "list", code=1)
    assert done.stderr.strip().splitlines() == [f"Error: {tmp_path}/inbox.toml: there is no setting called prot."]


@pytest.mark.once
def test_a_database_server_that_is_down_is_one_sentence(tmp_path: Path) -> None:
    commands = Commands(tmp_path, "postgresql+psycopg://inbox@127.0.0.1:1/inbox")
    done = commands.run("agent", "list", code=1)
    assert done.stderr.startswith("Error: The database cannot be opened")
    assert "Traceback" not in done.stderr


def at_revision(url: str, revision: str, floor: str) -> None:
    """Say that a database is at another revision, and which one a program has to know at least."""
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        connection.exec_driver_sql(f"UPDATE alembic_version SET version_num = '{revision}', floor = '{floor}'")
    engine.dispose()


@pytest.mark.once
def test_an_older_database_is_copied_before_the_upgrade(tmp_path: Path) -> None:
    first = next(each.revision for each in migrate._scripts(migrate.CORE_FOLDER).walk_revisions()
                 if each.down_revision is None)
    engine = sa.create_engine(f"sqlite:///{tmp_path / 'inbox.db'}")
    migrate.migrate(engine, to=first)
    engine.dispose()
    commands = Commands(tmp_path, "")
    assert "inbox upgrade" in commands.run("agent", "list", code=1).stderr
    assert str(tmp_path / "backups") in commands.run("upgrade").stdout
    (copy,) = (tmp_path / "backups").iterdir()
    engine = sa.create_engine(f"sqlite:///{copy}")
    assert migrate.current(engine) == first
    engine.dispose()
    commands.run("agent", "list")
    assert "nothing to do" in commands.run("upgrade").stdout


def test_a_database_of_the_future_is_left_alone(commands: Commands, config) -> None:
    at_revision(config.sqlalchemy_url, "9999", floor="9998")
    for words in (["agent", "list"], ["upgrade"], ["init"]):
        assert "newer version" in commands.run(*words, code=1).stderr


def test_a_newer_database_that_was_only_added_to_is_worked_on(commands: Commands, config) -> None:
    """As old processes do beside new ones, while machine after machine is upgraded."""
    at_revision(config.sqlalchemy_url, "9999", floor=str(migrate.head()))
    commands.run("agent", "list")
    assert "nothing to do" in commands.run("upgrade").stdout
    engine = sa.create_engine(config.sqlalchemy_url)
    assert migrate.current(engine) == "9999"
    engine.dispose()


@pytest.mark.once
def test_the_api_description_is_printed_without_a_desk(tmp_path: Path) -> None:
    done = Commands(tmp_path / "nothing", "").run("export-openapi")
    described = json.loads(done.stdout)
    assert described["openapi"].startswith("3.1")
    assert "/api/v1/tickets" in described["paths"]
    assert not (tmp_path / "nothing").exists()


@pytest.mark.once
def test_help_loads_neither_database_nor_web(tmp_path: Path) -> None:
    import subprocess
    import sys

    code = ("import sys; from inbox.cli import main\n"
            "main(['--help'], standalone_mode=False)\n"
            "heavy = {'sqlalchemy', 'flask', 'granian', 'alembic', 'argon2'} & set(sys.modules)\n"
            "sys.exit(f'loaded: {heavy}' if heavy else 0)")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True,
                          cwd=Path(__file__).parents[2])
    assert done.returncode == 0, done.stderr


@pytest.mark.once
def test_every_group_has_help() -> None:
    assert all(command.help for command in main.commands.values())


@pytest.mark.once
def test_the_real_command_ends_with_its_code(tmp_path: Path) -> None:
    assert inbox(tmp_path, "--version").returncode == 0
    assert inbox(tmp_path, "fly").returncode == 2
    assert inbox(tmp_path / "nothing", "agent", "list").returncode == 1
