"""The shape of each answer: what is encoded, and what ``/api/v1/openapi.json`` is made from.

A field is always there; ``None`` is ``null``: nothing is known. Times are RFC 3339 in UTC.
"""

from collector.web.shapes.base import (
    Link as Link,
)
from collector.web.shapes.base import (
    Shape as Shape,
)
from collector.web.shapes.base import (
    Time as Time,
)
from collector.web.shapes.drafts import (
    Difference as Difference,
)
from collector.web.shapes.drafts import (
    Differences as Differences,
)
from collector.web.shapes.drafts import (
    Publication as Publication,
)
from collector.web.shapes.drafts import (
    Publications as Publications,
)
from collector.web.shapes.drafts import (
    Published as Published,
)
from collector.web.shapes.drafts import (
    Section as Section,
)
from collector.web.shapes.drafts import (
    Version as Version,
)
from collector.web.shapes.drafts import (
    Versions as Versions,
)
from collector.web.shapes.events import (
    Deliveries as Deliveries,
)
from collector.web.shapes.events import (
    Delivery as Delivery,
)
from collector.web.shapes.events import (
    Event as Event,
)
from collector.web.shapes.events import (
    Events as Events,
)
from collector.web.shapes.events import (
    Header as Header,
)
from collector.web.shapes.events import (
    Item as Item,
)
from collector.web.shapes.events import (
    Reason as Reason,
)
from collector.web.shapes.events import (
    Refused as Refused,
)
from collector.web.shapes.events import (
    Repeats as Repeats,
)
from collector.web.shapes.events import (
    Stored as Stored,
)
from collector.web.shapes.events import (
    Whole as Whole,
)
from collector.web.shapes.events import (
    Why as Why,
)
from collector.web.shapes.incidents import (
    Incident as Incident,
)
from collector.web.shapes.incidents import (
    Incidents as Incidents,
)
from collector.web.shapes.incidents import (
    Nearby as Nearby,
)
from collector.web.shapes.incidents import (
    Signal as Signal,
)
from collector.web.shapes.incidents import (
    Signals as Signals,
)
from collector.web.shapes.incidents import (
    Unjoined as Unjoined,
)
from collector.web.shapes.logs import (
    Healthy as Healthy,
)
from collector.web.shapes.logs import (
    Log as Log,
)
from collector.web.shapes.logs import (
    LogEvent as LogEvent,
)
from collector.web.shapes.logs import (
    LogEvents as LogEvents,
)
from collector.web.shapes.logs import (
    LogIncident as LogIncident,
)
from collector.web.shapes.logs import (
    LogIncidents as LogIncidents,
)
from collector.web.shapes.logs import (
    Logs as Logs,
)
from collector.web.shapes.logs import (
    Ready as Ready,
)
from collector.web.shapes.logs import (
    SourceCounts as SourceCounts,
)
from collector.web.shapes.logs import (
    SourceList as SourceList,
)
from collector.web.shapes.measures import (
    Duration as Duration,
)
from collector.web.shapes.measures import (
    End as End,
)
from collector.web.shapes.measures import (
    Group as Group,
)
from collector.web.shapes.measures import (
    MeasuredValue as MeasuredValue,
)
from collector.web.shapes.measures import (
    Measures as Measures,
)
from collector.web.shapes.measures import (
    MeasuresOver as MeasuresOver,
)
from collector.web.shapes.measures import (
    Spread as Spread,
)
from collector.web.shapes.requests import (
    Erasure as Erasure,
)
from collector.web.shapes.requests import (
    Field as Field,
)
from collector.web.shapes.requests import (
    Imported as Imported,
)
from collector.web.shapes.requests import (
    Redrawn as Redrawn,
)
from collector.web.shapes.requests import (
    Reloaded as Reloaded,
)
from collector.web.shapes.requests import (
    Replayed as Replayed,
)
from collector.web.shapes.requests import (
    Reread as Reread,
)
from collector.web.shapes.requests import (
    Stated as Stated,
)
