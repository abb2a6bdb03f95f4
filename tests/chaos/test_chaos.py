"""A short round of `make soak`: the program under load with misbehaving plugins. What takes minutes is left to that."""

from collections.abc import Iterator

import pytest

from tests.chaos.desk import UNLOADED, Desk
from tests.chaos.run import Outcome, run
from tests.support.program import inbox

pytestmark = [pytest.mark.once, pytest.mark.timeout(600)]
DEEDS = {"raises": "ValueError", "exits": "SystemExit", "dies": "process ended", "wrongtypes": "returned",
         "badquery": "badquery_nowhere", "leaker": "left a", "brokentemplate": "undefined",
         "hugepanel": "at most 50 facts", "patcher": "replaced", "brokenimport": "AttributeError"}
"""Those that are caught at once, and what they are blamed for. Others wait for leases, time limits and long chains of
answers, or hold the database: `make soak` has them all."""


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    desk = Desk(tmp_path_factory.mktemp("chaos") / "home", web_processes=1)
    yield desk
    desk.stop()


@pytest.fixture(scope="module")
def outcome(desk: Desk) -> Outcome:
    return run(desk, set(DEEDS), messages=20, replies=6, pages=5, people=2, patience=150)


def test_no_message_is_lost_or_doubled(outcome: Outcome) -> None:
    assert dict(outcome.taken_in) == {f"chaos{n}@mail.example": 1 for n in range(20)}


def test_no_reply_is_lost_or_doubled(outcome: Outcome) -> None:
    assert dict(outcome.sent_out) == {f"Reply number {n}.": 1 for n in range(6)}


def test_no_page_answers_with_an_error(outcome: Outcome) -> None:
    assert outcome.during.errors + outcome.after.errors == []
    assert len(outcome.during.seconds) > 5
    # The API may ask to come again (503) while a plugin holds the database; the reply is then sent under the same key.
    assert [status for status in outcome.replies_said if status >= 500 and status != 503] == []


def test_the_culprits_are_paused_soon(outcome: Outcome) -> None:
    """Within a minute on a machine that does nothing else (`make soak` measures it); tests run side by side."""
    late = {name: outcome.paused_after.get(name) for name in outcome.culprits - set(UNLOADED)
            if outcome.paused_after.get(name, 999) > 240}
    assert late == {}


def test_what_cannot_be_loaded_says_so(outcome: Outcome) -> None:
    assert set(UNLOADED) & set(DEEDS) <= outcome.unloaded


def test_each_is_blamed_for_what_it_did_and_over_which_ticket(outcome: Outcome) -> None:
    for name, words in DEEDS.items():
        assert any(words in summary for _, _, summary in outcome.blamed[name]), (name, outcome.blamed[name])
    for name in ("wrongtypes", "badquery", "dies", "brokentemplate", "hugepanel"):
        hook, ticket, _ = outcome.blamed[name][-1]
        assert ticket is not None or hook == "prepare_ticket", (name, hook)


def test_the_command_line_deactivates_with_the_database_alone(desk: Desk, outcome: Outcome) -> None:
    desk.program.stop()
    for name in ("raises", "brokenimport"):
        done = inbox(desk.home, "plugin", "deactivate", name, env=desk.environment)
        assert done.returncode == 0, done.stderr
    assert desk.paused() & {"raises", "brokenimport"} == set()
