"""The revisions, one file each: ``r0001_the_log.py``, ``r0002_…``.

To add one: copy the newest, count ``revision`` and ``down_revision`` up, write
the statements for each kind of database, set ``HEAD`` in ``migrations``, and
bring ``tables.py`` to the same shape. ``python -m tests.test_schemas`` then
makes the database file that tests keep of it.

A revision only adds: tables, indexes, triggers, and columns that may be NULL.
So an older version can go on reading. It never changes a row of ``event`` or
``delivery`` (0002 did, before anything was sealed), and never imports what may
change later (``tables.py`` above all).
"""
