"""What the measuring suite computes itself; the measuring is tried by running it."""

import pytest

from bench.figures import Figure, best, between, kept, milliseconds, percentile, times
from bench.program import linked


def test_a_ratio_says_how_often_the_floor_goes_into_ours() -> None:
    assert times(44.0, 1.1) == "40 ×"
    assert times(3.3, 1.1) == "3.0 ×"
    assert times(0.55, 1.1) == "0.50 ×"


def test_without_one_of_both_there_is_no_ratio() -> None:
    assert Figure("List", "3 ms", work=3.0).over(Figure("Floor", "")).floor == ""
    assert Figure("List", "3 ms", work=3.0).over(None).floor == ""


def test_the_percentile_is_one_of_the_values() -> None:
    assert percentile([5.0, 1.0, 3.0], 0.5) == 3.0
    assert percentile(list(map(float, range(100))), 0.95) == 95.0
    assert percentile([7.0], 0.95) == 7.0


def test_small_times_keep_two_figures() -> None:
    assert (milliseconds(0.094), milliseconds(12.34)) == ("0.09 ms", "12.3 ms")


def test_a_table_goes_between_its_marks_and_nowhere_else() -> None:
    assert between("a <b> old <e> z", "<b>", "<e>", "new") == "a <b>\n\nnew\n\n<e> z"
    with pytest.raises(ValueError, match="<b>"):
        between("a <e> z", "<b>", "<e>", "new")


def test_what_a_page_loads_is_counted_once_and_only_from_its_own_server() -> None:
    page = """<link rel="stylesheet" href="/a.css"><link href='/b.css' rel="stylesheet"><script defer src="/c.js?v=1">
    </script><script src="/c.js?v=1"></script><script src="https://elsewhere.example/d.js"></script>"""
    assert linked(page) == ["/a.css", "/b.css", "/c.js?v=1"]


def test_of_several_runs_the_best_counts_line_for_line() -> None:
    runs = [[Figure("List", "9 ms", rank=9.0), Figure("Mail", "200 messages/s", rank=1 / 200)],
            [Figure("List", "7 ms", rank=7.0), Figure("Mail", "150 messages/s", rank=1 / 150)]]
    assert [each.median for each in best(runs)] == ["7 ms", "200 messages/s"]


def test_desks_that_are_not_measured_now_stay_in_the_page_and_each_has_its_place() -> None:
    small, large = (f"### {size} messages, SQLite\n\nold" for size in ("10,000 tickets, 40,000",
                                                                        "1,000,000 tickets, 4,000,000"))
    other, mail = "### 10,000 tickets, 40,000 messages, PostgreSQL\n\ny", "### Mail in\n\nz"
    page = f"before <b>\n\n{small}\n\n{mail}\n\n<e> after"
    page = kept(page, "<b>", "<e>", [other])
    page = kept(page, "<b>", "<e>", [large, small.replace("old", "new")])
    wanted = "\n\n".join((small.replace("old", "new"), large, other, mail))
    assert page == f"before <b>\n\n{wanted}\n\n<e> after"
