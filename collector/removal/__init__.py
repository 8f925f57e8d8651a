"""Content that goes: for an erasure, or because it reached its age.

Only rows of ``content`` are ever removed, each in the transaction that records
its removal. ``recorded_removals`` reads these records, the only thing that
excuses content which is missing.
"""
