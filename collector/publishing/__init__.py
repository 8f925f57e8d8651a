"""Postmortems where teams keep them: in Git, as a comment on an issue.

``publisher`` decides and records; ``git`` and ``comments`` know one kind of place each, ``program`` runs git,
``forges`` and ``calls`` speak with the APIs of others. Nothing is called but what the configuration names.

They are not gathered here: the configuration reads ``targets``, and waits for no client of HTTP and no database.
"""
