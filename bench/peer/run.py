"""Seed a django-helpdesk and ask it for pages: `python -m bench.peer.run FOLDER ROUNDS`; prints figures as JSON.

FOLDER holds texts.jsonl (the messages of a ticket in a line), words.json and mail/ (messages as files).
"""

import datetime as dt
import json
import os
import random
import re
import statistics
import sys
import time
from pathlib import Path

folder, rounds = Path(sys.argv[1]), int(sys.argv[2])
os.environ["PEER_HOME"] = str(folder)
os.environ["DJANGO_SETTINGS_MODULE"] = "bench.peer.settings"

import django  # noqa: E402

django.setup()

from django.contrib.auth.models import User  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.db import connection, transaction  # noqa: E402
from django.test import Client  # noqa: E402
from helpdesk.email import process_email  # noqa: E402
from helpdesk.models import FollowUp, Queue, Ticket  # noqa: E402

AGENTS, BATCH = 20, 500


def seed() -> None:
    """The same texts in the same tickets: a fifth open, two thirds of them somebody's."""
    chance, now = random.Random(4), dt.datetime.now(dt.UTC)
    queues = [Queue.objects.create(title=name, slug=name.lower(), email_address=f"{name.lower()}@desk.example")
              for name in ("Support", "Returns", "Sales", "Wholesale")]
    people = [User.objects.create_user(f"agent{n}", f"agent{n}@desk.example", "x", is_staff=True, is_superuser=n == 1)
              for n in range(1, AGENTS + 1)]
    lines = [json.loads(line) for line in (folder / "texts.jsonl").open()]
    for first in range(0, len(lines), BATCH):
        tickets, followups = [], []
        for number, texts in enumerate(lines[first:first + BATCH], first + 1):
            at = now - dt.timedelta(days=700) * (1 - number / len(lines))
            agent = chance.choice(people) if chance.random() < 0.7 else None
            tickets.append(Ticket(
                id=number, title=texts[0].split("\n")[0][:70], queue=queues[number % 4], created=at, modified=at,
                submitter_email=f"customer{number % (len(lines) // 5 + 1)}@mail.example", assigned_to=agent,
                status=1 if chance.random() < 0.2 else 4, description=texts[0], secret_key=f"{number:036d}"))
            followups += [FollowUp(ticket_id=number, title="Comment", comment=text, public=True,
                                   date=at + dt.timedelta(minutes=13 * step), user=agent if step % 2 else None)
                          for step, text in enumerate(texts[1:], 1)]
        with transaction.atomic():
            Ticket.objects.bulk_create(tickets)
            FollowUp.objects.bulk_create(followups)


def timed(call) -> dict:
    """Median and 95th percentile, processor, statements, bytes."""
    asked = []

    def count(execute, sql, params, many, context):
        asked.append(sql)
        return execute(sql, params, many, context)

    with connection.execute_wrapper(count):
        size = call()
    call()
    took, busy = [], []
    for _ in range(rounds):
        begun, worked = time.perf_counter(), time.process_time()
        call()
        took.append((time.perf_counter() - begun) * 1000)
        busy.append((time.process_time() - worked) * 1000)
    return {"median": statistics.median(took), "p95": sorted(took)[int(len(took) * 0.95)],
            "cpu": statistics.median(busy), "queries": len(asked), "bytes": size}


def pages(client: Client) -> dict:
    """The list is its page and the answer its table fetches, as a browser has to."""
    words, long = json.loads((folder / "words.json").read_text()), 100

    def listed(**query):
        def call() -> int:
            shell = client.get("/tickets/", query)
            assert shell.status_code == 200, shell.status_code
            found = re.search(rb"datatables_ticket_list/([A-Za-z0-9+/=]+)", shell.content)
            table = client.get(f"/datatables_ticket_list/{found[1].decode()}", {"draw": 1, "start": 0, "length": 25})
            assert table.status_code == 200 and (json.loads(table.content)["data"] or "q" in query)
            return len(shell.content) + len(table.content)
        return call

    def ticket() -> int:
        answer = client.get(f"/tickets/{long}/")
        assert answer.status_code == 200, answer.status_code
        return len(answer.content)

    def reply() -> int:
        answer = client.post(f"/tickets/{long}/update/", {
            "comment": "Thank you, it is on its way.", "new_status": Ticket.objects.get(id=long).status, "public": 1,
            "title": "An order", "owner": 1, "priority": 3, "queue": 1}, follow=True)
        assert answer.status_code == 200, answer.status_code
        return len(answer.content)

    before = FollowUp.objects.filter(ticket_id=long).count()
    found = {"list": timed(listed()), "mine": timed(listed(assigned_to=1, status=1)), "ticket": timed(ticket),
             "rare": timed(listed(q=words["rare"])), "common": timed(listed(q=words["common"])), "reply": timed(reply)}
    assert FollowUp.objects.filter(ticket_id=long).count() >= before + rounds, "replies were not stored"
    return found


def mail() -> dict:
    """Messages a second from a local folder, as its command `get_email` takes them in."""
    count = len(list((folder / "mail").iterdir()))
    Queue.objects.filter(id=1).update(email_box_type="local", email_box_local_dir=str(folder / "mail"),
                                      allow_email_submission=True, email_box_interval=0)
    there, begun, worked = Ticket.objects.count(), time.perf_counter(), time.process_time()
    process_email(quiet=True)
    took, work = time.perf_counter() - begun, time.process_time() - worked
    assert Ticket.objects.count() >= there + count, "not all messages were taken in"
    return {"rate": count / took, "cpu": work * 1000 / count}


if __name__ == "__main__":
    call_command("migrate", verbosity=0)
    call_command("loaddata", "emailtemplate", verbosity=0)
    call_command("collectstatic", verbosity=0, interactive=False)
    seed()
    browser = Client()
    browser.force_login(User.objects.get(username="agent1"))
    print(json.dumps({"pages": pages(browser), "mail": mail(), "cookie": browser.cookies["sessionid"].value}))
