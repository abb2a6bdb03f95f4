"""An exported desk into an empty one: rows with their ids, files byte for byte, in small commits.

How far it is stands in the import's row, in the transaction of what was brought, so that it goes on where it ended.
Nothing is sent and no plugin is told: events come as things of the past.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable, Iterator
from typing import Any

import sqlalchemy as sa

from inbox.core import attachments, mailboxes, search, settings
from inbox.core.errors import Invalid
from inbox.core.models import Counter, Customer, Event, Ledger, MailImport, Message, Role, Ticket
from inbox.db import current_config, is_sqlite, session, transaction, utcnow
from inbox.exchange.form import BY_NAME, FORMAT, SECTIONS, VERSION, Row, Section, path_of, read

BATCH = 200
WAITED = "It waited to be sent when the desk was exported; it may have been sent there."
HELD = "It waited to be read when the desk was exported."
NAMED = {"agent": "agent", "department": "department", "mailbox": "mailbox"}  # ids in the data of events
BEFORE = {"ticket_assigned": "agent", "ticket_moved": "department"}
PHASES = ("blobs", *(each.name for each in SECTIONS), *(f"link {each.name}" for each in SECTIONS if each.later),
          "index", "numbers")


def look(path: str) -> dict[str, Any]:
    """What desk.json says of an exported desk. Raises Invalid when it is none, or a newer one."""
    try:
        with zipfile.ZipFile(path) as archive:
            head = json.loads(archive.read("desk.json"))
    except (OSError, zipfile.BadZipFile, KeyError, ValueError):
        raise Invalid("source", "This is not an exported desk.") from None
    if not isinstance(head, dict) or head.get("format") != FORMAT:
        raise Invalid("source", "This is not an exported desk.")
    if int(head.get("version", 0)) > VERSION:
        raise Invalid("source", "This desk was exported by a newer program; upgrade this one first.")
    return head


def require_empty() -> None:
    """Raises Invalid unless there are no tickets, customers and mail here."""
    if any(session().scalar(sa.select(each.id).limit(1)) is not None for each in (Ticket, Customer, Message, Ledger)):
        raise Invalid("source", "A desk can be brought into an empty one only: there are tickets, customers or mail "
                                "here already.")


class Bringer:
    """Brings a desk in, from where the import's row says; `step` does one batch."""

    def __init__(self, job: MailImport) -> None:
        self._id = job.id
        self._archive = zipfile.ZipFile(job.source)
        self._entries = {each.filename: each for each in self._archive.infolist()}
        self._blobs = sorted(name for name in self._entries if name.startswith(("files/", "mail/")))
        self._maps: dict[str, dict[int, int]] = {}
        self._file: io.BufferedIOBase | Any = None
        phase, self._line, self._offset = (job.position or [0, 0, 0])[:3]
        self._phase, self._at = int(phase), -1

    def close(self) -> None:
        """Let go of the file."""
        self._archive.close()

    def step(self) -> bool:
        """One batch. False when all of it is here. Raises Invalid for a file that does not fit together."""
        if self._phase == 0 and self._line == 0:
            self._offset = session().scalar(sa.select(sa.func.max(Event.id))) or 0
        name = PHASES[self._phase]
        do: Callable[[], int] = {"blobs": self._bring_blobs, "index": self._bring_index,
                                 "numbers": self._bring_numbers}.get(name, self._bring_rows)
        self._done(do())
        return self._phase < len(PHASES)

    def _done(self, count: int) -> None:
        """A batch was smaller than it might have been: on to the next phase."""
        if count < BATCH:
            self._phase, self._line, self._file = self._phase + 1, 0, None
            with transaction() as current:
                self._keep(current.get_one(MailImport, self._id))

    def _keep(self, job: MailImport) -> None:
        job.position = [self._phase, self._line, self._offset]
        job.done_part = min(1.0, self._phase / len(PHASES))

    # --- files ------------------------------------------------------------------------------------------------------

    def _bring_blobs(self) -> int:
        names = self._blobs[self._line:self._line + BATCH]
        limit = 2 * current_config().max_message_bytes
        for name in names:
            if self._entries[name].file_size > limit:
                raise Invalid("source", f"{name} is larger than this desk takes; raise max_message_bytes.")
            digest = name.partition("/")[2].removesuffix(".eml")
            if attachments.store(self._archive.read(name), compress=name.startswith("mail/")) != digest:
                raise Invalid("source", f"{name} is damaged: it is not what its name says.")
        self._line += len(names)
        with transaction() as current:
            self._keep(current.get_one(MailImport, self._id))
        return len(names)

    # --- rows -------------------------------------------------------------------------------------------------------

    def _bring_rows(self) -> int:
        name = PHASES[self._phase]
        section = BY_NAME[name.removeprefix("link ")]
        rows = self._read(section)
        with transaction() as current:
            if name.startswith("link "):
                self._link(section, rows)
            else:
                self._insert(section, rows)
            self._line += len(rows)
            job = current.get_one(MailImport, self._id)
            if not name.startswith("link "):
                job.counts = {**job.counts, name: job.counts.get(name, 0) + len(rows)}
            self._keep(job)
        return len(rows)

    def _read(self, section: Section) -> list[Row]:
        """The next lines of a section."""
        path = path_of(section)
        path = next((each for each in self._entries if each.endswith(f"-{section.name}.jsonl")), path)
        if path not in self._entries:
            return []  # of a version that did not have it
        if self._file is None or self._at != self._line:
            self._file = self._archive.open(path)
            for _ in range(self._line):
                self._file.readline()
        lines = [line for line in (self._file.readline() for _ in range(BATCH)) if line]
        self._at = self._line + len(lines)
        try:
            return [json.loads(line) for line in lines]
        except ValueError as error:
            raise Invalid("source", f"{path} is damaged: {error}.") from error

    def _insert(self, section: Section, rows: list[Row]) -> None:
        if section.name == "setting":
            self._put_settings(rows)
            return
        ready = [self._mapped(section, read(section, row)) for row in rows]
        if section.key:
            ready = self._unknown(section, ready)
        elif section.name == "membership":
            ready = [each for each in ready if session().get(
                section.model, (each["agent_id"], each["department_id"])) is None]
        if section.fresh or section.key:
            ready = [{name: value for name, value in each.items() if name != "id"} for each in ready]
        if ready:
            session().execute(sa.insert(section.table), ready)

    def _unknown(self, section: Section, rows: list[Row]) -> list[Row]:
        known = set(session().scalars(sa.select(section.table.c[section.key])))
        return [each for each in rows if each[section.key] not in known]

    def _put_settings(self, rows: list[Row]) -> None:
        for row in rows:
            own = settings.DECLARED.get(row["key"])
            if own is not None and row["scope"] == settings.SITE and isinstance(row["value"], own.type):
                session().merge(BY_NAME["setting"].model(scope=row["scope"], key=row["key"], value=row["value"]))

    def _mapped(self, section: Section, row: Row) -> Row:
        """A row with this desk's ids of what every desk has of its own."""
        for column in section.columns:
            for key in column.foreign_keys:
                target = BY_NAME.get(key.column.table.name)
                if column.name == section.later:
                    row[column.name] = None
                elif target is not None and target.key and row.get(column.name) is not None:
                    row[column.name] = self._new_id(target, row[column.name])
        change = getattr(self, f"_as_{section.name}", None)
        return change(row) if change is not None else row

    def _new_id(self, section: Section, old: int) -> int | None:
        """This desk's id of a department, agent … of the other. None: it is not in the file."""
        if section.name not in self._maps:
            here = {key: number for number, key in session().execute(
                sa.select(section.table.c.id, section.table.c[section.key]))}
            self._maps[section.name] = {
                row["id"]: here[row[section.key]] for row in self._all(section) if row[section.key] in here}
        return self._maps[section.name].get(old)

    def _all(self, section: Section) -> Iterator[Row]:
        path = next((each for each in self._entries if each.endswith(f"-{section.name}.jsonl")), "")
        if path:
            with self._archive.open(path) as file:
                yield from (json.loads(line) for line in file)

    def _link(self, section: Section, rows: list[Row]) -> None:
        table, column = section.table, section.later
        target = next(iter(table.c[column].foreign_keys)).column.table.name
        for row in rows:
            if row.get(column) is None:
                continue
            mine = self._new_id(section, row["id"]) if section.key else row["id"]
            other = self._new_id(BY_NAME[target], row[column]) if BY_NAME[target].key else row[column]
            session().execute(sa.update(table).where(table.c.id == mine, table.c[column].is_(None))
                              .values({column: other}))

    # --- what becomes of rows ----------------------------------------------------------------------------------------

    def _as_mailbox(self, row: Row) -> Row:
        """Without its password it can neither be read nor send: it waits for a person."""
        if row["incoming"] in mailboxes.FETCHED or (row["outgoing"] == "smtp" and row["smtp_user"]):
            row["is_active"] = False
        return row

    def _as_agent(self, row: Row) -> Row:
        if row["role_id"] is None:
            row["role_id"] = session().scalars(sa.select(Role.id).where(Role.name == "agent")).one()
        return row

    def _as_customer_merge(self, row: Row) -> Row:
        """What goes back when it is undone names fields: by this desk's ids."""
        fields, moved = BY_NAME["customer_field"], row["moved"]
        kept = [{**each, "field_id": self._new_id(fields, each["field_id"])} for each in moved["fields"]]
        lent = [self._new_id(fields, each) for each in moved["lent"]]
        row["moved"] = {**moved, "fields": [each for each in kept if each["field_id"] is not None],
                        "lent": [each for each in lent if each is not None]}
        return row

    def _as_saved_reply(self, row: Row) -> Row:
        """What it does names agents and departments: by this desk's ids."""
        row["used"], kept = row.get("used", 0), []
        for kind, _, value in (each.partition(":") for each in row.get("actions", [])):
            if kind in ("assign", "department") and value.isdigit():
                value = self._new_id(BY_NAME["agent" if kind == "assign" else kind], int(value))
            if value is not None:
                kept.append(f"{kind}:{value}")
        row["actions"] = kept
        return row

    def _as_ticket_merge(self, row: Row) -> Row:
        """What goes back when it is undone names tags, an agent and a mailbox: by this desk's ids."""
        moved, kept = row["moved"], row["moved"]["kept"]
        tags = [self._new_id(BY_NAME["tag"], each) for each in moved["tags"]]
        followers = [self._new_id(BY_NAME["agent"], each) for each in moved["followers"]]
        fields = [self._new_id(BY_NAME["ticket_field"], each) for each in moved["fields"]]
        named = {"assignee_id": "agent", "mailbox_id": "mailbox"}
        row["moved"] = {**moved, "tags": [each for each in tags if each is not None],
                        "fields": [each for each in fields if each is not None],
                        "followers": [each for each in followers if each is not None],
                        "kept": {name: self._new_id(BY_NAME[named[name]], value) if name in named else value
                                 for name, value in kept.items()}}
        return row

    def _as_message(self, row: Row) -> Row:
        if row["state"] in ("queued", "sending"):
            row["state"], row["error"] = "unknown", WAITED
        if row["extra"]:  # agents, events and files of the other desk are named by its numbers
            row["extra"] = {name: value for name, value in row["extra"].items()
                            if name not in ("actions", "overtaken", "held")}
        return row

    def _as_recipient(self, row: Row) -> Row:
        if row["state"] == "queued":
            row["state"], row["error"] = "unknown", WAITED
        return row

    def _as_ledger(self, row: Row) -> Row:
        if row["fate"] == "waiting":
            row["fate"], row["reason"], row["fated_at"] = "quarantined", HELD, utcnow()
        return row

    def _as_event(self, row: Row) -> Row:
        row["id"] += self._offset
        if row["caused_by"] is not None:
            row["caused_by"] += self._offset
        if row["actor_kind"] == "agent" and row["actor_id"] is not None:
            row["actor_id"] = self._new_id(BY_NAME["agent"], row["actor_id"])
        if isinstance(row["data"], dict):
            named = {**NAMED, "before": BEFORE.get(row["kind"], "")}
            row["data"] = {key: self._new_id(BY_NAME[named[key]], value)
                           if named.get(key) and isinstance(value, int) else value
                           for key, value in row["data"].items()}
        row["dispatched_at"] = row["dispatched_at"] or utcnow()
        return row

    # --- at the end ---------------------------------------------------------------------------------------------------

    def _bring_index(self) -> int:
        """The search index of the messages after the last one."""
        found = session().scalars(sa.select(Message).where(Message.id > self._line, Message.state != "draft")
                                  .order_by(Message.id).limit(BATCH)).all()
        folded = {each.id: search.text_of(
            each.subject, f"{each.text}\n{each.text_quoted}", each.from_name, each.from_address,
            *(to.address for to in each.recipients)) for each in found}
        with transaction() as current:
            for message_pk, text in folded.items():
                search.index(message_pk, text)
            if folded:
                self._line = max(folded)
            self._keep(current.get_one(MailImport, self._id))
        session().expunge_all()
        return len(folded)

    def _bring_numbers(self) -> int:
        """New rows get numbers above those that came."""
        highest = session().scalar(sa.select(sa.func.max(Ticket.number))) or 0
        with transaction() as current:
            if is_sqlite():
                current.execute(sa.update(Counter).where(Counter.name == "ticket_number", Counter.value < highest)
                                .values(value=highest))
            else:
                for section in (each for each in SECTIONS if "id" in each.table.c):
                    last = sa.select(sa.func.coalesce(sa.func.max(section.table.c.id), 1)).scalar_subquery()
                    current.execute(sa.select(sa.func.setval(sa.func.pg_get_serial_sequence(section.name, "id"), last)))
                current.execute(sa.select(sa.func.setval(
                    "ticket_number", sa.func.greatest(highest, sa.func.nextval("ticket_number")))))
        return 0
