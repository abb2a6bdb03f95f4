"""Public holidays, by a library that knows those of most countries."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from inbox.toolkit import Invalid, hours, utcnow

YEARS_AHEAD = 2


def public(country: str, years: Sequence[int]) -> dict[dt.date, str]:
    """A country's public holidays (ISO 3166 code) with their names. Raises Invalid for a country without a list."""
    import holidays  # a large library: only where a calendar is edited

    try:
        return dict(sorted(holidays.country_holidays(country.upper(), years=list(years)).items()))
    except NotImplementedError as error:
        raise Invalid("country", "There is no list of holidays for that country; write the days by hand.") from error


def days_off(country: str, own_days: str) -> list[str]:
    """Public holidays of a country from last year to some years ahead, and the days typed by hand, as ISO dates."""
    year = utcnow().year
    known = public(country, range(year - 1, year + YEARS_AHEAD + 1)) if country else {}
    return sorted(day.isoformat() for day in {*known, *hours.read_days(own_days)})
