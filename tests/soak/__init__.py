"""A long run of everything together: a real Prometheus with the rules of the mixin, a real Alertmanager, and the daemon
under a service manager, while deliveries, reloads, exchanged secrets, restarts and rotated logs go on.

    python -m tests.soak                an hour
    python -m tests.soak --minutes 10   the short form

``episodes`` brings each alert of the mixin about once and ends it; ``routine`` does meanwhile what operators do every
day. ``rules`` shortens what the mixin waits for: of an hour no rule can wait a day.
"""
