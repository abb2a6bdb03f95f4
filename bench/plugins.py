"""What the bundled plugins add to a page: `python -m bench.plugins` (part of `make bench`).

The demo desk with all of its plugins active, with each alone and with none, asked by turns, request by request: so
whatever else the machine does hits all alike. The shop is dead: nobody listens at its address, but what it once said
is kept, so that there are orders to link to.
"""

from __future__ import annotations

import shutil
import statistics
import tempfile
import time
from pathlib import Path

import sqlalchemy as sa

from inbox import demo
from inbox.app import create_app
from inbox.config import Config
from inbox.core.models import Agent, Message, Ticket
from inbox.db import db, session, transaction, utcnow, work_context
from inbox.demo.shop import stocked
from inbox.plugin_host import call, lifecycle
from inbox.prepare import make_tables
from inbox.testing.woocommerce import FakeShop
from inbox.web.auth import SignedIn

ROUNDS, FEWER = 50, 20  # with all of them, and with one alone
NAMES = ("crm", "kb", "reports", "sla", "woocommerce")
NONE: tuple[str, ...] = ()
ALL = NAMES
DEAD = "http://127.0.0.1:9/demo/shop"  # the port of this machine where nobody listens
PAGES = TICKET, PANE, LIST = "Ticket with its list", "Ticket, the pane alone", "List: all tickets"


def prepare(home: Path) -> None:
    """The demo desk with all bundled plugins active, told of a shop that has died since."""
    config = Config(home=home, demo=True, private_hosts="127.0.0.1")
    demo.seed(make_tables(config))
    app, shop = create_app(config), stocked(home / "demo-shop.json")
    with work_context(app):
        call.lifecycle("woocommerce", "demo_started", shop={"url": DEAD, "key": shop.key, "secret": shop.secret})
        _remember(shop)
        db.engine.dispose()


def _remember(shop: FakeShop) -> None:
    """Every order as if the shop had told of it an hour ago, and not answered since."""
    from inbox_plugins.woocommerce import orders, shops  # type: ignore[import-not-found]
    from inbox_plugins.woocommerce.client import Unreachable  # type: ignore[import-not-found]
    from inbox_plugins.woocommerce.models import Lookup  # type: ignore[import-not-found]
    from inbox_plugins.woocommerce.reading import read_order  # type: ignore[import-not-found]

    told, shop_id = [read_order(each) for each in shop.orders.values()], shops.all_shops()[0].id
    with transaction() as current:
        orders.put(shop_id, told)
        for address in {each["email"] for each in told}:
            current.merge(Lookup(shop_id=shop_id, address=address, asked_at=utcnow(), total=1, accounts=[]))
        shops.note(shop_id, Unreachable("It did not answer in time."))


class Variant:
    """A copy of the desk with some of the plugins active, and a browser of its owner."""

    def __init__(self, source: Path, wanted: tuple[str, ...]) -> None:
        self.home = Path(tempfile.mkdtemp(prefix="inbox-bench-"))
        shutil.copytree(source, self.home, dirs_exist_ok=True)
        self.app = create_app(Config(home=self.home, demo=True, private_hosts="127.0.0.1"))
        self.client = self.app.test_client()
        with work_context(self.app):
            self.engine = db.engine
            for name in reversed(NAMES):
                if name not in wanted:
                    lifecycle.deactivate(name)
            self.number = session().scalar(sa.select(Ticket.number).join(Message, Message.ticket_id == Ticket.id).where(
                Message.text.contains("10454")).limit(1))  # its customer writes of two orders of theirs
            with self.client.session_transaction() as cookie:
                cookie["_user_id"] = SignedIn(session().get_one(Agent, 1)).get_id()
                cookie["_fresh"] = True

    def get(self, title: str) -> float:
        """Ask for a page. Returns what the processor worked for it, in milliseconds."""
        path = {TICKET: f"/tickets/{self.number}?in=all", PANE: f"/tickets/{self.number}?part=pane", LIST: "/views/all"}
        begun = time.process_time()
        answer = self.client.get(path[title])
        took = (time.process_time() - begun) * 1000
        assert answer.status_code == 200, (title, answer.status)
        return took

    def queries(self, title: str) -> int:
        """How many statements a page sends; the fewest of three, as some things are read every two seconds."""
        counts = [0, 0, 0]

        def count(*_: object) -> None:
            counts[place] += 1

        sa.event.listen(self.engine, "before_cursor_execute", count)
        for place in range(len(counts)):  # noqa: B007  (count() reads it)
            self.get(title)
        sa.event.remove(self.engine, "before_cursor_execute", count)
        return min(counts) - 1  # BEGIN is no query

    def close(self) -> None:
        self.engine.dispose()
        shutil.rmtree(self.home)


Added = dict[str, tuple[float, float, int, int]]
"""By page: processor time in milliseconds and queries, (without, with, without, with) plugins."""


def compare(source: Path, wanted: tuple[str, ...], rounds: int = ROUNDS) -> Added:
    """A desk with these plugins beside one without any, asked by turns: medians."""
    bare, full = Variant(source, NONE), Variant(source, wanted)
    found: Added = {}
    for title in PAGES:
        few, many = bare.queries(title), full.queries(title)
        times = [(bare.get(title), full.get(title)) for _ in range(rounds)]
        without, with_them = (statistics.median(each) for each in zip(*times, strict=True))
        found[title] = without, with_them, few, many
    for each in (bare, full):
        each.close()
    return found


def table(source: Path) -> str:
    """In Markdown: the pages without plugins, and what is added to them."""
    lines = ["### Bundled plugins, on the demo desk, the shop dead", "",
             f"| active | {' | '.join(PAGES)} |", "|---|---|---|---|"]
    for names in (ALL, *((name,) for name in NAMES)):
        found = compare(source, names, ROUNDS if names == ALL else FEWER)
        if names == ALL:
            lines.append("| none | " + " | ".join(f"{found[each][0]:.1f} ms, {found[each][2]} queries"
                                                  for each in PAGES) + " |")
        cells = [f"{found[each][1] - found[each][0]:+.1f} ms, {found[each][3] - found[each][2]:+d}" for each in PAGES]
        lines.append(f"| {'all' if names == ALL else names[0]} | {' | '.join(cells)} |")
    return "\n".join(lines)


def main() -> None:
    """Print the table."""
    with tempfile.TemporaryDirectory(prefix="inbox-bench-") as folder:
        prepare(Path(folder) / "home")
        print(table(Path(folder) / "home"))


if __name__ == "__main__":
    main()
