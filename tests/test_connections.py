"""A web process with more to do than another one lets browsers come back to that one."""

import threading
from collections.abc import Callable, Iterable
from typing import Any

from inbox.connections import Connections


class Desk:
    """An application whose answers wait until they are let go."""

    def __init__(self) -> None:
        self.may_answer = threading.Event()
        self.asked = threading.Semaphore(0)

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        self.asked.release()
        assert self.may_answer.wait(20)
        start_response("200 OK", [("Content-Length", "2")])
        return [b"ok"]


def answers(connections: Connections, desk: Desk, count: int) -> list[bool]:
    """Ask so often at once; for each answer, whether it closes its connection."""
    found: list[bool] = []

    def ask() -> None:
        connections({}, lambda status, headers, *more: found.append(("Connection", "close") in headers))

    threads = [threading.Thread(target=ask) for _ in range(count)]
    for each in threads:
        each.start()
    for _ in threads:
        assert desk.asked.acquire(timeout=20)
    desk.may_answer.set()
    for each in threads:
        each.join()
    return found


def test_who_has_two_more_than_another_gives_one_away() -> None:
    desk, busy = Desk(), [0, 1]
    connections = Connections(desk, 1, busy, 0)
    found = answers(connections, desk, 4)
    assert found[0] and not found[-1]  # the last ones are no longer too many
    assert busy == [0, 1]


def test_who_has_as_many_as_the_others_keeps_all() -> None:
    desk, busy = Desk(), [9, 2, 3]  # what stood at its place is of one that was killed
    assert not any(answers(Connections(desk, 1, busy, 0), desk, 3))
    assert busy == [0, 2, 3]


def test_one_alone_keeps_all() -> None:
    desk = Desk()
    assert not any(answers(Connections(desk, 1, [0], 0), desk, 8))
