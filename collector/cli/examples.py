"""What somebody would type: examples of the commands, for their help and their manual pages.

A test takes each of them apart as the command line would.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

EXAMPLES: Mapping[str, Sequence[str]] = {
    "serve": (
        "timelined serve",
        "timelined serve --config.file /etc/timelined/timelined.yml --web.listen-address 0.0.0.0:9720",
    ),
    "demo": ("timelined demo --keep",),
    "check": ("timelined check /etc/timelined/timelined.yml",),
    "config": ("timelined config show --origin --config.file /etc/timelined/timelined.yml",),
    "status": ("timelined status", "timelined status --server https://timelined.example.com"),
    "doctor": ("timelined doctor --config.file /etc/timelined/timelined.yml",),
    "incidents": ("timelined incidents --status open", "timelined incidents --service checkout --since 7d"),
    "incident": ("timelined incident 1", "timelined incident 1 --as-of 14:20"),
    "draft": (
        "timelined draft 1 --to incident-1.md",
        "timelined draft 1 -o pdf --to incident-1.pdf",
        "timelined draft 1 --as-of '2026-03-04 18:30' --zone Europe/Berlin",
    ),
    "metrics": ("timelined metrics 1 --explain", "timelined metrics --since -90d --by service"),
    "versions": ("timelined versions 1",),
    "diff": ("timelined diff 1 --as-of 14:20 --as-of 15:00", "timelined diff 1 --version 2"),
    "lint": ("timelined lint 1", "timelined lint incident-1.md"),
    "events": (
        "timelined events --type 'alert.*' --since 1h",
        "timelined events --service checkout --newest",
        "timelined events --follow --type 'alert.*'",
    ),
    "why": ("timelined why b61d0", "timelined why 1/b61d0"),
    "deliveries": ("timelined deliveries --source alertmanager", "timelined deliveries --status refused"),
    "import": (
        "timelined import file alertmanager alerts alerts.json",
        "timelined import fetch pagerduty log_entries --since 2026-03-01 --until 2026-03-08",
        "timelined import csv timeline.csv --incident 3 --zone Europe/Berlin",
    ),
    "replay": ("timelined replay --dry-run", "timelined replay --source alertmanager --status unrecognised"),
    "delivery": ("timelined delivery d42 --body",),
    "note": (
        "timelined note 1 'Restarted the workers' --at 21:27",
        "kubectl get pods | timelined note 1 -",
    ),
    "action": ("timelined action 1 'Alert on pool use' --owner Ben --due 2026-03-18",),
    "mark": ("timelined mark 1 impact_started --at '2026-03-04 18:01'", "timelined mark 1 mitigated --at 5m"),
    "open": ("timelined open 'Checkout is slow' --service checkout --reported-by support",),
    "resolve": ("timelined resolve 1 --at 18:40",),
    "edit": ("timelined edit 1 lead Ana",),
    "publish": ("timelined publish 1 --target archive --dry-run", "timelined publish 1 --target tracker --issue 42"),
    "pull": ("timelined pull 1 --target archive",),
    "publications": ("timelined publications 1",),
    "review": ("timelined review 1 in_review", "timelined review 1 reviewed --by Ana"),
    "leave": ("timelined leave 1 b61d0",),
    "merge": ("timelined merge 1 2",),
    "split": ("timelined split 1 b61d0 7c1e4",),
    "correct": ("timelined correct b61d0 --at '2026-03-04 18:02' --reason 'an hour off'",),
    "retract": ("timelined retract b61d0 --reason 'a test'",),
    "erase": ("timelined erase b61d0 --reason 'a phone number' --dry-run",),
    "verify": ("timelined verify --lists",),
    "proof": ("timelined proof b61d0", "timelined proof --incident 1"),
    "backup": ("timelined backup /var/backups/timelined.db", "timelined backup verify /var/backups"),
    "export": ("timelined export moved.db --storage.url postgresql://db.example.com/timelined",),
    "completion": ("timelined completion bash > /etc/bash_completion.d/timelined",),
    "man": ("timelined man draft | man -l -",),
}
