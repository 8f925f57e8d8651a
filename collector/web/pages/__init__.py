"""Pages for people, rendered here and usable without a script.

Each page is what the API and the drafts say, in another form: nothing is
decided here. ``rendering`` makes every text harmless, in one place.
"""

from collector.web.pages import (
    analytics,
    changed,
    deliveries,
    delivery,
    doing,
    files,
    incident,
    login,
    merging,
    overview,
    publishing,
    undoing,
    writing,
)
from collector.web.pages.errors import as_page
from collector.web.pages.rendering import prepare

ROUTES = (
    overview.routes, analytics.routes, incident.routes, merging.routes, changed.routes, writing.routes,
    publishing.routes, doing.routes, undoing.routes, deliveries.routes, delivery.routes, login.routes,
    files.routes,
)  # fmt: skip

__all__ = ["ROUTES", "as_page", "prepare"]
