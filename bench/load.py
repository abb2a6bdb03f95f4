"""`make load`, or `python -m bench.load`: a desk under the load of a large one, measured from outside.

PostgreSQL (durable), two web and two worker processes and a mail listener, the bundled plugins active. Two hundred
signed-in browsers hold a live stream, over twenty departments; in each department one of them has its list in front and
asks for it when told of news; some agents read and reply; mail comes in by SMTP. With `--kill` one of the processes is
killed every so many seconds, in turn, and started again.
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from bench.load_clients import Browser, Seen, Stream, Streams, follow, post, work
from bench.load_desk import LoadDesk
from inbox.testing.netguard import MARK
from tests.support.postgres import WHY_NOT, find_binaries

PAGE = Path("docs/reference/benchmarks.md")
BEGIN, END = "<!-- load -->", "<!-- end of load -->"
SENDERS = 4
WARM = 0.1  # of the time passes before memory is looked at first
TURN = ("web 1", "worker 1", "smtp", "web 2", "worker 2")


def percentile(values: Iterable[float], share: float) -> float:
    """The value below which that share of them lies; 0 without any."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))] if ordered else 0.0


def told(seen: Seen, tickets: dict[int, int], departments: dict[int, int], streams: list[Stream]
         ) -> tuple[list[float], int]:
    """Seconds from SMTP's 250 to the hint, for each message and each stream of its department that was open all that
    time; and how many hints never came. A stream told to look at everything has been told."""
    delays, missed = [], 0
    for mail, accepted in seen.accepted.items():
        for stream in streams:
            begun = [at for at in seen.opened[stream.index] if at <= accepted]
            if mail not in tickets or stream.department != departments[mail] or not begun:
                continue
            came = [at for at in (seen.hints[tickets[mail]].get(stream.index), *seen.everything[stream.index])
                    if at is not None and at >= begun[-1]]
            later = [at for at in came if at >= accepted] or came[-1:]
            anew = [at for at in seen.opened[stream.index] if at > accepted]
            if later and (not anew or later[0] < anew[0]):
                delays.append(max(0.0, later[0] - accepted))
            elif not anew:
                missed += 1
    return delays, missed


@dataclass
class Outcome:
    """What has to be nothing, in the end."""

    lost: int
    doubled: int
    replies_lost: int
    replies_doubled: int
    errors: int
    hints_missed: int

    @property
    def is_good(self) -> bool:
        return not any(vars(self).values())


def replies_gone(seen: Seen, sent: list[bytes]) -> tuple[int, int]:
    """How many confirmed replies never came to the mail server, and how many of all came twice."""
    times: Counter[bytes] = Counter()
    for raw in sent:
        begun = raw.find(b"reply-")  # the text comes before its HTML
        times[raw[begun:raw.find(b"-end", begun)] + b"-end"] += 1
    lost = sum(confirmed and not times[words.encode()] for words, confirmed in seen.replies.items())
    return lost, sum(times[words.encode()] > 1 for words in seen.replies)


def load(desk: LoadDesk, options: argparse.Namespace, seen: Seen
         ) -> tuple[list[Stream], dict[str, dict[str, float]], float]:
    """Everything at once for so many minutes; streams and lists go on until all is done that came in.

    Returns the streams, memory at the start and the end, and how many seconds longer that took.
    """
    stop, no_more_work = threading.Event(), threading.Event()
    ports, seconds = desk.web_ports, options.minutes * 60
    after = Browser(ports, 0, desk.cookies[0], Seen()).arrive()
    streams = [Stream(n, n % options.departments, cookie, n, after)
               for n, cookie in enumerate(desk.cookies[:options.streams])]
    lists = {department: threading.Event() for department in range(options.departments)}
    threads: list[threading.Thread] = [Streams(ports, streams, lists, seen, stop)]
    for department, event in lists.items():
        browser = Browser(ports, department, desk.cookies[department], seen)
        browser.arrive()
        threads.append(threading.Thread(target=follow, args=(browser, event, seen, stop), daemon=True))
    for number in range(options.agents):
        browser = Browser(ports, number, desk.cookies[-1 - number], seen)
        threads.append(threading.Thread(target=work, args=(browser, str(number), options.pace, seen,
                                                            no_more_work), daemon=True))
    seen.pages.clear()
    begun, count = time.monotonic() + 1, int(options.rate * seconds)
    for number in range(SENDERS):
        threads.append(threading.Thread(target=post, daemon=True, args=(
            range(number, count, SENDERS), begun + number / options.rate, SENDERS / options.rate, desk.smtp_port,
            desk.addresses, seen, stop)))
    for each in threads:
        each.start()
    memory = _watch(desk, begun, seconds, options.kill)
    no_more_work.set()
    for each in threads[1 + len(lists):]:
        each.join(120)
    settled = desk.settle(options.patience)
    stop.wait(5)  # the last hints and lists
    stop.set()
    for each in threads:
        each.join(70)
    return streams, memory, settled


def _watch(desk: LoadDesk, begun: float, seconds: float, kill: float) -> dict[str, dict[str, float]]:
    memory: dict[str, dict[str, float]] = {}
    turn, due = 0, begun + kill
    while (now := time.monotonic()) < begun + seconds:
        if not memory and now > begun + seconds * WARM:
            memory["start"] = desk.memory()
        if kill and now >= due:
            print(f"  {now - begun:.0f} s: {TURN[turn % len(TURN)]} is killed", flush=True)
            desk.kill(TURN[turn % len(TURN)])
            turn, due = turn + 1, due + kill
        time.sleep(0.2)
    memory["end"] = desk.memory()
    return memory


# --- report -----------------------------------------------------------------------------------------------------


def _row(what: str, values: Iterable[float], aim: str = "") -> str:
    values = list(values)
    if not values:
        return f"| {what} | 0 | | | | {aim} |"
    return (f"| {what} | {len(values):,} | {statistics.median(values) * 1000:.0f} ms | "
            f"{percentile(values, 0.95) * 1000:.0f} ms | {max(values) * 1000:.0f} ms | {aim} |")


def _memory_rows(memory: dict[str, dict[str, float]]) -> list[str]:
    first, last = memory["start"], memory["end"]
    return ["| process | memory at the start (PSS) | at the end |", "|---|---|---|",
            *(f"| {name} | {first[name]:.0f} MB | {last[name]:.0f} MB |" for name in last),
            f"| all | {sum(first.values()):.0f} MB | {sum(last.values()):.0f} MB |"]


def report(desk: LoadDesk, options: argparse.Namespace, seen: Seen, streams: list[Stream],
           memory: dict[str, dict[str, float]], shares: str) -> tuple[str, Outcome]:
    """The tables, and whether all is well."""
    times, tickets = desk.received()
    delays, missed = told(seen, tickets, {mail: mail % options.departments for mail in seen.accepted}, streams)
    lists = [max(0.0, seen.listed[tickets[mail]] - accepted) for mail, accepted in seen.accepted.items()
             if tickets.get(mail) in seen.listed]
    lost_replies, double_replies = replies_gone(seen, [
        each.raw for each in desk.sink.messages if each.recipients[0].endswith("@mail.example")])  # others tell agents
    foreign = sum(MARK in program.output() for program in desk.processes.values())
    # Without kills nothing may go away: a closed stream or an unanswered page is an error then.
    errors = seen.errors if options.kill else seen.errors + seen.gone
    outcome = Outcome(sum(mail not in times for mail in seen.accepted), sum(n > 1 for n in times.values()),
                      lost_replies, double_replies, sum(errors.values()) + foreign, missed)
    pages = [seconds for what, values in seen.pages.items() if not what.startswith("SMTP") for seconds in values]
    rows = [_row("SMTP's 250 to the event in each open stream", delays, "under 1 s"),
            _row("SMTP's 250 to the changed list", lists, "under 3 s"),
            _row("all pages", pages, "95th under 150 ms"),
            *(_row(what, seen.pages[what]) for what in sorted(seen.pages))]
    kills = f" A process was killed every {options.kill:.0f} s: {dict(desk.restarted)}." if options.kill else ""
    words = [
        f"{options.minutes:g} minutes, {options.streams} live streams over {options.departments} departments, "
        f"{options.rate:g} messages a second, {options.agents} agents at work, {options.tickets:,} tickets before."
        f"{kills} {shares}", "", "| what | how often | median | 95th percentile | slowest | aim |",
        "|---|---|---|---|---|---|", *rows, "", *_memory_rows(memory), "",
        f"Messages accepted {len(seen.accepted):,}: lost {outcome.lost}, doubled {outcome.doubled}; replies confirmed "
        f"{sum(seen.replies.values()):,}: lost {lost_replies}, sent twice {double_replies} (states of delivery: "
        f"{desk.states()}). Hints that never came: {missed}; messages no list has shown: "
        f"{len(seen.accepted) - len(lists)}.",
        f"Errors: {dict(seen.errors) or 'none'}. No answer: {dict(seen.gone) or 'never'}."]
    return "\n".join(words), outcome


def _options(given: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.load", description=__doc__)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--streams", type=int, default=200)
    parser.add_argument("--departments", type=int, default=20)
    parser.add_argument("--rate", type=float, default=20, help="messages a second")
    parser.add_argument("--agents", type=int, default=8, help="who read and reply")
    parser.add_argument("--pace", type=float, default=2, help="seconds an agent rests between two rounds")
    parser.add_argument("--tickets", type=int, default=10_000, help="seeded before")
    parser.add_argument("--kill", type=float, nargs="?", const=20, default=0, metavar="SECONDS",
                        help="kill a process every so often (20)")
    parser.add_argument("--letters", action="store_true",
                        help="agents are told by mail of each new ticket, which is what a desk does unless they choose")
    parser.add_argument("--patience", type=float, default=300, help="seconds to wait for what is left")
    parser.add_argument("--write", action="store_true", help=f"put the figures into {PAGE}")
    options = parser.parse_args(given)
    options.departments = min(options.departments, options.streams)
    return options


def main() -> int:
    """Command line. Exit code: 0 all is well, 1 not, 2 something is missing here."""
    options = _options()
    if find_binaries() is None:
        print(WHY_NOT, file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory(prefix="pluginbox-load-") as folder:
        desk = LoadDesk(Path(folder) / "home", tickets=options.tickets, departments=options.departments,
                        agents=options.streams + options.agents, letters=options.letters)
        try:
            desk.start()
            print("The desk is up.", flush=True)
            seen, begun, worked = Seen(), time.monotonic(), resource.getrusage(resource.RUSAGE_SELF)
            streams, memory, settled = load(desk, options, seen)
            after, took = resource.getrusage(resource.RUSAGE_SELF), time.monotonic() - begun
            own = (after.ru_utime + after.ru_stime - worked.ru_utime - worked.ru_stime) / took
            shares = (f"What makes the load and takes the replies worked {own * 100:.0f} % of one of "
                      f"{os.cpu_count()} processors; the machine's load was {os.getloadavg()[0]:.1f} at the end. "
                      f"All that came in was done {settled:.0f} s after the last message.")
            text, outcome = report(desk, options, seen, streams, memory, shares)
        finally:
            desk.stop()
    print(text)
    if options.write:
        head, _, rest = PAGE.read_text("utf-8").partition(BEGIN)
        PAGE.write_text(f"{head}{BEGIN}\n\n{text}\n\n{END}{rest.partition(END)[2]}", "utf-8")
    print("", "All is well." if outcome.is_good else f"NOT GOOD: {outcome}", sep="\n")
    return 0 if outcome.is_good else 1


if __name__ == "__main__":
    sys.exit(main())
