"""What whoever asks for a draft may choose, by name.

Nothing is imported here: the command line offers the same names, and waits for none of what makes a draft.
"""

FORMATS = ("md", "json", "html", "svg", "confluence", "archive", "csv", "jsonl")
"""What a draft can be written in; :data:`renderers.formats.RENDERERS` has the function for each."""
TEMPLATES = ("default", "google-sre", "pagerduty", "atlassian")
"""The templates that timelined has; :data:`renderers.shipped.SHIPPED` has the file of each."""
DETAILS = ("normal", "key", "all")
"""How much of the timeline is shown."""
CITATIONS = ("inline", "end", "none")
"""Where the evidence is shown."""
NAMES, ROLES = PEOPLE = ("names", "roles")
"""How people stand: by their names, or by what they did."""
PROFILES = ("timelined", "pagerduty", "datadog", "rootly")
"""Whose terms durations can be stated in."""
NARROWEST, WIDEST = 240, 8_000
"""How wide a picture may be asked for."""
