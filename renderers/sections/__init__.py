"""The parts of a postmortem, in the order of the template.

Each is a pure function ``section(history, options) -> Section``. It states
what events show and cites them; where there is nothing it says what was looked
for. Judgement is left to people, as a prompt.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from renderers.document import Options, Section
from renderers.history import History
from renderers.sections import (
    actions,
    appendix,
    detection,
    diagnostics,
    impact,
    lessons,
    resolution,
    root_causes,
    summary,
    timeline,
)

SECTIONS: Mapping[str, Callable[[History, Options], Section]] = {
    "summary": summary.section,
    "impact": impact.section,
    "timeline": timeline.section,
    "detection": detection.section,
    "root_causes": root_causes.section,
    "diagnostics": diagnostics.section,
    "resolution": resolution.section,
    "lessons": lessons.section,
    "actions": actions.section,
    "appendix": appendix.section,
}
"""Key of a section → the function that writes it, in order."""
