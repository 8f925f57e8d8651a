"""How things are called and how sentences are put together, once for all sections.

A plain string given to :func:`say` is ours, word for word; whatever a sender
or a person chose comes in as a :class:`Name`, :class:`Quote`, :class:`Code` or
:class:`LinkedText`. An absent field gives an empty phrase, never a dangling word.
Nothing here decides what is worth saying.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar

from collector.event import Event, RecordedEvent, rank
from collector.event import Link as EventLink
from collector.semantics.changes import kind_of
from collector.semantics.episodes import acted_alone
from renderers import change_facts, facts, page_facts
from renderers.document import Claim, Inline, LinkedText, Name, Quote, Span, Time, Words
from renderers.escape import one_line
from renderers.history import Alert, Change, History, Moment, Page, Sender
from renderers.plain_text import named_small
from renderers.times import clock, offset, repeated
from renderers.words import ROLE, apart, duration

Phrase = tuple[Inline, ...]
"""A piece of a sentence; empty where there is nothing to say."""

SentencePart = Inline | str | Phrase | None
"""What a sentence may be made of; a ``str`` is our own words."""

Thing = TypeVar("Thing")

Evidence = RecordedEvent | Moment | None
"""What proves a sentence."""

PIECE = 100
"""How much of a longer text stands in one part, in characters; below what any renderer cuts a name at."""

NOTE = 500
"""Characters shown of notes, messages and status posts."""

NOUNS = {
    "deploy": "deploy",
    "rollback": "rollback",
    "workflow": "workflow run",
    "merge": "pull request",
    "push": "commit",
    "tag": "tag",
    "release": "release",
    "image": "image",
    "flag": "flag",
    "change": "change",
}
"""What a change of each kind is called."""


def say(*parts: SentencePart) -> Phrase:
    """The parts in a row; our neighbouring words are joined, absent ones vanish."""
    out: list[Inline] = []
    for inline in _flat(parts):
        last = out[-1] if out else None
        if isinstance(inline, Words) and isinstance(last, Words) and last.strong == inline.strong:
            out[-1] = Words(last.text + inline.text, inline.strong)
        else:
            out.append(inline)
    return tuple(out)


def _flat(pieces: Iterable[SentencePart]) -> Iterable[Inline]:
    for piece in pieces:
        if isinstance(piece, str):
            if piece:
                yield Words(piece)
        elif isinstance(piece, tuple):
            yield from piece
        elif piece is not None and getattr(piece, "text", True):
            yield piece


def if_any(condition: object, *parts: SentencePart) -> Phrase:
    """The parts if there is something to say, else nothing."""
    return say(*parts) if condition else ()


def with_name(before: str, text: str | None, after: str = "") -> Phrase:
    """Our words around a stranger's name; nothing where there is no name."""
    return say(before, Name(text), after) if text else ()


def quoted(before: str, text: str | None, longest: int = 200) -> Phrase:
    """Our words before a stranger's; nothing where they said nothing."""
    return say(before, Quote(text.strip(), longest)) if text and text.strip() else ()


_CUT = re.compile(r"\s*…(?: \[cut\])?$")
"""How a title ends that is only the beginning of what was written."""


def words_of(event: Event) -> str:
    """What somebody wrote, whole: the full text where the title is only its beginning, or is that of the page; both
    where each says something. Empty where nothing was written: a sender's type is nobody's words, and neither is what
    an alert is called that somebody acknowledged."""
    text, title = text_in(event.data, "text"), event.title.strip()
    if title == text_in(event.data, "type") or (text_in(event.data, "operation") and not text):
        title = ""
    if event.type.startswith("page.") or not title:
        return text or title
    wide, headline = " ".join(text.split()), " ".join(_CUT.sub("", title).split())
    if headline in wide:
        return text
    if wide in headline:
        return title
    return f"{title}{' ' if title[-1] in '.!?:…' else ': '}{text}"


def listed(
    items: Sequence[SentencePart], most: int = 3, noun: tuple[str, str] = ("more", "more"), end: str = " and "
) -> Phrase:
    """``a, b and c``; beyond ``most`` the rest as a count: ``a, b, c and 4 more alerts``."""
    return worded(items, _as_it_is, most, noun, end)


def worded(
    items: Sequence[Thing],
    word: Callable[[Thing], SentencePart],
    most: int = 3,
    noun: tuple[str, str] = ("more", "more"),
    end: str = " and ",
) -> Phrase:
    """The same of things that ``word`` puts into words, only those that are shown."""
    rest = len(items) - most if len(items) > most + 1 else 0
    parts_shown: list[SentencePart] = [word(item) for item in (items[:most] if rest else items)]
    if rest:
        parts_shown.append(f"{rest:,} {noun[rest != 1]}")
    parts: list[SentencePart] = []
    for index, item in enumerate(parts_shown):
        if index:
            parts.append(end if index == len(parts_shown) - 1 and (end != ", " or rest == 0) else ", ")
        parts.append(item)
    return say(*parts)


def _as_it_is(item: SentencePart) -> SentencePart:
    return item


def cites(*evidence: Evidence | Iterable[Evidence]) -> tuple[str, ...]:
    """The ids of what proves a sentence, oldest first, each once."""
    order: dict[str, tuple[int, int, str]] = {}
    for item in evidence:
        for proof_item in (item,) if item is None or isinstance(item, RecordedEvent | Moment) else item:
            if isinstance(proof_item, RecordedEvent):
                order.setdefault(proof_item.id, (proof_item.occurred_at, rank(proof_item.type), proof_item.id))
            elif proof_item is not None:
                order.update({one: (proof_item.at or 0, 0, one) for one in proof_item.cites if one not in order})
    return tuple(sorted(order, key=order.__getitem__))


def claim(
    *parts: SentencePart,
    proof: tuple[str, ...] = (),
    none: str = "",
    searched: Phrase = (),
    label: bool = False,
    stop: bool = True,
) -> Claim:
    """One sentence and what proves it."""
    return Claim(parts=capital(say(*parts)), cites=proof, none=none, searched=searched, label=label, stop=stop)


def prose(text: str) -> Phrase:
    """A person's own text as the draft's, whole and on one line: in pieces, since a name is cut where it is long."""
    pieces: list[str] = [""]
    for word in one_line(text).split():
        if len(pieces[-1]) + len(word) >= PIECE:
            pieces.append("")
        pieces[-1] = f"{pieces[-1]} {word}".strip()
    return say(*(part for piece in pieces if piece for part in (" ", Name(piece))))[1:]


def text_in(data: Mapping[str, Any], key: str) -> str:
    """A text out of an event's own data, or nothing where it holds none."""
    value = data.get(key)
    return value.strip() if isinstance(value, str) else ""


def texts_in(data: Mapping[str, Any], key: str) -> list[str]:
    """The texts of a list in an event's own data."""
    value = data.get(key)
    return [each for each in value if isinstance(each, str) and each] if isinstance(value, list | tuple) else []


def web_links(event: Event, *rels: str) -> list[EventLink]:
    """The event's links of these kinds, in the order of the kinds."""
    return [link for rel in rels for link in event.links if link.rel == rel] if event.links else []


def link_to(event: Event, rel: str, text: str) -> LinkedText | None:
    """A link to one of the event's URLs under our own words."""
    found = web_links(event, rel)
    return LinkedText(text, found[0].url) if found else None


# --- what things are called -------------------------------------------------------------------------------------


def on_service(service: str | None, environment: str | None, before: str = " on ") -> Phrase:
    """`` on checkout in production``; what is absent is left out."""
    return say(with_name(before, service), with_name(" in ", environment_beside(service, environment)))


def environment_beside(service: str | None, environment: str | None) -> str | None:
    """The environment, unless the service's name has it already: ``Checkout (prod)`` is not told to be in prod."""
    within = service and environment and f"({environment.casefold()})" in service.casefold()
    return None if within else environment


def system(history: History, source: str) -> str:
    """How a source is written: ``PagerDuty``; another's name as it is configured."""
    sender = sender_of(history, source)
    return (sender.called if sender else "") or source


def sender_of(history: History, source: str) -> Sender | None:
    """The kind of sender that a source is, as its events say; where none does, by the beginning of its name.

    A source whose name is that of its kind says nothing of it, and neither do events of earlier versions.
    """
    senders = history.context.senders
    if source in history.kinds:
        return senders.get(history.kinds[source])
    folded = source.casefold()
    kinds = [kind for kind in senders if folded.startswith(kind)]
    return senders[max(kinds, key=len)] if kinds else None


def alert_named(name: str) -> Phrase:
    """The alert's name, in quotes where it is no single word, or that it has none: ``the alert without a name``."""
    if not name:
        return say("without a name")
    return say(Quote(name) if _SENTENCE.search(name) else Name(name))


_SENTENCE = re.compile(r"[\s:;,]")
"""What a name has whose end nobody sees in a sentence: the alert TypeError: t is undefined fired."""


def by_whom(event: Event) -> Phrase:
    """`` by Ana``; `` automatically by monitor-bot`` where an automation did it; nothing where its sender names
    neither."""
    return with_name(" automatically by ", text_in(event.data, "agent")) if acted_alone(event) else with_name(
        " by ", event.actor)  # fmt: skip


def capital(phrase: Phrase) -> Phrase:
    """Our first word, or who stands as a role, with a capital letter; a stranger's stays, as does ``incident.io``."""
    match phrase[:1]:
        case (Words() as head,) if not named_small(head.text):
            return (Words(head.text[:1].upper() + head.text[1:], head.strong), *phrase[1:])
        case (Name(text),) if ROLE.fullmatch(text):
            return (Name(text.capitalize()), *phrase[1:])
    return phrase


def alert_on(history: History, alert: Alert, *, severity: bool = False) -> Phrase:
    """``SlowCart on cart (warning)``; with its environment in an incident that has several."""
    told = with_name(" (", alert.severity if severity else None, ")")
    where = with_name(" in ", facts.where(history, alert.environment))
    return say(alert_named(alert.name), with_name(" on ", beyond(alert.name, alert.service)), where, told)


def beyond(name: str | None, service: str | None) -> str | None:
    """An alert's service, unless it is called like it: a check of ``backup`` that is named so says it once."""
    return service if service and service.casefold() != (name or "").casefold() else None


def page_called(history: History, event: Event) -> Phrase:
    """``PagerDuty incident 311``; of a source whose incidents have no name of their own ``the page 12 from oncall``."""
    kind = sender_of(history, event.source)
    number = page_facts.number_of(history, event)
    number_words = (
        say(f" {number}") if type(number) is int else with_name(" ", number if isinstance(number, str) else None)
    )
    if kind is not None and kind.page:
        return say(kind.page, number_words)
    sender = text_in(event.data, "source") if kind is not None and kind.carries else ""
    return say("the page", number_words, with_name(" from ", sender or system(history, event.source)))


def pages(history: History, event: Event) -> str:
    """``paged`` of a source that is known to page, else ``called``: its page is told to have called somebody."""
    kind = sender_of(history, event.source)
    return "paged" if kind is not None and kind.page else "called"


def page_event(page: Page) -> RecordedEvent | None:
    """The event that tells the page: its trigger, or the first word on it."""
    return page.triggered or (page.steps[0] if page.steps else None)


def owner_of(change: Change) -> str | None:
    """Whose change it is: its service, else its repository without the owner."""
    repository = change_facts.repository(change)
    return change.service or (repository.rpartition("/")[2] if repository else None)


def noun_of(change: Change) -> str:
    """What a change of its kind is called; what GitLab merges is no pull request."""
    return merge_noun(change.last) if change.kind == "merge" else NOUNS.get(change.kind, "change")


_MERGE_REQUEST = re.compile(r"merge_request:|pr:.*/merge_requests/\d+$")


def merge_noun(event: Event) -> str:
    """What the sender calls a request to merge, by the reference that it gives."""
    return "merge request" if any(_MERGE_REQUEST.match(ref) for ref in event.refs) else "pull request"


def merge_number(event: Event) -> str:
    """The number of what was merged, as its sender writes it: `` #412``, `` !77``."""
    number, sign = event.data.get("number"), "!" if merge_noun(event) == "merge request" else "#"
    return f" {sign}{number}" if isinstance(number, int) else ""


def change_called(change: Change, *, on: bool = True) -> Phrase:
    """``deploy "v42" of checkout``, ``workflow run "Deploy" ("Tune")``; ``on`` says whether to name the service."""
    noun = noun_of(change)
    if change.kind == "merge":
        noun += merge_number(change.last)
    owner = with_name(" of ", owner_of(change)) if on else ()
    ran = quoted("", change_facts.run_title(change.kind, change.last))
    return say(noun, quoted(" ", change_title(change)), if_any(ran, " (", ran, ")"), owner)


def change_title(change: Change) -> str:
    """What a change is called by its sender, where that says more than its service or environment."""
    workflow = text_in(change.last.data, "workflow") if change.kind == "workflow" else ""
    title = workflow or sender_title(change.last, change.title)
    if change.kind == "flag":
        title = flag_title(change.last, title)
    if title == text_in(change.last.data, "type"):
        # The sender gave no text of its own: what it names is what was changed.
        title = _thing(change.last)
    if title and title not in (change.service, change.environment):
        return title
    # Of three deploys of one service a version says which; a branch says nothing.
    ref = text_in(change.last.data, "ref")
    return ref if change.kind in ("deploy", "rollback") and any(map(str.isdigit, ref)) else ""


def flag_state(event: Event) -> str:
    """What a flag was set to; empty where its sender tells in words what was done with it."""
    state = text_in(event.data, "state")
    return "" if " " in state else state


def flag_title(event: Event, title: str) -> str:
    """What a flag is called, without what it was set to: ``new-pricing on`` is the flag ``new-pricing``."""
    bare = title.removesuffix(f" {text_in(event.data, 'state')}")
    return bare.strip() or title


def sender_title(event: Event, title: str = "") -> str:
    """A change's title in its sender's words: a deployment without a description is called by what was deployed."""
    shown, repository, ref = title or event.title, text_in(event.data, "repository"), text_in(event.data, "ref")
    return ref if repository and ref and shown.startswith(f"Deployment of {repository} {ref}") else shown


def event_title(event: Event) -> str:
    """The same of a change of which one event is known; a run of a workflow is called by that, as in its row."""
    return (text_in(event.data, "workflow") if kind_of([event]) == "workflow" else "") or sender_title(event)


_THINGS = ("flag", "flag_key", "flagKey", "flag_name", "key", "name", "version", "tag", "image", "release", "revision")
"""The keys of an event's data under which senders name what was changed."""


def _thing(event: Event) -> str:
    """What an event says was changed, by its subject or the usual keys of its data; empty where neither names it."""
    inner = event.data.get("data")
    known = inner if isinstance(inner, Mapping) else {}
    return text_in(event.data, "subject") or next((text for key in _THINGS if (text := text_in(known, key))), "")


def change_event(event: Event) -> Phrase:
    """``rollback "back to v3" of search``: a change of which one event is known."""
    title = "" if event.title in (event.service, event.environment) else event_title(event)
    title = flag_title(event, title) if event.type == "change.flag_toggled" else title
    title = _thing(event) if title == text_in(event.data, "type") else title
    kind = kind_of([event])
    noun = merge_noun(event) if kind == "merge" else NOUNS.get(kind, "change")
    ran = quoted("", change_facts.run_title(kind, event))
    return say(noun, quoted(" ", title), if_any(ran, " (", ran, ")"), with_name(" of ", event.service))


def kind_called(event: Event) -> str:
    """A sender's type in words, without organisation and version: ``Cache failover``."""
    called = text_in(event.data, "called")
    if called:
        return called[:1].upper() + called[1:]
    kind = text_in(event.data, "type")
    words = [word for word in re.split(r"[^A-Za-z0-9]+", kind) if word and not _VERSION.fullmatch(word)]
    if len(words) > 2 and words[0].casefold() in ("com", "org", "net", "io", "dev"):
        words = words[1:]
    shown = " ".join(words[-2:])
    return shown[:1].upper() + shown[1:]


_VERSION = re.compile(r"v?\d+")


def observation_called(event: Event) -> Phrase:
    """The sender's type in words and the subject: ``Cache failover: redis-7``."""
    words, subject = kind_called(event), text_in(event.data, "subject")
    if not words and not subject:
        return say("Observation")
    return say(if_any(words, Name(words)), with_name(": " if words else "", subject))


def plain_observation(event: Event) -> str:
    """The same as one text, for where it is quoted."""
    return ": ".join(each for each in (kind_called(event), text_in(event.data, "subject")) if each) or event.title


def observation_title(event: Event) -> str | None:
    """Its title, unless that only repeats the subject or the sender's type."""
    return None if event.title in (text_in(event.data, "subject"), text_in(event.data, "type")) else event.title


def observed(history: History, event: Event) -> Phrase:
    """``"Global terminate executed for the WAF" (killswitch.activated, waf/global-terminate, by edge-operator)``; one
    that says nothing is told by its type. A type that is a word of ours and not of the sender is told in plain words:
    ``"PoolTimeout" (issue resolved, CHECKOUT-45)``."""
    title, actor = observation_title(event), event.actor
    if title and text_in(event.data, "operation"):
        # What somebody wrote stands apart from what they did.
        return say(Quote(title, NOTE), with_name(" (by ", actor, ")"), quoted(": ", text_in(event.data, "text"), NOTE))
    if not title:
        return say(observation_called(event), with_name(", by " if text_in(event.data, "subject") else " by ", actor))
    subject = text_in(event.data, "subject")
    of = subject if subject != title else ""
    details: list[Inline] = [
        *_kind_told(history, event),
        *with_name("", of or ("" if subject else _other_service(history, event))),
    ]
    doer = with_name("by ", actor)
    inside = say(listed([*details, *([doer] if doer else [])], 3, end=", ")) if details or doer else ()
    return say(Quote(words_of(event) or title, NOTE), if_any(inside, " (", inside, ")"))


def _other_service(history: History, event: Event) -> str:
    """The service of what was observed, where the incident is not of that one alone and nothing else names it."""
    service = event.service or ""
    if not service or history.services == (service,) or service.casefold() in words_of(event).casefold():
        return ""
    return service


def _kind_told(history: History, event: Event) -> Phrase:
    kind, called = text_in(event.data, "type"), text_in(event.data, "called")
    # What an adapter makes up begins with the kind of its source; a sender's own type is quoted as it is.
    ours = called and kind.partition(".")[0] == history.kinds.get(event.source, event.source)
    return with_name("", called if ours else kind)


# --- time -------------------------------------------------------------------------------------------------------


def lasted(micros: int) -> Span:
    """A duration in words; one that came out negative counts as none."""
    length = max(0, micros)
    return Span(duration(length), length)


def between(earlier: int, later: int) -> Span:
    """How long it took from one moment to another, as :func:`apart` has it; none where the second came first."""
    return lasted(apart(earlier, later))


def at(moment: int, zone: str, since: int) -> Time:
    """A time of day with seconds; with its date where that is not ``since``'s, and its offset in an hour that repeats
    or where the clocks have changed."""
    return _at(moment, zone, since, seconds=True)


def minute(moment: int, zone: str, since: int) -> Time:
    """A time of day as in the table, without seconds."""
    return _at(moment, zone, since, seconds=False)


def _at(moment: int, zone: str, since: int, *, seconds: bool) -> Time:
    day, time = clock(moment, zone)
    pieces = [day] if day != clock(since, zone)[0] else []
    pieces.append(time if seconds else time[:-3])
    if offset(moment, zone) != offset(since, zone) or repeated(moment, zone):
        pieces.append(offset(moment, zone))
    return Time(" ".join(pieces), moment)
