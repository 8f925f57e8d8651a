"""What a log is held to: two Merkle trees, their signed checkpoints, and the last position that was acknowledged.

``merkle`` makes the leaves and ``tree`` the roots (RFC 6962); ``checkpoint`` is
a root as it is published, ``seal`` makes the next one, ``folder`` keeps it
outside the database. ``acknowledged`` is what senders were promised, and
``lost`` what of it a person gave up. Nothing here appends.
"""
