"""Bodies that are like those that senders send, and not quite: every adapter takes them, and says what it made of them.

The long form is `make adapters`, where coverage guides what is made.
"""

from __future__ import annotations

import json
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.sources import SOURCES
from collector.sources.mapping import read
from collector.times import moment, parse
from collector.webhook import FieldMap, Reading
from tests.examples import TIMES, examples, sample
from tests.fuzz import adapters
from tests.fuzz.mutations import TELLING, mutated
from tests.recorded import CASES, assert_read_or_malformed_by, assert_taken_alike, recorded, webhook_of

RECEIVED = 1_772_640_000_000_000
"""2026-03-04 16:00:00 UTC, µs."""


@pytest.mark.parametrize("kind", SOURCES)
@examples(25)
@given(number=st.integers(0, 2**32))
def test_a_body_that_is_not_quite_a_senders_is_taken(kind: str, number: int) -> None:
    """Another version, a field less, a null, a number as a text: it is read, kept as not understood, or malformed.

    It has the same ids a day later, and nothing of it makes an unsigned delivery a signed one.
    """
    chance = random.Random(number)  # noqa: S311 - to be made again
    webhook = recorded(chance.choice([case for case in CASES if case.parent.name == kind]))
    assert_taken_alike(webhook_of(kind, mutated(webhook.body, chance), webhook.headers))


@examples(300)
@given(st.sampled_from(TELLING) | st.text(max_size=40) | st.integers() | st.floats() | st.none())
def test_any_time_is_read_or_absent_and_never_far_ahead(value: object) -> None:
    """Whatever stands where a time should: a moment between 1970 and a day from now, the same each time."""
    text = value if isinstance(value, str | int | float) or value is None else json.dumps(value)
    result = moment(text, RECEIVED)
    assert 0 <= result.at <= RECEIVED + 86_400_000_000
    assert result == moment(text, RECEIVED)
    assert result.known or parse(text) is None


_NAMES = st.sampled_from(["a", "b", "items", "_body", "labels", '"a.b"', "@"])
_EXPRESSIONS = st.recursive(
    _NAMES,
    lambda inner: st.one_of(
        st.builds("{}.{}".format, inner, _NAMES), st.builds("{}[]".format, inner), st.builds("{}[0]".format, inner),
        st.builds("[{}, {}]".format, inner, inner), st.builds("{} || {}".format, inner, inner),
        st.builds("length({})".format, inner), st.builds("join(`\"-\"`, {})".format, inner),
        st.builds("{} == `1` && {}".format, inner, inner), st.builds("to_string({})".format, inner),
        st.builds("{}[?a].b".format, inner), st.builds("keys({})".format, inner),
    ),
    max_leaves=4,
)  # fmt: skip
_BODIES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**20), 10**20)
    | st.text(max_size=8)
    | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("ab") | st.text(max_size=3), inner),
    max_leaves=8,
)


@examples(50)
@given(body=_BODIES, ident=_EXPRESSIONS, other=_EXPRESSIONS, items=st.just("") | _EXPRESSIONS)
def test_no_expression_over_no_body_breaks_the_mapping(body: object, ident: str, other: str, items: str) -> None:
    """What does not fit finds nothing; a body without an id is not understood."""
    mapping = FieldMap(
        id=ident, type="alert.firing", items=items, entity=other, time=other, title=other, labels=other, service=other,
        links={"log": other}, refs={"commit": other}, data={"kind": other},
    )  # fmt: skip
    webhook = webhook_of("mapped", json.dumps(body).encode())
    told = assert_read_or_malformed_by(lambda: read(webhook, Reading(), mapping, "t.1", "mapped"))
    assert told == read(webhook, Reading(), mapping, "t.1", "mapped")


@pytest.mark.slow
def test_the_fuzzer_that_looks_at_coverage_finds_nothing_in_a_short_run(capsys: pytest.CaptureFixture[str]) -> None:
    """Another kind each time, where atheris is installed; `make adapters` tries each of them long."""
    pytest.importorskip("atheris")
    (kind,) = sample([*SOURCES, adapters.TIMES, adapters.MAPPING], 1)[:1]
    (number,) = sample(range(2**31), 1)[:1]
    assert adapters.feed([kind], 200 * TIMES, number) == 0, capsys.readouterr()
    assert f"{kind}: {200 * TIMES} bodies" in capsys.readouterr().out
