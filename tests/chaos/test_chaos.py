"""A short round of `make soak`: the program under load with misbehaving plugins. What takes minutes is left to that."""

from collections.abc import Iterator

import pytest

from tests.chaos.desk import UNLOADED, Desk
from tests.chaos.run import NOT_ACTIVE, SAMPLES, Outcome, run
from tests.support.program import inbox

pytestmark = [pytest.mark.once, pytest.mark.timeout(600)]
TOO_LONG = {"diesatwork", "slowimport", "looper"}  # wait for leases, imports, and the last of a long chain of answers
BLAMED_LATER = {"holder"}  # it has sinned enough after half a minute


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    desk = Desk(tmp_path_factory.mktemp("chaos") / "home", web_processes=1)
    yield desk
    desk.stop()


@pytest.fixture(scope="module")
def outcome(desk: Desk) -> Outcome:
    names = {each.name for each in SAMPLES.iterdir() if (each / "plugin.toml").exists()} - {*NOT_ACTIVE, *TOO_LONG}
    return run(desk, names, messages=30, replies=10, pages=10, people=3, patience=150, may_go_on=BLAMED_LATER)


def test_no_message_is_lost_or_doubled(outcome: Outcome) -> None:
    assert dict(outcome.taken_in) == {f"chaos{n}@mail.example": 1 for n in range(30)}


def test_no_reply_is_lost_or_doubled(outcome: Outcome) -> None:
    assert dict(outcome.sent_out) == {f"Reply number {n}.": 1 for n in range(10)}


def test_no_page_answers_with_an_error(outcome: Outcome) -> None:
    assert outcome.during.errors + outcome.after.errors == []
    assert len(outcome.during.seconds) > 20
    # The API may ask to come again (503) while a plugin holds the database; the reply is then sent under the same key.
    assert [status for status in outcome.replies_said if status >= 500 and status != 503] == []


def test_the_culprits_are_paused_soon(outcome: Outcome) -> None:
    """Within a minute on a machine that does nothing else (`make soak` measures it); tests run side by side."""
    late = {name: outcome.paused_after.get(name) for name in outcome.culprits - {*UNLOADED, *BLAMED_LATER}
            if outcome.paused_after.get(name, 999) > 240}
    assert late == {}


def test_what_cannot_be_loaded_says_so(outcome: Outcome) -> None:
    assert set(UNLOADED) - TOO_LONG <= outcome.unloaded


def test_each_is_blamed_for_what_it_did_and_over_which_ticket(outcome: Outcome) -> None:
    deeds = {"raises": "ValueError", "exits": "SystemExit", "dies": "process ended", "sleeper": "running for more than",
             "wrongtypes": "returned", "badquery": "badquery_nowhere", "leaker": "left a",
             "holder": "kept a write transaction open", "hungry": "is its limit", "brokentemplate": "undefined",
             "hugepanel": "at most 50 facts", "patcher": "replaced",
             "latepatcher": "replaced", "brokenimport": "AttributeError"}
    for name, words in deeds.items():
        assert any(words in summary for _, _, summary in outcome.blamed[name]), (name, outcome.blamed[name])
    for name in ("wrongtypes", "badquery", "dies", "sleeper", "brokentemplate", "hugepanel", "holder"):
        hook, ticket, _ = outcome.blamed[name][-1]
        assert ticket is not None or hook == "prepare_ticket", (name, hook)


def test_the_command_line_deactivates_with_the_database_alone(desk: Desk, outcome: Outcome) -> None:
    desk.program.stop()
    for name in ("sleeper", "brokenimport"):
        done = inbox(desk.home, "plugin", "deactivate", name, env=desk.environment)
        assert done.returncode == 0, done.stderr
    assert desk.paused() & {"sleeper", "brokenimport"} == set()
