"""`make soak`: 1,000 messages, 200 replies and people at work, with every misbehaving plugin active at once.

Prints what came of it, and with `--write` keeps it in docs/reference/chaos.md. Ends with code 1 when mail or replies
were lost or doubled, when a page answered 5xx, when a culprit was not paused within 60 s or not blamed, or when pages
were more than one and a half times slower afterwards.
"""

import argparse
import os
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path

from tests.chaos.desk import SAMPLES, UNLOADED, Desk, Views, wait_for
from tests.support.program import inbox

PAGE = Path("docs/reference/chaos.md")
BEGIN, END = "<!-- figures -->", "<!-- end of figures -->"
# A good one; one that cannot be installed; one that keeps back the mail, and with it what the others are found by
# (alone: ARGS="--only slowintake").
NOT_ACTIVE = ("guestbook", "brokenmigration", "slowintake")
PAUSED_WITHIN, SLOWER_AT_MOST = 60.0, 1.5


@dataclass
class Outcome:
    """What came of a run."""

    messages: int
    replies: int
    before: Views
    during: Views
    after: Views
    taken_in: Counter[str]
    sent_out: Counter[str]
    paused_after: dict[str, float]
    culprits: set[str]
    blamed: dict[str, list[tuple[str, int | None, str]]]
    replies_said: Counter[int] = field(default_factory=Counter)
    unloaded: set[str] = field(default_factory=set)
    decided: int = 0
    seconds: float = 0.0
    deactivated: bool = True

    @property
    def ratio(self) -> float:
        return self.after.median / self.before.median

    def complaints(self) -> list[str]:
        """What must not be."""
        found = []
        for what, counted, wanted in (("messages", self.taken_in, self.messages),
                                      ("replies", self.sent_out, self.replies)):
            doubled = [each for each, times in counted.items() if times > 1]
            if len(counted) != wanted or doubled:
                found.append(f"{wanted - len(counted)} {what} lost, {len(doubled)} doubled")
        if errors := self.before.errors + self.during.errors + self.after.errors:
            found.append(f"pages answered {Counter(each.split()[0] for each in errors)}: {errors[:5]}")
        if errors := [status for status in self.replies_said if status >= 500]:
            found.append(f"the API answered {errors}")
        for name in sorted(self.culprits):
            if name in UNLOADED:
                if name not in self.unloaded:
                    found.append(f"{name} was loaded, or nobody says why not")
                continue
            if name not in self.blamed:
                found.append(f"{name} was never blamed")
            if self.paused_after.get(name, 999.0) > PAUSED_WITHIN:
                found.append(f"{name} was not paused within {PAUSED_WITHIN:.0f} s")
        if self.ratio > SLOWER_AT_MOST:
            found.append(f"pages are {self.ratio:.2f} times slower than without the plugins")
        if not self.deactivated:
            found.append("a plugin could not be deactivated by the command line")
        return found

    def table(self) -> str:
        """The figures in Markdown."""
        def pages(views: Views) -> str:
            return f"{views.median * 1000:.0f} ms median of {len(views.seconds)} pages"

        lines = [
            "| what | figure |", "|---|---|",
            f"| messages sent, lost, doubled | {self.messages}, {self.messages - len(self.taken_in)}, "
            f"{sum(times > 1 for times in self.taken_in.values())} |",
            f"| replies written, lost, doubled | {self.replies}, {self.replies - len(self.sent_out)}, "
            f"{sum(times > 1 for times in self.sent_out.values())} |",
            f"| replies cut off in the middle of the mail server's answer, so that a person decided | {self.decided} |",
            f"| pages answered with an error | {len(self.during.errors) + len(self.after.errors)} "
            f"of {len(self.during.seconds) + len(self.after.seconds)} |",
            f"| requests cut off because a plugin ended the process | {self.during.broken} pages, "
            f"{self.replies_said[0]} of the API (repeated under the same key) |",
            f"| page without the plugins | {pages(self.before)} |",
            f"| page while they rage, under load | {pages(self.during)}, slowest {max(self.during.seconds):.0f} s |",
            f"| page after they were paused | {pages(self.after)}: {self.ratio:.2f} times as long |",
            f"| the whole took | {self.seconds:.0f} s |", "",
            "| plugin | paused after | faults | as the first one says |", "|---|---|---|---|"]
        for name in sorted(self.culprits):
            hook, ticket, summary = self.blamed.get(name, [("register_permissions", None, "refused when loaded")])[0]
            when = f"{self.paused_after[name]:.0f} s" if name in self.paused_after else (
                "never loaded" if name in UNLOADED else "never")
            about = f"{hook}, ticket {ticket}" if ticket else hook
            lines.append(f"| {name} | {when} | {len(self.blamed.get(name, []))} | {about}: "
                         f"{summary.splitlines()[0][:110].replace('|', '/')} |")
        return "\n".join(lines)


def run(desk: Desk, culprits: set[str], *, messages: int, replies: int, pages: int, people: int,
        patience: float, may_go_on: Collection[str] = ()) -> Outcome:
    """Measure, activate, load, wait until all is done and all but `may_go_on` are paused, measure again."""
    began = time.monotonic()
    before = desk.look_around(pages)
    said: Counter[int] = Counter()
    paused_after: dict[str, float] = {}
    decided = 0
    with desk.viewers(people) as during:
        desk.activate(culprits)
        activated = time.monotonic()
        work = [threading.Thread(target=desk.send, args=(range(first, messages, 4),), daemon=True)
                for first in range(4)]
        work.append(threading.Thread(target=lambda: said.update(desk.reply(range(replies))), daemon=True))
        for each in work:
            each.start()

        def all_done() -> bool:
            nonlocal decided
            decided += desk.decide()
            for name in desk.paused() - paused_after.keys():
                paused_after[name] = time.monotonic() - activated
            return (culprits - {*UNLOADED, *may_go_on} <= paused_after.keys()
                    and not any(each.is_alive() for each in work)
                    and len(desk.taken_in()) >= messages and len(desk.sent_out()) >= replies)

        wait_for(all_done, patience)
    time.sleep(2)
    after = desk.look_around(pages)
    outcome = Outcome(messages, replies, before, during, after, desk.taken_in(), desk.sent_out(), paused_after,
                      culprits, desk.blamed(), said, desk.unloaded(), decided)
    outcome.seconds = time.monotonic() - began
    return outcome


def deactivate_all(desk: Desk, names: set[str]) -> bool:
    """By the command line, with nothing running but the database."""
    desk.program.stop()
    return all(inbox(desk.home, "plugin", "deactivate", name, env=desk.environment).returncode == 0
               for name in sorted(names))


def main() -> int:
    """Command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos.run", description=__doc__)
    parser.add_argument("--messages", type=int, default=1000)
    parser.add_argument("--replies", type=int, default=200)
    parser.add_argument("--patience", type=float, default=1200, help="seconds after which it is over in any case")
    parser.add_argument("--only", nargs="*", help="these plugins alone")
    parser.add_argument("--keep", action="store_true", help="leave the folder for a look")
    parser.add_argument("--write", action="store_true", help=f"put the figures into {PAGE}")
    options = parser.parse_args()
    names = {each.name for each in SAMPLES.iterdir() if (each / "plugin.toml").exists()} - set(NOT_ACTIVE)
    culprits = set(options.only) if options.only else names
    home = Path(tempfile.mkdtemp(prefix="pluginbox-chaos-"))
    desk = Desk(home / "home")
    try:
        outcome = run(desk, culprits, messages=options.messages, replies=options.replies, pages=100, people=8,
                      patience=options.patience)
        outcome.deactivated = deactivate_all(desk, culprits)
    finally:
        desk.stop()
        if options.keep:
            print(f"The folder: {home}")
    print(outcome.table(), flush=True)
    complaints = outcome.complaints()
    print("\n".join(["", *(f"NOT GOOD: {each}" for each in complaints)] if complaints else ["", "All is well."]))
    if options.write:
        head, _, rest = PAGE.read_text("utf-8").partition(BEGIN)
        machine = f"{os.cpu_count()} processor cores, two web processes, SQLite."
        PAGE.write_text(f"{head}{BEGIN}\n\n{machine}\n\n{outcome.table()}\n\n{END}{rest.partition(END)[2]}", "utf-8")
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main())
