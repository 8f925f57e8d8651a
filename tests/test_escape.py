"""A stranger's text in Markdown: it shows as it was typed, and is nothing but text."""

from __future__ import annotations

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from collector.cli.output import harmless
from renderers import escape
from renderers.document import Quote
from renderers.plain_text import plain
from tests.examples import examples

PIECES = (
    *"\\`*_{}[]<>#+-.!|~@&:/=^$()\"'%,;? \t\n0aZé€漢",
    *(
        "www.",
        "http://",
        "https://a.bc",
        "ftp://",
        "a@b.co",
        "@ana",
        "example.com",
        "![",
        "](",
        "[x]: ",
        "&amp;",
        "&#42;",
    ),
    *("<b>", "<!--", "-->", "```", "~~~", "---", "===", "***", "1. ", "23) ", "| - |", "__", "**", "~~", "GH-1", "#12"),
    *(
        "mailto:",
        ":tada:",
        "[^1]",
        "$x$",
        "<?",
        "<![CDATA[",
        "\u202e",
        "\u200b",
        "\u2028",
        "\x00",
        "\ud800",
        "    ",
        "\\|",
    ),
    *("deadbee1", "//", "==", "xmpp:", "- [ ] ", "\u00a0", "a/b#1", "HTTP://X", "word", "12% of requests fail."),
)
TEXTS = st.lists(st.sampled_from(PIECES) | st.characters(), max_size=12).map("".join)

CONTEXTS = {
    "paragraph": "{}",
    "item": "- {}",
    "heading": "# Report: **{}**",
    "plain heading": "## {}",
    "cell": "| **Time** | **Event** |\n|---|---|\n| 2026-03-04 | {} |",
    "first cell": "| A | B |\n|---|---|\n| {} | x |",
    "after text": "Deploy of {} to production [a3f9c].",
    "in quotes": '- The alert said: "{}" [a3f9c]',
    "before a link": "See {}[rule](https://a.example/x) and {}.",
}

NASTY = (
    *(
        "# x",
        "###### x",
        "#",
        "> x",
        ">x",
        "- x",
        "+ x",
        "* x",
        "-",
        "+",
        "1. x",
        "1) x",
        "12.",
        "---",
        "***",
        "===",
        "- - -",
    ),
    *(
        "```",
        "``` x",
        "~~~",
        "    x",
        "\tx",
        "| a | b |",
        "|",
        "a|b",
        "[x]",
        "[x]: /y",
        "[x](y)",
        "![x](y)",
        "[ ] x",
        "[^1]",
    ),
    *(
        "<b>x</b>",
        "<!-- x",
        "<?x",
        "</p>",
        "<a@b.co>",
        "<http://x.y>",
        "&amp;",
        "&lt;b&gt;",
        "&#60;",
        "\\",
        "\\*",
        "\\|",
    ),
    *(
        "*x*",
        "**x**",
        "_x_",
        "__x__",
        "~x~",
        "~~x~~",
        "`x`",
        "``",
        "x!",
        "!",
        ": x",
        "www.x.co",
        "http://x.y/z",
        "a@b.co",
    ),
    *(
        "mailto:a@b.co",
        "xmpp:a@b.co",
        "ftp://x.y",
        "x.com",
        "x\n---",
        "x\n\n# y",
        "x\r\n- y",
        "x\u2028# y",
        "x  ",
        "\x00",
    ),
)

PARSER = MarkdownIt("commonmark").enable(["table", "strikethrough"])


def linking() -> MarkdownIt:
    """A parser that makes links of every address it can find, bare hosts included."""
    pytest.importorskip("linkify_it")
    return MarkdownIt("gfm-like", {"linkify": True})


def skeleton(markdown: str, parser: MarkdownIt = PARSER) -> list[str]:
    """The structure a parser sees: every token but those that only show text."""
    return [token.type for token in _walk(parser.parse(markdown)) if token.type not in ("text", "code_inline")]


def shown(markdown: str) -> str:
    """What a reader sees of one paragraph."""
    return "".join(token.content for token in _walk(PARSER.parse(markdown)) if token.type in ("text", "code_inline"))


def _walk(tokens: list[Token]) -> list[Token]:
    flat: list[Token] = []
    for token in tokens:
        flat += [token, *_walk(token.children or [])]
    return flat


@examples(500)
@given(text=TEXTS, context=st.sampled_from(sorted(CONTEXTS)))
@example(text="`a\\|b", context="cell")
@example(text="Wow!", context="before a link")
@example(text="12.", context="item")
def test_a_strangers_words_are_nothing_but_text(text: str, context: str) -> None:
    """Whatever the words, and wherever they stand, the document's structure is that of a plain word."""
    frame, table = CONTEXTS[context], "cell" in context
    assert skeleton(frame.replace("{}", escape.prose(text, table=table))) == skeleton(frame.replace("{}", "word"))


@pytest.mark.parametrize("text", NASTY)
def test_no_known_trick_works_anywhere(text: str) -> None:
    """Every beginning of structure that CommonMark and GFM know is plain text, as words and as code, in every place."""
    for context, frame in CONTEXTS.items():
        for rendered in (escape.prose(text, table="cell" in context), escape.code(text, table="cell" in context)):
            assert skeleton(frame.replace("{}", rendered)) == skeleton(frame.replace("{}", "word")), (context, rendered)


@examples(200)
@given(text=TEXTS, context=st.sampled_from(sorted(CONTEXTS)))
def test_no_address_becomes_a_link(text: str, context: str) -> None:
    """A parser that looks for addresses after resolving entities finds none in a stranger's words."""
    parser, frame, table = linking(), CONTEXTS[context], "cell" in context
    rendered = frame.replace("{}", escape.prose(text, table=table))
    assert skeleton(rendered, parser) == skeleton(frame.replace("{}", "word"), parser)


@examples(200)
@given(text=TEXTS)
def test_words_show_as_they_were_typed(text: str) -> None:
    """A reader of the rendered page sees the sender's own characters, spaces and invisible ones apart."""
    expected = escape.cut(escape.clean(text), escape.LONGEST_NAME) or escape.EMPTY
    assert shown(escape.prose(text)) == expected


@examples(200)
@given(text=TEXTS)
def test_no_text_node_holds_an_address_or_a_mention(text: str) -> None:
    """Software that looks through the finished page for addresses and mentions finds them in code only."""
    nodes = [token.content for token in _walk(PARSER.parse(f"x {escape.prose(text)} y")) if token.type == "text"]
    assert not [node for node in nodes if re.search(r"@[\w-]|://|www\.|[\w]@", node)]


@examples(300)
@given(text=TEXTS, context=st.sampled_from(sorted(CONTEXTS)))
def test_code_is_one_code_span(text: str, context: str) -> None:
    """An identifier with backticks, bars and line ends of its own is one code span, or says that it is empty."""
    frame, table = CONTEXTS[context], "cell" in context
    rendered = frame.replace("{}", escape.code(text, table=table))
    assert skeleton(rendered) == skeleton(frame.replace("{}", "word"))
    if not table:
        spans = [token for token in _walk(PARSER.parse(f"x {escape.code(text)} y")) if token.type == "code_inline"]
        assert len(spans) == (1 if text.strip() else 0)


@examples(200)
@given(text=TEXTS, path=TEXTS, context=st.sampled_from(sorted(CONTEXTS)))
def test_a_link_is_one_link_to_the_host_it_names(text: str, path: str, context: str) -> None:
    """Neither the words nor the address of a link can end it early, begin another or show a picture."""
    frame, table = CONTEXTS[context], "cell" in context
    rendered = escape.link(text, f"https://prom.example.com/{path}", table=table)
    safe = "[word](https://prom.example.com/x)" if escape.safe_url(f"https://prom.example.com/{path}") else "word"
    assert skeleton(frame.replace("{}", rendered)) == skeleton(frame.replace("{}", safe))
    targets = [token.attrGet("href") for token in _walk(PARSER.parse(rendered)) if token.type == "link_open"]
    assert all(str(target).startswith("https://prom.example.com/") for target in targets)


@pytest.mark.parametrize(
    "text",
    [
        "12% of requests fail.",
        "HighErrorRate",
        "checkout-api",
        "v1.4.2",
        "Ana Lima",
        "http_requests_total",
        "ratio > 0.05",
        "p99 (5m) is 2.3 s, limit: 1.5 s",
        "up == 0",
        'Pods\' restarts: 3/5; see "blue" at 14:02:10',
        "R & D",
        "-5 °C",
    ],
)
def test_plain_words_stay_as_typed(text: str) -> None:
    """What can do no harm is not touched, so that a draft can be read as a file."""
    assert escape.prose(text) == text


@pytest.mark.parametrize(
    ("text", "rendered"),
    [
        ("mail ana@example.com now", "mail `ana@example.com` now"),
        ("see (https://x.example/a).", "see (`https://x.example/a`)."),
        ("cc @oncall, please", "cc `@oncall`, please"),
        ("reverts #12", "reverts `#12`"),
        ("db-1.example.com:9100 is down", "`db-1.example.com:9100` is down"),
        ("", "(empty)"),
        ("\u202etxt", "\ufffdtxt"),
        ("two\nlines", "two lines"),
        ("1. first", r"1\. first"),
        ("**bold**", r"\*\*bold\*\*"),
    ],
)
def test_what_could_become_more_is_made_harmless(text: str, rendered: str) -> None:
    """An address becomes code, a mark gets a backslash, and what cannot be seen is shown to be there."""
    assert escape.prose(text) == rendered


@pytest.mark.parametrize(
    ("url", "safe"),
    [
        ("https://u:secret@prom.example.com:9090/a?b=c#d", "https://prom.example.com:9090/a?b=c#d"),
        ("http://[::1]:9090/graph", "http://[::1]:9090/graph"),
        ("https://x.example/a(b)|c", "https://x.example/a%28b%29%7Cc"),
        ("https://x.example/?a=1&copy;=2", "https://x.example/?a=1&amp;copy;=2"),
        ("javascript:alert(1)", ""),
        ("data:text/html,x", ""),
        ("//x.example/", ""),
        ("https:///x", ""),
        ("https://ex ample/", ""),
        ("http://x.example:99999/", ""),
        ("https://аpple.example/", ""),
    ],
)
def test_only_web_addresses_are_linked(url: str, safe: str) -> None:
    """A link goes to a plain http or https host; credentials are dropped, everything else is no link."""
    assert escape.safe_url(url) == safe


def test_a_long_quote_is_cut_visibly() -> None:
    """A quote has at most 140 characters and ends in an ellipsis where something is missing."""
    quoted = escape.quote("word " * 100)
    assert quoted.startswith('"word word')
    assert quoted.endswith('word…"')
    assert len(quoted) <= escape.LONGEST_QUOTE + 2


@pytest.mark.parametrize(
    "text",
    [
        "می\u200cخواهم",  # Persian: two parts of one word
        "क्\u200dष और क्\u200cष",  # Hindi: two forms of a conjunct
        "ශ්\u200dරී",  # Sinhala
        "👩\u200d🚒 and 🏳\ufe0f\u200d🌈",  # pictures made of several
        "❤\ufe0e",  # a picture as text
        "ᠮᠣᠩᠭᠣᠯ\u180b",  # Mongolian: the form of a letter
    ],
)
def test_joiners_stay_where_a_script_or_a_picture_needs_them(text: str) -> None:
    """A person's words are not torn apart: what joins letters or pictures is part of them."""
    assert escape.clean(text) == text
    assert harmless(text) == text


@pytest.mark.parametrize(
    "text",
    ["pay\u200dpal", "\u200cadmin", "ro\u200cot", "a\u200d\u200db", "می\u200c\u200cخواهم", "x\ufe0ey", "1\u180b"],
)
def test_joiners_that_join_nothing_are_shown(text: str) -> None:
    """Between Latin letters, at the beginning or twice in a row they hide a difference, and are told."""
    assert "\ufffd" in escape.clean(text)
    assert "\ufffd" in harmless(text)


def test_a_look_for_what_is_invisible_misses_nothing() -> None:
    """Whatever the thorough pattern finds, behind whatever stands before it, the quick one sees: every character."""
    every = "".join(f"a{chr(number)}" for number in range(0x110000))
    found = {match[0] for match in escape.INVISIBLE.finditer(every)}
    assert len(found) > 4_000
    assert {each for each in found if escape.visible(f"a{each}") == f"a{each}"} == set()


def test_a_quotation_that_has_quotation_marks_stands_in_others() -> None:
    """So that a reader sees where it ends; the words stay as they are."""
    assert escape.quote('Revert "v7"') == '“Revert "v7"”'
    assert plain((Quote('Revert "v7"'),)) == '“Revert "v7"”'
    assert escape.quote("Revert v7") == '"Revert v7"'
