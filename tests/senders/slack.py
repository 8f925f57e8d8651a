"""Slack."""

from __future__ import annotations

import json

from tests.senders.sent import Sent, as_json, micros


def slack_ts(at: str) -> str:
    """When something was written, as Slack names it."""
    seconds, fraction = divmod(micros(at), 1_000_000)
    return f"{seconds}.{fraction:06}"


def slack(at: str, by: str, text: str, channel: str = "C0INC000001") -> Sent:
    """A message in a channel."""
    ts = slack_ts(at)
    event = {
        "type": "message", "user": by, "ts": ts, "text": text, "channel": channel, "event_ts": ts,
        "channel_type": "channel",
    }  # fmt: skip
    return as_json("slack", {"type": "event_callback", "team_id": "T0LARK001", "event_id": f"Ev{ts}", "event": event})


def pinned(at: str, by: str, message: Sent) -> Sent:
    """A message is pinned to its channel."""
    inner = json.loads(message.body)["event"]
    item = {
        "type": "message",
        "channel": inner["channel"],
        "message": {key: inner[key] for key in ("user", "ts", "text")},
    }
    event = {
        "type": "pin_added", "user": by, "channel_id": inner["channel"], "item": item, "event_ts": slack_ts(at),
    }  # fmt: skip
    return as_json("slack", {"type": "event_callback", "team_id": "T0LARK001", "event_id": f"Ev{at}", "event": event})
