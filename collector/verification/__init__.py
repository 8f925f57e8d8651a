"""Whether a log is what it committed to, row by row and tree by tree; and proofs of single events for others to check.

``verify`` is the whole of it; ``scan`` reads every row, damaged or not, and
``row_check`` says whether one holds. ``workers`` share the work among
processes. Nothing here writes.
"""
