"""timelined's daemon: webhooks in, one append-only log, incidents and drafts out.

    webhook → source adapter → event → log → incident → replay → section → document

Everything moves to the right, and nothing is imported by what stands on its
left. ``intake`` (into the log) and ``following`` (out of it) are the only code
that both waits and decides; all else is either pure or plumbing. They are two
processes of one daemon; ``daemon`` starts the second one.

Where things are decided::

    who sent a delivery                         signing; intake.verifying asks it before anything is read
    what a delivery says                        sources
    that a fact is told again                   its id: event.event_id; then log.known, log.appending
    which of several deliveries of it speaks    log.appending
    from when to when an alert fired            semantics.episodes (a late resolve, too)
    what is folded again when one comes late    correlation.refolding
    which events are one incident               correlation
    which changes belong to it                  correlation.attach; what joins nothing: correlation.placing
    whether a change reached what runs          semantics.changes
    whether an incident is over, and how grave  semantics.closing
    what is done when the follower dies         daemon.follower_process; following.suspects (an event that kills it)
    what a draft says                           renderers.sections
    when an incident was detected, when over    renderers.moments
    which changes came before, which within     renderers.change_facts
    which alert ended after which action        renderers.sections.resolution
    how people are called where nobody is named renderers.roles
    what of a draft a person wrote              renderers.edits
    how that becomes an event                   web.sections (a section); publishing.publisher (a copy elsewhere)

``docs/architecture.md`` says what lies in each room.

Layers, lowest first; a module imports only from smaller numbers, and inside a
folder ``__init__`` comes last. ``tests/test_layers.py`` reads this table and
checks every import of the project against it::

    0  errors event times tasks tokens interpreter
    1  files semantics names telemetry schema
    2  people webhook storage proof
    3  signing normalise redaction
    4  sources correlation log
    5  intake removal reparsing
    6  jobs verification
    7  projections backup
    8  erasure publishing drafting
    9  fetching web following
   10  settings
   11  daemon
   12  cli
   13  __main__

``renderers`` is the other package: pure, values in and text out. It reads
``collector.event``, what events mean (``semantics``) and how names are compared
(``names``), and nothing else of this package; here only
``drafting`` and what stands above it import ``renderers``.
"""

__version__ = "0.1.0"
