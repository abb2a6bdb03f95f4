"""Times to come: what people choose and what they type, in five languages, on their own clock."""

import datetime as dt
from zoneinfo import ZoneInfo

import pytest

from inbox.core import times
from inbox.core.errors import Invalid
from inbox.core.hours import Hours

OSLO = "Europe/Oslo"
WEDNESDAY = dt.datetime(2026, 11, 25, 10, 20, tzinfo=dt.UTC)  # 11:20 in Oslo


def local(moment: dt.datetime, zone: str = OSLO) -> str:
    return moment.astimezone(ZoneInfo(zone)).strftime("%a %Y-%m-%d %H:%M")


def read(text: str, locale: str = "en", hours: Hours | None = None) -> str:
    return local(times.understand(text, WEDNESDAY, hours or times.usual(OSLO), locale))


@pytest.mark.parametrize(("text", "moment"), [
    ("fri 10", "Fri 2026-11-27 10:00"), ("Tomorrow 14:30", "Thu 2026-11-26 14:30"),
    ("in 3 hours", "Wed 2026-11-25 14:20"), ("in 1 hour 30 minutes", "Wed 2026-11-25 12:50"),
    ("24 dec", "Thu 2026-12-24 09:00"), ("dec 24 10:00", "Thu 2026-12-24 10:00"),
    ("2026-12-24", "Thu 2026-12-24 09:00"), ("2026-12-24T14:30", "Thu 2026-12-24 14:30"),
    ("4 nov", "Thu 2027-11-04 09:00"), ("24 dec 2027 8", "Fri 2027-12-24 08:00"), ("24.12.", "Thu 2026-12-24 09:00"),
    ("24/12", "Thu 2026-12-24 09:00"), ("29 feb", "Tue 2028-02-29 09:00"), ("14.30", "Wed 2026-11-25 14:30"),
    ("10am", "Thu 2026-11-26 10:00"), ("wednesday at 3 pm", "Wed 2026-11-25 15:00"),
    ("wed 10", "Wed 2026-12-02 10:00"), ("wed", "Wed 2026-12-02 09:00"), ("sat", "Sat 2026-11-28 09:00"),
    ("next fri", "Fri 2026-12-04 09:00"), ("monday next week", "Mon 2026-11-30 09:00"),
    ("next week", "Mon 2026-11-30 09:00"), ("in a week", "Wed 2026-12-02 09:00"),
    ("in 2 days 14:00", "Fri 2026-11-27 14:00"), ("next month", "Tue 2026-12-01 09:00"),
    ("tonight at 8", "Wed 2026-11-25 20:00"), ("tomorrow afternoon", "Thu 2026-11-26 14:00"),
    ("eod", "Wed 2026-11-25 17:00"), ("noon", "Wed 2026-11-25 12:00"), ("half an hour", "Wed 2026-11-25 11:50")])
def test_what_is_typed_in_english_is_understood(text: str, moment: str) -> None:
    assert read(text) == moment


@pytest.mark.parametrize(("locale", "text", "moment"), [
    ("nb", "i morgen kl 10", "Thu 2026-11-26 10:00"), ("nb", "fredag", "Fri 2026-11-27 09:00"),
    ("nb", "om 3 timer", "Wed 2026-11-25 14:20"), ("nb", "24. desember", "Thu 2026-12-24 09:00"),
    ("nb", "neste uke", "Mon 2026-11-30 09:00"), ("nb", "3/4", "Sat 2027-04-03 09:00"),
    ("th", "พรุ่งนี้ 10:00", "Thu 2026-11-26 10:00"), ("th", "วันศุกร์", "Fri 2026-11-27 09:00"),
    ("th", "อีก 3 ชั่วโมง", "Wed 2026-11-25 14:20"), ("th", "วันศุกร์หน้า 14:00 น.", "Fri 2026-12-04 14:00"),
    ("th", "24/12/2569", "Thu 2026-12-24 09:00"),
    ("ja", "明日14時", "Thu 2026-11-26 14:00"), ("ja", "来週の月曜日", "Mon 2026-11-30 09:00"),
    ("ja", "午後3時半", "Wed 2026-11-25 15:30"), ("ja", "3時間後", "Wed 2026-11-25 14:20"),
    ("ja", "１２月２４日", "Thu 2026-12-24 09:00"), ("ja", "3/4", "Thu 2027-03-04 09:00"),
    ("zh_Hant", "明天下午3點", "Thu 2026-11-26 15:00"), ("zh_Hant", "下週一", "Mon 2026-11-30 09:00"),
    ("zh_Hant", "週五 10", "Fri 2026-11-27 10:00"), ("zh_Hant", "3小時後", "Wed 2026-11-25 14:20")])
def test_the_words_of_other_languages_are_understood(locale: str, text: str, moment: str) -> None:
    assert read(text, locale) == moment


@pytest.mark.parametrize("text", [
    "", "banana", "next", "fri sat", "tomorrow tomorrow", "25:00", "fri 25", "13 pm", "31 feb", "2026-13-40", "3/4",
    "9", "90", "in 3", "in 3 hours 10:00", "☃", "x" * 5000, "99999999999999 days"])
def test_what_is_not_understood_is_answered_with_examples(text: str) -> None:
    with pytest.raises(Invalid, match="for example: tomorrow 14:30, fri 10"):
        read(text)


@pytest.mark.parametrize("text", ["today", "2020-01-01", "today 9"])
def test_what_has_passed_is_refused(text: str) -> None:
    with pytest.raises(Invalid, match="still to come"):
        read(text)


def test_what_is_too_far_away_is_refused() -> None:
    with pytest.raises(Invalid, match="within five years"):
        read("in 99 months")


@pytest.mark.parametrize(("now", "names"), [
    ("2026-11-25T10:20", ["later", "tomorrow", "monday", "week", "month"]),
    ("2026-11-27T19:00", ["monday", "week", "month"]),  # a Friday evening: there is no tomorrow
    ("2026-11-29T08:00", ["later", "tomorrow", "week", "month"])])  # a Sunday: tomorrow is Monday
def test_presets_are_times_at_which_somebody_works(now: str, names: list[str]) -> None:
    moment = dt.datetime.fromisoformat(now).replace(tzinfo=dt.UTC)
    found = times.presets(moment, times.usual(OSLO))
    assert list(found) == names and sorted(found.values()) == list(found.values())
    assert all(local(at)[-5:] == "09:00" and local(at)[:3] not in ("Sat", "Sun")
               for name, at in found.items() if name != "later")


def test_presets_keep_to_the_hours_of_the_department_and_its_holidays() -> None:
    week = (*(((8 * 60, 12 * 60),) for _ in range(5)), (), ())
    hours = Hours(OSLO, week, frozenset((dt.date(2026, 11, 26),)))  # Thursday is one
    found = times.presets(WEDNESDAY - dt.timedelta(hours=2), hours)
    assert local(found["later"]) == "Wed 2026-11-25 11:30"  # half an hour before noon
    assert "tomorrow" not in found and local(found["next_day"]) == "Fri 2026-11-27 08:00"


def test_each_reads_the_hours_on_a_clock_of_their_own() -> None:
    bangkok = times.presets(WEDNESDAY, times.usual("Asia/Bangkok"))["tomorrow"]
    assert local(bangkok, "Asia/Bangkok") == "Thu 2026-11-26 09:00" and local(bangkok) == "Thu 2026-11-26 03:00"


def test_a_morning_after_the_clock_was_moved_is_at_the_same_hour() -> None:
    saturday = dt.datetime(2026, 3, 28, 12, tzinfo=dt.UTC)
    assert local(times.understand("sun 9", saturday, times.usual(OSLO))) == "Sun 2026-03-29 09:00"
