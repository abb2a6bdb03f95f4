"""`make load`, or `python -m bench.load`: a desk under the load of a large one, measured from outside.

PostgreSQL (durable), two web and two worker processes and a mail listener, the bundled plugins active. Two hundred
signed-in browsers hold a live stream, over twenty departments; in each department one of them has its list in front and
asks for it when told of news; some agents read and reply; mail comes in by SMTP. With `--kill` one of the processes is
killed every so many seconds, in turn, and started again.
"""

from __future__ import annotations

import argparse
import os
import re
import resource
import statistics
import sys
import tempfile
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from bench.load_clients import Browser, Seen, Stream, Streams, follow, post, work
from bench.load_desk import LoadDesk, Reply
from inbox.testing.netguard import MARK
from tests.support.postgres import WHY_NOT, find_binaries

PAGE = Path("docs/reference/benchmarks.md")
BEGIN, END = "<!-- load -->", "<!-- end of load -->"
SENDERS = 4
LATE = 10.0  # seconds after which a hint that has not come counts as missed, should its stream end later
WARM = 0.1  # of the time passes before memory is looked at first
MESSAGE_ID = re.compile(rb"^Message-ID:\s*<([^>]+)>", re.IGNORECASE | re.MULTILINE)
TURN = ("web 1", "worker 1", "smtp", "web 2", "worker 2")


def percentile(values: Iterable[float], share: float) -> float:
    """The value below which that share of them lies; 0 without any."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))] if ordered else 0.0


def told(seen: Seen, tickets: dict[int, int], departments: dict[int, int], streams: list[Stream]
         ) -> tuple[list[float], list[int]]:
    """Seconds from SMTP's 250 to the hint, for each message and each stream of its department that was open all that
    time; and the message of each hint that never came. A stream told to look at everything has been told; one that had
    ended, or did soon (each does after ten minutes), would have been told when it was opened again."""
    delays: list[float] = []
    missed: list[int] = []
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
            elif not anew and not any(begun[-1] < at < accepted + LATE for at in seen.ended[stream.index]):
                missed.append(mail)
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


@dataclass
class Replies:
    """What became of the replies of the load."""

    lost: int  # confirmed, not at the customer's mail server, and nobody is told of it
    doubled: int  # stored twice by the desk, or at the mail server twice: the customer would read it twice
    unsure: int  # the desk says "may have been sent": a person decides
    unsure_arrived: int  # of them


def replies_gone(seen: Seen, stored: list[Reply], sent: list[bytes]) -> Replies:
    """Hold what was confirmed against what the desk has stored and what has come to the customer's mail server.

    Copies are counted by Message-ID; `sent` are letters as that server has taken them.
    """
    at_server = Counter(found[1].decode() for raw in sent if (found := MESSAGE_ID.search(raw)))
    by_words: dict[str, list[Reply]] = defaultdict(list)
    for reply in stored:
        by_words[reply.words].append(reply)
    unsure = [each for each in stored if each.state == "unknown"]
    return Replies(
        lost=sum(confirmed and not any(at_server[each.message_id] or each.state == "unknown"
                                       for each in by_words[words]) for words, confirmed in seen.replies.items()),
        doubled=sum(len(each) > 1 for each in by_words.values()) + sum(count > 1 for count in at_server.values()),
        unsure=len(unsure), unsure_arrived=sum(at_server[each.message_id] > 0 for each in unsure))


def load(desk: LoadDesk, options: argparse.Namespace, seen: Seen
         ) -> tuple[list[Stream], tuple[Mark, Mark], float]:
    """Everything at once for so many minutes; streams and lists go on until all is done that came in.

    Returns the streams, how the processes stood at the start and the end, and how many seconds longer that took.
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
    marks = _watch(desk, begun, seconds, options.kill)
    no_more_work.set()
    for each in threads[1 + len(lists):]:
        each.join(120)
    settled = desk.settle(options.patience)
    stop.wait(5)  # the last hints and lists
    stop.set()
    for each in threads:
        each.join(70)
    return streams, marks, settled


@dataclass
class Mark:
    """How the processes stood at a time."""

    at: float  # time.monotonic()
    memory: dict[str, float]  # MB by process
    worked: dict[str, float]  # seconds of the processor by process


def _mark(desk: LoadDesk) -> Mark:
    return Mark(time.monotonic(), desk.memory(), desk.worked())


def _watch(desk: LoadDesk, begun: float, seconds: float, kill: float) -> tuple[Mark, Mark]:
    """Kill what is to be killed until the time is over. Returns how it stood at first, once warm, and in the end."""
    first: Mark | None = None
    turn, due = 0, begun + kill
    while (now := time.monotonic()) < begun + seconds:
        if first is None and now > begun + seconds * WARM:
            first = _mark(desk)
        if kill and now >= due:
            print(f"  {now - begun:.0f} s: {TURN[turn % len(TURN)]} is killed", flush=True)
            desk.kill(TURN[turn % len(TURN)])
            turn, due = turn + 1, due + kill
        time.sleep(0.2)
    assert first is not None
    return first, _mark(desk)


# --- report -----------------------------------------------------------------------------------------------------


def _row(what: str, values: Iterable[float], aim: str = "") -> str:
    values = list(values)
    if not values:
        return f"| {what} | 0 | | | | {aim} |"
    return (f"| {what} | {len(values):,} | {statistics.median(values) * 1000:.0f} ms | "
            f"{percentile(values, 0.95) * 1000:.0f} ms | {max(values) * 1000:.0f} ms | {aim} |")


def _process_rows(first: Mark, last: Mark) -> list[str]:
    """Memory and processor of each process, between two marks; PostgreSQL's memory is its own affair."""
    took = last.at - first.at
    shares = {name: 100 * (last.worked[name] - first.worked[name]) / took for name in last.worked}
    return ["| process | memory at the start (PSS) | at the end | of one processor |", "|---|---|---|---|",
            *(f"| {name} | {_megabytes(first, name)} | {_megabytes(last, name)} | {share:.0f} % |"
              for name, share in shares.items()),
            f"| all | {sum(first.memory.values()):.0f} MB | {sum(last.memory.values()):.0f} MB "
            f"| {sum(shares.values()):.0f} % |"]


def _megabytes(mark: Mark, name: str) -> str:
    return f"{mark.memory[name]:.0f} MB" if name in mark.memory else ""


def report(desk: LoadDesk, options: argparse.Namespace, seen: Seen, streams: list[Stream],
           marks: tuple[Mark, Mark], shares: str) -> tuple[str, Outcome]:
    """The tables, and whether all is well."""
    times, tickets = desk.received()
    delays, missed = told(seen, tickets, {mail: mail % options.departments for mail in seen.accepted}, streams)
    lists = [max(0.0, seen.listed[tickets[mail]] - accepted) for mail, accepted in seen.accepted.items()
             if tickets.get(mail) in seen.listed]
    replies = replies_gone(seen, desk.replies(), [
        each.raw for each in desk.sink.messages if each.recipients[0].endswith("@mail.example")])  # others tell agents
    foreign = sum(MARK in program.output() for program in desk.processes.values())
    # Without kills nothing may go away: a closed stream or an unanswered page is an error then.
    errors = seen.errors if options.kill else seen.errors + seen.gone
    outcome = Outcome(sum(mail not in times for mail in seen.accepted), sum(n > 1 for n in times.values()),
                      replies.lost, replies.doubled, sum(errors.values()) + foreign, len(missed))
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
        "|---|---|---|---|---|---|", *rows, "", *_process_rows(*marks), "",
        f"Messages accepted {len(seen.accepted):,}: lost {outcome.lost}, doubled {outcome.doubled}; replies confirmed "
        f"{sum(seen.replies.values()):,}: lost {replies.lost}, sent twice {replies.doubled}; of {replies.unsure} the "
        f"desk says that they may have been sent ({replies.unsure_arrived} were). Hints that never came: "
        f"{len(missed)}; messages no list has shown: {len(seen.accepted) - len(lists)}.",
        f"Errors: {dict(seen.errors) or 'none'}. No answer: {dict(seen.gone) or 'never'}. Plugins paused: "
        f"{'; '.join(desk.not_active()) or 'none'}.", *_of_missed(desk, seen, tickets, missed)]
    return "\n".join(words), outcome


def _of_missed(desk: LoadDesk, seen: Seen, tickets: dict[int, int], missed: list[int]) -> Iterable[str]:
    """What there is to know of hints that never came: it should not happen, and hardly ever does."""
    first = min(seen.accepted.values(), default=0.0)
    for mail, streams in Counter(missed).most_common(5):
        yield (f"Message {mail}, accepted {seen.accepted[mail] - first:.1f} s after the first: {streams} streams were "
               f"not told of ticket {tickets[mail]}. {desk.events_of(tickets[mail])}")
    if missed:
        yield from (f"{name}: {line}" for name, program in desk.processes.items()
                    for line in program.output().splitlines() if "Live updates" in line)


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
            streams, marks, settled = load(desk, options, seen)
            after, took = resource.getrusage(resource.RUSAGE_SELF), time.monotonic() - begun
            own = (after.ru_utime + after.ru_stime - worked.ru_utime - worked.ru_stime) / took
            shares = (f"What makes the load and takes the replies worked {own * 100:.0f} % of one of "
                      f"{os.cpu_count()} processors; the machine's load was {os.getloadavg()[0]:.1f} at the end. "
                      f"All that came in was done {settled:.0f} s after the last message.")
            text, outcome = report(desk, options, seen, streams, marks, shares)
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
