"""Why something beside an incident is not in it, where more than one room has to know the words.

Grouping gives these reasons, lists hand them on, and drafts tell by them what
was judged unrelated. Refuses to judge.
"""

from __future__ import annotations

OTHER_SERVICE = "other service"
OTHER_ENVIRONMENT = "other environment"
OTHER_INCIDENT = "it belongs to another incident"
UNNAMED_SERVICE = "other service, which no alert, page or catalog names"
"""Of a change whose service is known of its changes alone: a workspace, a zone, a job. Nothing shows what it is of."""
