"""What `bench.load` computes from what its clients saw; no program is started."""

import argparse
import socket
import threading
import time
from collections.abc import Iterator

import pytest

from bench import load_clients
from bench.load import Outcome, Replies, percentile, replies_gone, told
from bench.load_clients import Browser, Seen, Stream, Streams, lines_of
from bench.load_desk import Reply

pytestmark = pytest.mark.once


@pytest.fixture
def seen() -> Seen:
    """One message, accepted at 100; stream 0 has been open since 50."""
    found = Seen()
    found.accepted[7] = 100.0
    found.opened[0].append(50.0)
    return found


def delays(seen: Seen) -> tuple[list[float], list[int]]:
    return told(seen, {7: 31}, {7: 2}, [Stream(0, 2, "", 0, "")])


@pytest.mark.parametrize(("share", "value"), [(0.5, 3), (0.95, 4), (0, 1)])
def test_percentile(share: float, value: float) -> None:
    assert percentile([4, 1, 3, 2], share) == value


def test_percentile_of_nothing() -> None:
    assert percentile([], 0.95) == 0


def test_a_hint_is_timed_from_the_acknowledgement(seen: Seen) -> None:
    seen.hints[31][0] = 100.4
    assert delays(seen) == ([pytest.approx(0.4)], [])


def test_a_hint_before_the_acknowledgement_took_no_time(seen: Seen) -> None:
    seen.hints[31][0] = 99.9
    assert delays(seen) == ([0.0], [])


def test_a_stream_told_to_look_at_everything_was_told(seen: Seen) -> None:
    seen.everything[0].append(101.0)
    assert delays(seen) == ([pytest.approx(1.0)], [])


def test_a_hint_that_never_came_is_missed(seen: Seen) -> None:
    assert delays(seen) == ([], [7])


def test_a_stream_that_broke_meanwhile_does_not_count(seen: Seen) -> None:
    seen.opened[0].append(103.0)
    seen.hints[31][0] = 103.0
    assert delays(seen) == ([], [])


def test_a_stream_that_ended_soon_and_was_not_opened_again_does_not_count(seen: Seen) -> None:
    seen.ended[0].append(102.0)
    assert delays(seen) == ([], [])
    seen.ended[0] = [50.0, 140.0]  # it had a long time to tell
    assert delays(seen) == ([], [7])
    seen.ended[0] = [98.0]  # it was not open when the message came, and the run was over before it was again
    assert delays(seen) == ([], [])


def test_streams_of_other_departments_do_not_count(seen: Seen) -> None:
    assert told(seen, {7: 31}, {7: 1}, [Stream(0, 2, "", 0, "")]) == ([], [])


def sent(*message_ids: str) -> list[bytes]:
    return [f"From: desk\r\nMessage-ID: <{each}>\r\n\r\nIt is on its way.".encode() for each in message_ids]


def test_a_reply_that_is_nowhere_is_lost() -> None:
    seen = Seen(replies={"reply-1-1-end": True, "reply-1-3-end": True, "reply-1-5-end": False})
    stored = [Reply("reply-1-1-end", "a@desk", "sent")]
    assert replies_gone(seen, stored, sent("a@desk")) == Replies(lost=1, doubled=0, unsure=0, unsure_arrived=0)


def test_a_reply_at_the_mail_server_twice_is_doubled() -> None:
    stored = [Reply("reply-1-1-end", "a@desk", "sent")]
    assert replies_gone(Seen(), stored, sent("a@desk", "a@desk", "other@desk")).doubled == 1


def test_a_reply_the_desk_has_stored_twice_is_doubled() -> None:
    stored = [Reply("reply-1-1-end", "a@desk", "sent"), Reply("reply-1-1-end", "b@desk", "sent")]
    assert replies_gone(Seen(), stored, sent("a@desk", "b@desk")).doubled == 1


def test_a_reply_of_which_the_desk_says_that_it_is_unsure_is_not_lost() -> None:
    seen = Seen(replies={"reply-1-1-end": True, "reply-1-3-end": True})
    stored = [Reply("reply-1-1-end", "a@desk", "unknown"), Reply("reply-1-3-end", "b@desk", "unknown")]
    assert replies_gone(seen, stored, sent("a@desk")) == Replies(lost=0, doubled=0, unsure=2, unsure_arrived=1)


def test_anything_lost_is_not_good() -> None:
    assert Outcome(0, 0, 0, 0, 0, 0).is_good
    assert not Outcome(0, 0, 0, 1, 0, 0).is_good


def test_half_a_line_waits_for_the_rest() -> None:
    hints, rest = lines_of(b"", b'HTTP/1.1 200 OK\r\n\r\ndata: {"tickets": [1]}\n\ndata: {"tick')
    assert hints == [{"tickets": [1]}]
    assert lines_of(rest, b'ets": [2]}\n') == ([{"tickets": [2]}], b"")


@pytest.fixture
def desk() -> Iterator[argparse.Namespace]:
    """A port that answers each connection with one hint and leaves it open, until told to end."""
    listener = socket.create_server(("127.0.0.1", 0))
    asked: list[bytes] = []
    links: list[socket.socket] = []

    def serve() -> None:
        while True:
            try:
                link, _ = listener.accept()
            except OSError:
                return
            asked.append(link.recv(4096))
            links.append(link)  # first: what is sent wakes the test
            link.sendall(b'HTTP/1.1 200 OK\r\n\r\ndata: {"tickets": [31]}\n\n')

    threading.Thread(target=serve, daemon=True).start()
    yield argparse.Namespace(port=listener.getsockname()[1], asked=asked, links=links)
    listener.close()


def test_a_stream_remembers_when_it_was_told_and_wakes_the_list(desk: argparse.Namespace) -> None:
    seen, stop, event = Seen(), threading.Event(), threading.Event()
    streams = Streams([desk.port], [Stream(0, 2, "a=b", 0, "5.0")], {2: event}, seen, stop)
    begun = time.monotonic()
    streams.start()
    assert event.wait(60)
    stop.set()
    streams.join(60)
    assert seen.hints[31][0] >= seen.opened[0][0] >= begun
    assert b"GET /live?after=5.0 HTTP" in desk.asked[0]


def test_a_stream_that_ends_as_it_should_is_no_error_and_is_opened_again(desk: argparse.Namespace,
                                                                         monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(load_clients, "RETRY", 0.0)
    seen, stop, event = Seen(), threading.Event(), threading.Event()
    streams = Streams([desk.port], [Stream(0, 2, "a=b", 0, "5.0")], {2: event}, seen, stop)
    streams.start()
    assert event.wait(60)
    event.clear()
    desk.links[0].sendall(b"0\r\n\r\n")  # the connection stays
    assert event.wait(60)
    stop.set()
    streams.join(60)
    assert len(seen.opened[0]) == 2 and len(seen.ended[0]) == 1 and not seen.gone


def test_a_browser_asks_the_next_process_when_one_is_away() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener, socket.create_server(("127.0.0.1", 0)) as closed:
        away, here = closed.getsockname()[1], listener.getsockname()[1]
        closed.close()

        def serve() -> None:
            link, _ = listener.accept()
            link.recv(4096)
            link.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
            link.close()

        server = threading.Thread(target=serve, daemon=True)
        server.start()
        seen = Seen()
        assert Browser([away, here], 0, "a=b", seen).ask("list", "GET", "/") == "ok"
        server.join(60)
    assert dict(seen.gone) == {"list: ConnectionRefusedError": 1}
    assert not seen.errors
