"""How deeply the brackets of a body nest, told before it is parsed."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.errors import MalformedWebhook
from collector.intake.body_reader import check_depth
from tests.bodies import hook


@pytest.mark.parametrize("opening", [b"[", b'{"a":'])
def test_64_levels_are_taken_and_65_are_not(opening: bytes) -> None:
    """For arrays and objects alike, and whatever else stands beside them."""
    closing = b"]" if opening == b"[" else b"}"
    padding = b"[[],{},[[]]]," * 40
    for depth, fits in ((64, True), (65, False), (5000, False)):
        nested = opening * (depth - 1) + b"0" + closing * (depth - 1)
        body = b"[" + padding + nested + b"]"
        if fits:
            check_depth(hook(body))
            continue
        with pytest.raises(MalformedWebhook, match="64 levels"):
            check_depth(hook(body))


@pytest.mark.parametrize(
    "body",
    [
        b'{"a": "' + b"[" * 500 + b'"}',
        b'{"a": "\\"' + b"[" * 500 + b'", "b": "\\\\"}',
        b"not json " + b"[" * 500,
        b"[" + b"]" * 500,
        b"[" * 60 + b"{}" * 10_000,
    ],
    ids=["in a string", "after an escaped quote", "no json", "closed too often", "many, not deep"],
)
def test_brackets_that_do_not_nest_are_not_counted(body: bytes) -> None:
    """Brackets within strings, in other formats, or beside each other."""
    check_depth(hook(body))


def test_a_hostile_row_of_brackets_costs_little() -> None:
    """Four megabytes of them are judged without walking through them one by one."""
    with pytest.raises(MalformedWebhook):
        check_depth(hook(b"[" * (4 << 20)))
    check_depth(hook(b"[" + b"[]" * (2 << 20)))


@given(st.recursive(st.just(b"0"), lambda inner: st.lists(inner, max_size=4).map(lambda x: b"[" + b",".join(x) + b"]")))
def test_depth_agrees_with_counting(body: bytes) -> None:
    """For any nesting the answer is that of a plain count, at a depth pushed near the bound."""
    depth = most = 0
    wrapped = b"[" * 58 + b"[0,0]," * 70 + body + b"]" * 58
    for byte in wrapped:
        depth += (byte == ord("[")) - (byte == ord("]"))
        most = max(most, depth)
    try:
        check_depth(hook(wrapped))
    except MalformedWebhook:
        assert most > 64
    else:
        assert most <= 64


@given(
    st.recursive(
        st.text(st.sampled_from('[]{}"\\ a')),
        lambda inner: (
            st.lists(inner, max_size=3) | st.dictionaries(st.text(st.sampled_from('[]{}"\\')), inner, max_size=3)
        ),
        max_leaves=12,
    )
)
def test_depth_is_that_of_the_values_and_not_of_their_texts(value: object) -> None:
    """Texts full of brackets, quotes and backslashes change nothing: a value is as deep as it is."""

    def depth(part: object) -> int:
        inner = part.values() if isinstance(part, dict) else part if isinstance(part, list) else ()
        return 1 + max(map(depth, inner), default=0) if isinstance(part, dict | list) else 0

    body = json.dumps([value, ["[{"] * 70, [[]] * 70])
    wrapped = (b"[" * (64 - max(1 + depth(value), 3)), b"]" * (64 - max(1 + depth(value), 3)))
    check_depth(hook(wrapped[0] + body.encode() + wrapped[1]))
    with pytest.raises(MalformedWebhook):
        check_depth(hook(b"[" + wrapped[0] + body.encode() + wrapped[1] + b"]"))
