"""Agents and their tokens, departments, mailboxes."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from inbox.cli.base import Failure, as_json, by, desk, put_json, put_table, with_config
from inbox.config import Config

if TYPE_CHECKING:
    from inbox.core.models import Agent, Department, Mailbox

ROLES = click.Choice(["owner", "admin", "agent", "light"])
SECURITY = click.Choice(["tls", "starttls", "none"])
from_stdin = click.option("--password-stdin", is_flag=True, help="Read the password from the first line of stdin.")


def _password(from_standard_input: bool, question: str, *, again: bool = False) -> str | None:
    """The password from standard input, or asked for at a terminal; None where nobody can be asked."""
    if from_standard_input:
        return sys.stdin.readline().rstrip("\r\n")
    if not sys.stdin.isatty():
        return None
    answer: str = click.prompt(question, hide_input=True, confirmation_prompt=again, default="", show_default=False)
    return answer or None


def _agent(address: str) -> Agent:
    from inbox.core import agents

    found = agents.by_email(address)
    if found is None:
        raise Failure(f"There is no agent with the address {address}. `inbox agent list` shows them.")
    return found


def _department(name: str) -> Department:
    from inbox.core import departments

    found = departments.by_name(name)
    if found is None:
        known = ", ".join(each.name for each in departments.all_departments()) or "none yet"
        raise Failure(f"There is no department called {name} ({known}). `inbox department create` makes one.")
    return found


# --- agents -----------------------------------------------------------------------------------------------------


@click.group()
def agent() -> None:
    """People who answer."""


@agent.command("create")
@click.argument("address")
@click.option("--name", required=True, help="Their name, as customers see it.")
@click.option("--role", type=ROLES, default="agent", show_default=True, help="What they may do.")
@click.option("--department", "departments", multiple=True, help="A department they work in; may be repeated.")
@from_stdin
@as_json
@with_config
def agent_create(config: Config, address: str, name: str, role: str, departments: tuple[str, ...],
                 password_stdin: bool, json_wanted: bool) -> None:
    """Make an agent."""
    from inbox.core import agents

    with desk(config):
        places = [_department(each) for each in departments]
        password = _password(password_stdin, "Password (empty: set it later)", again=True)
        made = agents.create(by=by(), email=address, name=name, role=role, password=password, departments=places)
        if json_wanted:
            put_json(_agent_data(made))
            return
        click.echo(f"{made.name} <{made.email}> is {role} now.")
        if password is None:
            click.echo(f"There is no password yet: `inbox agent password {made.email}`.")


@agent.command("list")
@as_json
@with_config
def agent_list(config: Config, json_wanted: bool) -> None:
    """List the agents."""
    from inbox.core import agents

    with desk(config):
        rows = [_agent_data(each) for each in agents.all_agents()]
    if json_wanted:
        put_json(rows)
        return
    put_table(("address", "name", "role", "active", "departments", "last seen"),
              [(r["address"], r["name"], r["role"], r["active"], ", ".join(r["departments"]), r["last_seen_at"])
               for r in rows], "There is no agent yet.")


def _agent_data(agent: Agent) -> dict[str, Any]:
    from inbox.core import departments

    places = [each.name for each in departments.all_departments(active=None) if each.id in agent.department_ids]
    return {"id": agent.id, "address": agent.email, "name": agent.name, "role": agent.role.name,
            "active": agent.is_active, "departments": places, "last_seen_at": agent.last_seen_at}


@agent.command("password")
@click.argument("address")
@from_stdin
@with_config
def agent_password(config: Config, address: str, password_stdin: bool) -> None:
    """Give an agent a new password; their other sessions end."""
    from inbox.core import agents

    with desk(config):
        found = _agent(address)
        password = _password(password_stdin, "New password", again=True)
        if password is None:
            raise Failure("No password was given. Type one at the terminal, or use --password-stdin.")
        agents.set_password(found, password, by=by())
        click.echo(f"The password of {found.email} is changed.")


@click.group()
def token() -> None:
    """Tokens for the REST API."""


@token.command("create")
@click.option("--agent", "address", required=True, help="Mail address of the agent whose reach the token has.")
@click.option("--name", default="", help="What it is for.")
@click.option("--scope", "scopes", type=click.Choice(["read", "write"]), multiple=True,
              help="What it may do; may be repeated (both when left out).")
@as_json
@with_config
def token_create(config: Config, address: str, name: str, scopes: tuple[str, ...], json_wanted: bool) -> None:
    """Make a token and print it. It is shown this once."""
    from inbox.core import api_tokens

    with desk(config):
        row, secret = api_tokens.create(_agent(address), name, scopes or ("read", "write"), by=by())
        if json_wanted:
            put_json({"id": row.id, "agent": address, "name": row.name, "scopes": row.scopes, "token": secret})
        else:
            click.echo(secret)


# --- departments ------------------------------------------------------------------------------------------------


@click.group()
def department() -> None:
    """Queues of work."""


@department.command("create")
@click.argument("name")
@click.option("--sender-name", default="", help="Name that customers see as the sender (else that of the department).")
@click.option("--signature", default="", help="Text below every answer.")
@as_json
@with_config
def department_create(config: Config, name: str, sender_name: str, signature: str, json_wanted: bool) -> None:
    """Make a department."""
    from inbox.core import departments

    with desk(config):
        made = departments.create(by=by(), name=name, sender_name=sender_name, signature=signature)
        if json_wanted:
            put_json({"id": made.id, "name": made.name})
        else:
            click.echo(f"Department {made.name} is there.")


@department.command("list")
@as_json
@with_config
def department_list(config: Config, json_wanted: bool) -> None:
    """List the departments."""
    from inbox.core import departments

    with desk(config):
        rows: list[dict[str, Any]] = [
            {"id": each.id, "name": each.name, "active": each.is_active,
             "members": [member.email for member in departments.members(each)]}
            for each in departments.all_departments(active=None)]
    if json_wanted:
        put_json(rows)
        return
    put_table(("name", "active", "members"), [(r["name"], r["active"], ", ".join(r["members"])) for r in rows],
              "There is no department yet. `inbox department create NAME` makes one.")


# --- mailboxes --------------------------------------------------------------------------------------------------


@click.group()
def mailbox() -> None:
    """Accounts that mail comes from and goes out by."""


@mailbox.command("create")
@click.argument("address")
@click.option("--department", required=True, help="The department it feeds.")
@click.option("--name", default="", help="A name for lists.")
@click.option("--imap-host", help="Fetch from this server (else mail comes in by the listener or the pipe).")
@click.option("--imap-port", type=click.IntRange(1, 65535), help="Its port (993 with tls, else 143).")
@click.option("--imap-security", type=SECURITY, default="tls", show_default=True, help="How that line is encrypted.")
@click.option("--imap-user", help="Login there (else the address).")
@click.option("--imap-folder", default="INBOX", show_default=True, help="The folder to fetch.")
@click.option("--smtp-host", help="Send through this server (else mail goes to the Outbox page only).")
@click.option("--smtp-port", type=click.IntRange(1, 65535), help="Its port (465 with tls, else 587).")
@click.option("--smtp-security", type=SECURITY, default="starttls", show_default=True,
              help="How that line is encrypted.")
@click.option("--pop3", is_flag=True, help="The server of --imap-host is read by POP3.")
@click.option("--smtp-user", help="Login there (else the address; an empty one means no login).")
@from_stdin
@as_json
@with_config
def mailbox_create(config: Config, address: str, department: str, name: str, password_stdin: bool, json_wanted: bool,
                   **server: Any) -> None:
    """Connect a mailbox. The password is asked for, one for both directions."""
    from inbox.core import mailboxes

    columns = _columns(address, server)
    with desk(config):
        place = _department(department)
        if {"imap_user", "smtp_user"} & {key for key, value in columns.items() if value}:
            _store_password(columns, _password(password_stdin, f"Password of {address}"))
        made = mailboxes.create(by=by(), address=address, department=place, name=name, **columns)
        if json_wanted:
            put_json(_mailbox_data(made))
            return
        click.echo(f"Mailbox {made.address} feeds {place.name}. `inbox doctor` tries to sign in.")


def _columns(address: str, server: dict[str, Any]) -> dict[str, Any]:
    """The options as columns of a mailbox, with what follows from the others filled in."""
    columns: dict[str, Any] = {}
    ports = {"imap": {"tls": 995 if server["pop3"] else 993}, "smtp": {"tls": 465}}
    for way, plain_port in (("imap", 110 if server["pop3"] else 143), ("smtp", 587)):
        if not server[f"{way}_host"]:
            continue
        security = server[f"{way}_security"]
        user = server[f"{way}_user"]
        columns |= {f"{way}_host": server[f"{way}_host"], f"{way}_security": security,
                    f"{way}_port": server[f"{way}_port"] or ports[way].get(security, plain_port),
                    f"{way}_user": address if user is None else user}
    if server["imap_host"]:
        columns |= {"incoming": "pop3" if server["pop3"] else "imap", "imap_folder": server["imap_folder"]}
    if server["smtp_host"]:
        columns["outgoing"] = "smtp"
    return columns


def _store_password(columns: dict[str, Any], password: str | None) -> None:
    from inbox import secrets

    if password is None:
        raise Failure("No password was given. Type one at the terminal, or use --password-stdin.")
    for way in ("imap", "smtp"):
        if columns.get(f"{way}_user"):
            columns[f"{way}_password"] = secrets.encrypt(password)


@mailbox.command("list")
@as_json
@with_config
def mailbox_list(config: Config, json_wanted: bool) -> None:
    """List the mailboxes and how fetching goes."""
    from inbox.core import mailboxes

    with desk(config):
        rows = [_mailbox_data(each) for each in mailboxes.all_mailboxes()]
    if json_wanted:
        put_json(rows)
        return
    put_table(("address", "department", "in", "out", "active", "fetched", "error"),
              [(r["address"], r["department"], r["incoming"], r["outgoing"], r["active"], r["fetched_at"],
                r["error"] or "") for r in rows], "There is no mailbox yet. `inbox mailbox create ADDRESS` makes one.")


def _mailbox_data(mailbox: Mailbox) -> dict[str, Any]:
    return {"id": mailbox.id, "address": mailbox.address, "department": mailbox.department.name,
            "active": mailbox.is_active, "incoming": mailbox.incoming, "imap_host": mailbox.imap_host or None,
            "outgoing": mailbox.outgoing, "smtp_host": mailbox.smtp_host or None,
            "fetched_at": mailbox.fetched_at, "error": mailbox.fetch_error}
