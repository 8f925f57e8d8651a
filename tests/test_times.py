"""Every time format of real bodies, what is impossible, and how times are written."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.times import SenderTime, moment, parse, rfc3339

SECOND = 1_000_000
RECEIVED = int(datetime(2026, 3, 4, 16, tzinfo=UTC).timestamp()) * SECOND


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("2018-03-07T06:33:21.873077559-05:00", "2018-03-07T11:33:21.873077Z"),
        ("2019-03-22T13:58:24.3713213Z", "2019-03-22T13:58:24.371321Z"),
        ("2020-07-17T08:42:58.315+0000", "2020-07-17T08:42:58.315000Z"),
        ("2026-03-04T14:02:10Z", "2026-03-04T14:02:10Z"),
        ("2026-03-04t14:02:10z", "2026-03-04T14:02:10Z"),
        ("2026-03-04T14:02Z", "2026-03-04T14:02:00Z"),
        ("2026-03-04T14:02:10,5+01", "2026-03-04T13:02:10.500000Z"),
        ("2017-09-15 16:50:55 UTC", "2017-09-15T16:50:55Z"),
        ("2021-04-28 21:50:00 +0200", "2021-04-28T19:50:00Z"),
        ("2016-12-31T23:59:60Z", "2017-01-01T00:00:00Z"),
        ("2026-03-03T24:00:00Z", "2026-03-04T00:00:00Z"),
        (" 2026-03-04T14:02:10Z ", "2026-03-04T14:02:10Z"),
        (1580920957, "2020-02-05T16:42:37Z"),
        ("1477958240.864741", "2016-10-31T23:57:20.864741Z"),
        (1580920957.25, "2020-02-05T16:42:37.250000Z"),
        (1472243938774, "2016-08-26T20:38:58.774000Z"),
        ("1472243938774", "2016-08-26T20:38:58.774000Z"),
        (1472243938774123, "2016-08-26T20:38:58.774123Z"),
        (1502709956288000110, "2017-08-14T11:25:56.288000Z"),
        ("2018-08-03 09:52:26.739266876 +0200 CEST", "2018-08-03T07:52:26.739266Z"),
        ("2018-08-03 09:52:26.739266876 +0200 +0200", "2018-08-03T07:52:26.739266Z"),
        ("2018-08-03 09:52:26 +0000 UTC m=+0.000012", "2018-08-03T09:52:26Z"),
        ("Wed, 04 Mar 2026 14:02:10 GMT", "2026-03-04T14:02:10Z"),
        ("4 mar 2026 14:02 -0500", "2026-03-04T19:02:00Z"),
    ],
)
def test_a_time_with_its_zone_is_exact(value: str | float, expected: str) -> None:
    """Every form met in real bodies that names its offset is read to the microsecond."""
    read = moment(value, RECEIVED)
    assert (rfc3339(read.at), read.quality) == (expected, "exact")
    assert read.text == str(value)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("2016-03-14T07:10:34", "2016-03-14T07:10:34Z"),
        ("2016-03-14 07:10", "2016-03-14T07:10:00Z"),
        ("3/22/2019 1:36:31 PM", "2019-03-22T13:36:31Z"),
        ("3/22/2019 12:00:00 AM", "2019-03-22T00:00:00Z"),
        ("12/31/2019 23:59:59.9999999", "2019-12-31T23:59:59.999999Z"),
    ],
)
def test_a_missing_offset_is_assumed(value: str, expected: str) -> None:
    """Without an offset UTC is assumed, and the quality says so; the host's zone is never asked."""
    read = moment(value, RECEIVED)
    assert (rfc3339(read.at), read.quality) == (expected, "assumed_zone")


def test_a_given_zone_stands_in_for_a_missing_offset() -> None:
    """A source's configured zone, with its summer time; the identity does not move with the setting."""
    berlin = ZoneInfo("Europe/Berlin")
    winter, summer = (moment(f"2025-{month}-14T07:10:34", RECEIVED, berlin) for month in ("03", "07"))
    assert [rfc3339(read.at) for read in (winter, summer)] == ["2025-03-14T06:10:34Z", "2025-07-14T05:10:34Z"]
    plain = moment("2025-03-14T07:10:34", RECEIVED)
    assert (winter.identity, winter.stated) == (plain.identity, plain.stated)
    assert parse("2025-03-14T07:10:34", timezone(timedelta(hours=2))) == winter.at - 3600 * SECOND
    assert rfc3339(moment("2025-03-14T07:10:34Z", RECEIVED, berlin).at) == "2025-03-14T07:10:34Z"


@pytest.mark.parametrize("value", ["0001-01-01T00:00:00Z", "0001-01-01T00:00:00-05:00", "0000-01-01T00:00:00Z"])
def test_year_one_is_no_time(value: str) -> None:
    """Go's zero time says that there is none; its text is kept, and it is the same as nothing said."""
    assert moment(value, RECEIVED) == SenderTime(RECEIVED, value, "absent", None, "")


@pytest.mark.parametrize(
    "value",
    [
        None, "", 0, True, "nonsense", "2026-13-01T00:00:00Z", "2026-02-30T00:00:00Z", "2026-03-04T25:00:00Z",
        "2026-03-04T14:61:00Z", "2026-03-04T24:00:01Z", "2026-03-04T14:02:10+25:00", "20260304", "2026-W01-1",
        "13/40/2019 1:36:31 PM", "3/22/2019 13:36:31 PM", "٢٠٢٦-٠٣-٠٤T14:02:10Z", "2026-03-04", float("nan"),
        float("inf"), 1.5e300, 10**100, "9" * 5000, "2026-03-04T14:02:10.Z", "2026-03-04T14:02:1٠Z",
        "Wed, 04 Moo 2026 14:02:10 GMT", "Wed, 31 Feb 2026 14:02:10 GMT", "04 Mar 2026 14:02:10 +9900",
    ],
)  # fmt: skip
def test_what_is_no_time_is_absent(value: str | float | None) -> None:
    """Nothing is guessed: the receipt stands in and is marked."""
    read = moment(value, RECEIVED)
    assert (read.at, read.quality, read.stated) == (RECEIVED, "absent", None)
    assert parse(value) is None


@pytest.mark.parametrize(
    "value",
    [
        "2026-03-05T16:00:00.000001Z", "9999-12-31T23:59:59-23:59", "1969-12-31T23:59:59Z", "1900-01-01T00:00:00Z",
        "2100-01-01 00:00:00", 9_999_999_999_999_999_999, -1_000_000_000,
    ],
)  # fmt: skip
def test_what_cannot_be_is_clamped(value: str | int) -> None:
    """A time before 1970 or more than a day ahead is replaced by the receipt; what was stated is kept for the id."""
    read = moment(value, RECEIVED)
    assert (read.at, read.quality) == (RECEIVED, "clamped")
    assert read.stated == parse(value)
    assert read.identity


def test_a_day_ahead_is_still_believed() -> None:
    """Clocks differ; exactly 24 hours after the receipt is the last that is taken as it is."""
    assert moment("2026-03-05T16:00:00Z", RECEIVED).quality == "exact"


def test_nanoseconds_are_rounded_down_and_kept() -> None:
    """Microseconds never run ahead of the sender, and two texts of one nanosecond are one identity."""
    read = moment("2026-03-04T14:02:10.999999999Z", RECEIVED)
    assert rfc3339(read.at) == "2026-03-04T14:02:10.999999Z"
    assert read.text.endswith("999999999Z")
    assert read.identity == moment("2026-03-04T15:02:10.999999999+01:00", RECEIVED).identity
    assert read.identity != moment("2026-03-04T14:02:10.999999998Z", RECEIVED).identity
    assert read.identity == moment(1772632930999999999, RECEIVED).identity


def test_a_long_or_odd_text_is_kept_fit_to_store() -> None:
    """A text that is no time is bounded and holds nothing that a database refuses."""
    read = moment("\x00\ud800" + "x" * 500, RECEIVED)
    assert len(read.text) == 64
    assert read.text.startswith("\ufffd\ufffdx")


@given(st.integers(min_value=0, max_value=4102444800 * SECOND), st.integers(0, 999), st.integers(-1439, 1439))
def test_every_moment_is_read_as_python_would(at: int, nanoseconds: int, offset: int) -> None:
    """Reading agrees with the standard library wherever that can say it."""
    there = datetime.fromtimestamp(0, UTC) + timedelta(microseconds=at)
    there = there.astimezone(timezone(timedelta(minutes=offset)))
    text = there.strftime("%Y-%m-%dT%H:%M:%S.%f") + f"{nanoseconds:03}" + there.strftime("%z")
    assert parse(text) == parse(text[:-2] + ":" + text[-2:]) == at
    assert parse(rfc3339(at)) == at


@given(st.text() | st.integers() | st.floats() | st.none(), st.integers(0, 2**50))
def test_reading_never_raises(value: str | float | None, received_at: int) -> None:
    """Whatever a sender writes, there is a moment, not later than a day after the receipt."""
    read = moment(value, received_at)
    assert 0 <= read.at <= received_at + 86_400 * SECOND
    assert read.known == (read.quality != "absent")


@given(st.from_regex(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,12})?Z", fullmatch=True))
def test_the_short_way_reads_as_the_long_one(text: str) -> None:
    """The common form is read without a pattern, and reads exactly as with one."""
    assert parse(text) == parse(text[:-1] + "+00:00")


@pytest.mark.parametrize(
    ("at", "text"),
    [
        (0, "1970-01-01T00:00:00Z"),
        (1, "1970-01-01T00:00:00.000001Z"),
        (-1, "1969-12-31T23:59:59.999999Z"),
        (10**30, "9999-12-31T23:59:59.999999Z"),
        (-(10**30), "0001-01-01T00:00:00Z"),
    ],
)
def test_writing_never_fails(at: int, text: str) -> None:
    """Six digits only where the seconds are not whole; beyond the calendar, its nearest end."""
    assert rfc3339(at) == text
