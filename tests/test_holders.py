"""Names of processes for leases, and when one has certainly ended."""

import os
import subprocess
import sys

import pytest

from inbox import holders

pytestmark = [pytest.mark.once,
              pytest.mark.skipif(holders._machine() is None, reason="this system has no /proc to ask")]
SAY = "import sys; from inbox import holders; print(holders.this_process(), flush=True); sys.stdin.read()"


def parts(name: str) -> list[str]:
    return name.split(":")


def test_a_process_that_runs_has_not_ended_and_a_killed_one_has() -> None:
    with subprocess.Popen([sys.executable, "-c", SAY], text=True, stdin=subprocess.PIPE,
                          stdout=subprocess.PIPE) as other:
        try:
            assert other.stdout is not None
            name = other.stdout.readline().strip()
            assert int(parts(name)[1]) == other.pid
            assert not holders.has_ended(name)
        finally:
            other.kill()
    assert holders.has_ended(name)


def test_a_process_has_one_name_and_its_parts_have_others() -> None:
    assert holders.this_process() == holders.this_process()
    assert holders.new_name() != holders.new_name()
    assert not holders.has_ended(holders.this_process())
    assert len(holders.this_process()) <= 80  # the columns that keep it


def test_a_name_that_was_given_up_has_ended() -> None:
    name = holders.new_name()
    holders.forget(name)
    assert holders.has_ended(name)


def test_a_process_that_began_anew_under_its_number_is_another() -> None:
    assert holders.has_ended(":".join([*parts(holders.this_process())[:3], "before"]))


def test_a_number_that_another_process_has_now_is_told_apart() -> None:
    machine, number, began, _ = parts(holders.this_process())
    assert holders.has_ended(f"{machine}:{number}:{int(began) - 1}:x")


@pytest.mark.parametrize("name", ["elsewhere:999999:1:x", "elsewhere:999999:x", "unknown:999999:0:x", "", "a:b:c:d"])
def test_what_cannot_be_judged_is_held_for_alive(name: str) -> None:
    assert not holders.has_ended(name)


def test_where_the_system_does_not_tell_nothing_is_judged(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(holders, "_machine", lambda: None)
    name = holders.new_name()
    holders.forget(name)
    assert str(os.getpid()) in name and not holders.has_ended(name)


def test_a_process_that_may_not_be_looked_at_lives(monkeypatch: pytest.MonkeyPatch) -> None:
    machine = parts(holders.this_process())[0]
    monkeypatch.setattr(holders, "_started", lambda number: None)
    assert not holders.has_ended(f"{machine}:1:5:x")
