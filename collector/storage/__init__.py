"""Where a log lies: one SQLite file, its locks and its disk; or the address of a database.

A file has one writer, and what was answered stays on its disk: ``lock`` and
``datafile`` keep a second writer and another file out, ``disk`` knows what
SQLite's errors say, ``transaction`` is one write. Nothing here knows what is
stored.
"""
