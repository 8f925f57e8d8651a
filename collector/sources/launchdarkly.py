"""LaunchDarkly's webhooks: https://launchdarkly.com/docs/api/webhooks

A delivery is an entry of the audit log. ``accesses`` says where: a flag changed
in an environment that nobody uses is another matter than one in production, so
each environment that an entry names is an event of its own. Deliveries come out
of order; ``date`` is the entry's own time. Only that a flag was turned on or off
sets it to something; who gets it, by its rules and targets, is said in words.
"""

from __future__ import annotations

import re

import msgspec

from collector import normalise
from collector.event import Event, event_id
from collector.signing import Signature, authenticate
from collector.sources import bodies
from collector.times import moment
from collector.webhook import Credentials, Reading, Sample, Source, Webhook

KIND = "launchdarkly"
RECIPE = "launchdarkly.1"

SIGNATURE = Signature(header="X-LD-Signature", sender="LaunchDarkly (the webhook's secret)")
_TURNED = re.compile(r"\bturned (on|off) the flag\b", re.IGNORECASE)
_FLAG = re.compile(r"proj/([^:;]+)(?:;[^:]*)?:env/([^:;]+)(?:;[^:]*)?:flag/([^:;]+)(?:;.*)?")


class Access(msgspec.Struct, frozen=True):
    """What was done to what: ``proj/shop:env/production:flag/new-checkout``."""

    action: str | None = None
    resource: str | None = None


class Member(msgspec.Struct, frozen=True, rename="camel"):
    """Who did it; a token has none."""

    first_name: str | None = None
    last_name: str | None = None
    email: str | None = None


class Address(msgspec.Struct, frozen=True):
    """A link of an entry."""

    href: str | None = None


class Body(msgspec.Struct, frozen=True, rename="camel"):
    """An entry of the audit log."""

    id: str = msgspec.field(name="_id")
    kind: str
    date: int | str | None = None
    name: str | None = None
    description: str | None = None
    comment: str | None = None
    title_verb: str | None = None
    title: str | None = None
    accesses: list[Access] | None = None
    member: Member | None = None
    links: dict[str, Address] | None = msgspec.field(name="_links", default=None)


_BODY = msgspec.json.Decoder(Body)


def verify(webhook: Webhook, credentials: Credentials) -> str:
    """How the sender proved itself; raises UnverifiedWebhook."""
    return authenticate(webhook, credentials, SIGNATURE)


def parse(webhook: Webhook, _reading: Reading) -> tuple[Event, ...]:
    """One event for each environment in which a flag was changed; none for what is no flag, or of no environment."""
    try:
        body = bodies.decode(_BODY, webhook.body, webhook.source)
    except msgspec.ValidationError as error:
        return (normalise.unrecognised(webhook, str(error), KIND),)
    if body.kind != "flag":
        return ()
    places = [match.groups() for each in body.accesses or () if (match := _FLAG.fullmatch(each.resource or ""))]
    return tuple([_event_of(webhook, body, *place) for place in dict.fromkeys(places) if place[1] != "*"])


def _event_of(webhook: Webhook, body: Body, project: str, environment: str, key: str) -> Event:
    happened = moment(body.date, webhook.received_at)
    name = normalise.line(body.name) or normalise.line(key)
    verb = normalise.line(body.title_verb)
    # Some entries have the verb in their title alone, behind who did it.
    turned = _TURNED.search(verb or normalise.line(body.title))
    state = turned[1].lower() if turned else ""
    # Who writes a comment need not say what was changed: "5 % canary" may be of any rule.
    comment, described = normalise.text(body.comment).strip(), _described(body, verb)
    said = "\n".join(text for text in (comment, described) if text)
    content = {"state": state, "text": said if state or not verb else ": ".join(filter(None, (verb, said)))}
    site = (body.links or {}).get("site", Address()).href
    return Event(
        id=event_id(RECIPE, webhook.source, happened.stated, body.id, project, environment, key),
        type="change.flag_toggled",
        **normalise.origin(webhook, happened),
        entity=normalise.line(f"flag:{project}/{environment}/{key}"),
        environment=normalise.name(environment),
        title=normalise.line(f"{name} {state}".strip()),
        actor=_person(body.member),
        links=normalise.links(("source", site)),
        data={name: text for name, text in content.items() if text},
    )


def _described(body: Body, verb: str) -> str:
    """What was done, one thing a line; nothing where that is what the title says already."""
    lines = [line.strip().removeprefix("-").strip() for line in normalise.text(body.description).splitlines()]
    known = {verb.casefold(), normalise.line(body.title).casefold()}
    new = [line for line in lines if line and line.casefold() not in known]
    return "\n".join(line for line in new if _TURNED.fullmatch(line) is None)


def _person(member: Member | None) -> str | None:
    """Who did it, by name, else by address."""
    if member is None:
        return None
    return normalise.person(f"{member.first_name or ''} {member.last_name or ''}", member.email)


SOURCE = Source(
    kind=KIND,
    called="LaunchDarkly",
    sample=Sample(body='{"_id": "timelined-test", "kind": "environment", "name": "A test of timelined"}'),
    sign=SIGNATURE.sign,
    families=("change",),
    paste="Integrations, Webhooks, Add: URL {address}, Sign this webhook",
    proofs=("signature", "bearer", "basic", "path"),
    verify=verify,
    parse=parse,
    identity=("/_id", "/kind", "/date", "/accesses/*/resource"),
)
