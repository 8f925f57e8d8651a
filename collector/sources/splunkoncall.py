"""Splunk On-Call (VictorOps): https://help.splunk.com/en/splunk-observability-cloud/splunk-on-call

Two kinds of webhook. An outgoing webhook (event Any-Incident) posts JSON whose
keys are Splunk On-Call's own names of its variables; it proves itself by a
header of the team's. A webhook in an escalation policy posts a form, whose values
are JSON where they are not plain; it is signed, over the address as it was
entered there and every pair of the form, sorted. Such a one says only that
somebody is to be called.
"""

from __future__ import annotations

import re
from urllib.parse import parse_qsl

import msgspec

from collector import normalise
from collector.event import Event
from collector.signing import Signature, authenticate
from collector.sources.mapping import read, source_of
from collector.webhook import Credentials, FieldMap, Reading, Sample, Webhook

KIND = "splunkoncall"
RECIPE = "splunkoncall.1"

_FORM = "application/x-www-form-urlencoded"
_PHASE = '"STATE.CURRENT_ALERT_PHASE"'
_NOBODY = "SYSTEM"
_BY_A_PERSON = (
    f'{_PHASE} == `"ACKED"` || "ALERT.message_type" == `"ACKNOWLEDGEMENT"`'
    f' || "STATE.RESOLVED_BY" && "STATE.RESOLVED_BY" != `"{_NOBODY}"`'
)

MAPPING = FieldMap(
    # A phase counts once for each time it was entered, however often its alert is told again.
    id=f'["STATE.INCIDENT_NAME", {_PHASE} || "ALERT.message_type", "STATE.ACK_TIMESTAMP"]',
    entity='"STATE.INCIDENT_NAME"',
    type=f'{_PHASE} || "ALERT.message_type"',
    types={
        "UNACKED": "page.triggered", "CRITICAL": "page.triggered", "WARNING": "page.triggered",
        "ACKED": "page.acknowledged", "ACKNOWLEDGEMENT": "page.acknowledged", "RESOLVED": "page.resolved",
        "RECOVERY": "page.resolved", "INFO": "none",
    },
    time=(
        f'{_PHASE} == `"ACKED"` && "STATE.ACK_TIMESTAMP" || {_PHASE} == `"RESOLVED"` && "STATE.LAST_TIMESTAMP"'
        ' || "STATE.INCIDENT_TIMESTAMP" || "ALERT.VO_ALERT_RCV_TIME"'
    ),
    title=(
        '"INCIDENT.ENTITY_DISPLAY_NAME" || "ALERT.entity_display_name" || "STATE.SERVICE" || "ALERT.summary"'
        ' || "STATE.ENTITY_ID"'
    ),
    # What the alert says is not said by whoever takes it.
    text=f'{_PHASE} == `"ACKED"` && "STATE.ACK_MSG" || !({_BY_A_PERSON}) && ("ALERT.state_message" || "ALERT.message")',
    service='"ALERT.service"',
    severity=f'{_PHASE} != `"RESOLVED"` && ("STATE.CURRENT_STATE" || "ALERT.entity_state")',
    severities={"OK": "", "RECOVERY": "", "ACKNOWLEDGEMENT": ""},
    actor=(
        f'[{_PHASE} == `"ACKED"` && ("STATE.ACK_USER" || "STATE.ACKED_BY"), {_PHASE} == `"RESOLVED"` &&'
        f' "STATE.RESOLVED_BY"] | [?@] | [0].[@ == `"{_NOBODY}"` && `"Splunk On-Call"` || @] | [0]'
    ),
    # It leads to what raised the alert, not to the incident here.
    links={"alert": '"ALERT.alert_url" || "STATE.INFO_URL"'},
    refs={
        "alert": '"STATE.ENTITY_ID" || "ALERT.entity_id"',
        # Alertmanager gives the SHA-256 of its group key, which joins the two without guessing.
        "alertgroup": 'length("STATE.ENTITY_ID") == `64` && "STATE.ENTITY_ID"',
    },
    data={"number": '"STATE.INCIDENT_NAME"', "incident_key": '"STATE.ENTITY_ID" || "ALERT.entity_id"'},
)  # fmt: skip


def _pairs(webhook: Webhook) -> list[tuple[str, str]]:
    return parse_qsl(webhook.body.decode("utf-8", "replace"), keep_blank_values=True)


def verify(webhook: Webhook, credentials: Credentials) -> str:
    """How the sender proved itself; raises UnverifiedWebhook. What is signed begins with the configured address."""
    address = credentials.address.encode()
    signature = Signature(
        header="X-VictorOps-Signature",
        digest="sha1",
        base64=True,
        sender="Splunk On-Call (the webhook's Auth Code)",
        signed=lambda form: address + "".join(f"{key}{value}" for key, value in sorted(_pairs(form))).encode(),
    )
    return authenticate(webhook, credentials, signature)


def parse(webhook: Webhook, reading: Reading) -> tuple[Event, ...]:
    """The event of the delivery; none for what is only information."""
    media = webhook.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media == _FORM:
        webhook = msgspec.structs.replace(webhook, body=msgspec.json.encode(_of_form(dict(_pairs(webhook)))))
    return tuple([_annotated(event, webhook.body) for event in read(webhook, reading, MAPPING, RECIPE, KIND)])


def _of_form(form: dict[str, str]) -> dict[str, str]:
    """The form under the names that JSON has: it comes when somebody is to be called, so the page waits."""
    if "STATE.INCIDENT_NAME" in form:
        # The template of an outgoing webhook may be a form, too.
        return {key: _plain(value) for key, value in form.items()}
    told = {f"ALERT.{key}": _plain(value) for key, value in form.items()}
    began = ("state_start_time", "vo_alert_rcv_time", "timestamp")
    return told | {
        "STATE.INCIDENT_NAME": _plain(form.get("incident", "")),
        "STATE.ENTITY_ID": _plain(form.get("entity_id", "")),
        "STATE.INCIDENT_TIMESTAMP": next((_plain(form[key]) for key in began if form.get(key)), ""),
        "STATE.CURRENT_ALERT_PHASE": "UNACKED",
    }


_ANNOTATION = re.compile(r"(?:ALERT\.)?vo_annotate\.([us])\.(.+)", re.IGNORECASE)
"""Annotations that a team's rules put to an alert: addresses, and texts, each behind its title."""


def _annotated(event: Event, body: bytes) -> Event:
    """A page with what the team's rules say of its alert: a runbook, another address, a note."""
    document = normalise.decode_any(body, event.source)
    if event.type != "page.triggered" or not isinstance(document, dict):
        return event
    annotations = [
        (match[1].lower(), match[2].replace("_", " "), normalise.text(value).strip())
        for key, value in document.items()
        if (match := _ANNOTATION.fullmatch(key)) and isinstance(value, str)
    ]
    links = [
        ("runbook" if "runbook" in title.casefold() else "annotation", value)
        for kind, title, value in annotations
        if kind == "u"
    ]
    notes = [f"{title}: {value}" for kind, title, value in annotations if kind == "s" and value]
    text = "\n".join(filter(None, (event.data.get("text", ""), *notes)))
    return msgspec.structs.replace(
        event,
        links=(*event.links, *normalise.links(*links)),
        data=event.data | ({"text": text} if notes else {}),
    )


def _plain(value: str) -> str:
    """A value without the quotes that make it JSON; as it is where it has none."""
    if len(value) > 1 and value[0] == value[-1] == '"':
        try:
            return str(msgspec.json.decode(value.encode("utf-8", "replace"), type=str))
        except msgspec.DecodeError:
            return value
    return value


_MAPPED = source_of(
    MAPPING,
    recipe=RECIPE,
    kind=KIND,
    sample=Sample(
        body='{"STATE.INCIDENT_NAME": "timelined-test", "ALERT.message_type": "INFO"}',
    ),
    called="Splunk On-Call",
    page="Splunk On-Call incident",
    families=("page",),
    paste="Integrations, Outgoing Webhooks: event Any-Incident, POST to {address}, custom header Authorization",
    proofs=("bearer", "basic", "path", "signature"),
    signs_address=True,
    identity=(
        "/STATE.INCIDENT_NAME", "/STATE.CURRENT_ALERT_PHASE", "/ALERT.message_type", "/STATE.ACK_TIMESTAMP",
    ),
)  # fmt: skip
SOURCE = msgspec.structs.replace(_MAPPED, verify=verify, parse=parse, headers=("content-type",))
