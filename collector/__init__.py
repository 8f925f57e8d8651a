"""timelined's daemon: webhooks in, one append-only log, incidents and drafts out.

    webhook → source adapter → event → log → incident → replay → section → document

Everything moves to the right, and nothing is imported by what stands on its
left. ``intake`` (into the log) and ``follower`` (out of it) are the only code
that both waits and decides; all else is either pure or plumbing. They are two
processes of one daemon: ``following`` is the second one, ``daemon`` starts it.

Layers, lowest first; a module imports only from smaller numbers, and inside a
folder ``__init__`` comes last. ``tests/test_layers.py`` reads this table and
checks every import of the project against it::

    0  errors event times files proofcheck tasks browsers tokens keeping masking names interpreter
    1  semantics metrics webhook journal notify activation crashes refusals spelling storage proof
    2  people distribution targets fetches signing reading redaction
    3  sources correlation log imported
    4  removal settings leadership bodies writer suspects
    5  verification doubles
    6  projections backup rederiving importing
    7  announcements intake erasure publishing
    8  follower drafting fetching schedule loss retention sealing silences web
    9  drafts
   10  following versions
   11  daemon
   12  cli
   13  __main__

``renderers`` is the other package: pure, values in and text out. It reads
``collector.event``, what events mean (``semantics``) and how names are compared
(``names``, ``spelling``), and nothing else of this package; here only
``drafts`` and what stands above it import ``renderers``.
"""

__version__ = "0.1.0"
