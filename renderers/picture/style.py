"""How a picture looks: colours for light and dark, in one style sheet that needs no font and no network.

A page that shows pictures may have it once; the names begin with ``tp``, so
that they meet no other. A page that has a dark side of its own sets the
variables itself.
"""

from __future__ import annotations

_LIGHT = {
    "bg": "#ffffff", "ink": "#1d2127", "mute": "#58606b", "line": "#e0e3e7", "critical": "#b3261e", "high": "#b4420a",
    "unrated": "#7d3c78", "warning": "#7d5a00", "info": "#48657f", "page": "#1b66a8", "change": "#5143b5",
    "rollback": "#0a6d5f", "failed": "#8b1e3f", "ok": "#226b36", "note": "#58606b",
}  # fmt: skip
_DARK = {
    "bg": "#16181d", "ink": "#e7e9ec", "mute": "#a3abb6", "line": "#31363f", "critical": "#ff8a80", "high": "#ffa270",
    "unrated": "#dca0d6", "warning": "#e6b84f", "info": "#9dbdd8", "page": "#7dbcf5", "change": "#b0a5ff",
    "rollback": "#5fd1bd", "failed": "#ff9db8", "ok": "#7bd08f", "note": "#a9b0ba",
}  # fmt: skip
_TONES = {
    "critical": "critical", "high": "high", "unrated": "unrated", "warning": "warning", "info": "info", "page": "page",
    "change": "change", "rollback": "rollback", "failed": "failed", "acknowledged": "ok", "note": "note",
    "status": "page", "action": "ok", "report": "high", "observation": "note", "statement": "change",
    "source": "failed", "many": "note",
}  # fmt: skip
"""Tone → the colour it has."""


def _variables(colours: dict[str, str]) -> str:
    return ".tp{" + "".join(f"--tp-{name}:{colour};" for name, colour in colours.items()) + "}"


_FIXED = """
.tp{background:var(--tp-bg);font:12px system-ui,-apple-system,'Segoe UI',Roboto,'DejaVu Sans',sans-serif;display:block}
svg.tp{max-width:100%;height:auto}
.tp text{fill:var(--tp-ink)}
.tp .tp-l{paint-order:stroke;stroke:var(--tp-bg);stroke-width:3px;stroke-linejoin:round;pointer-events:none}
.tp .tp-m{fill:var(--tp-mute);font-variant-numeric:tabular-nums}
.tp .tp-k{font-weight:600}
.tp .tp-n{font-size:9px;font-weight:600;text-anchor:middle}
.tp-g{stroke:var(--tp-line);fill:none}
.tp-z{fill:var(--tp-bg)}
.tp-d{stroke:var(--c,var(--tp-mute));stroke-dasharray:2 3;fill:none}
.tp-x{stroke:var(--tp-mute);stroke-width:1.5}
.tp-b{fill:var(--c);fill-opacity:.2;stroke:var(--c)}
.tp-o{fill:var(--c);fill-opacity:.2}
.tp-e{fill:none;stroke:var(--c);stroke-width:1.5}
.tp-f{fill:var(--c);stroke:var(--c)}
.tp-h{fill:var(--tp-bg);stroke:var(--c);stroke-width:1.8}
.tp-s{fill:none;stroke:var(--c);stroke-width:2.2}
.tp-faint{opacity:.65}
.tp-faint .tp-b{stroke-dasharray:3 2}
.tp-t{display:none;pointer-events:none}
.tp [tabindex]:hover>.tp-t,.tp [tabindex]:focus>.tp-t,.tp a:hover .tp-t,.tp a:focus .tp-t{display:inline}
.tp:has(a:hover,[tabindex]:hover) a:focus:not(:hover) .tp-t{display:none}
.tp:has(a:hover,[tabindex]:hover) [tabindex]:focus:not(:hover)>.tp-t{display:none}
.tp [tabindex]:focus,.tp a:focus{outline:2px solid var(--tp-page);outline-offset:1px}
.tp [tabindex]:hover .tp-b,.tp a:hover .tp-b,.tp [tabindex]:hover .tp-o,.tp a:hover .tp-o{fill-opacity:.4}
@media print{.tp .tp-t{display:none!important}}
"""

STYLE = "".join(
    (
        _variables(_LIGHT),
        f"@media (prefers-color-scheme:dark){{{_variables(_DARK)}}}",
        f"@media print{{{_variables(_LIGHT)}}}",
        "".join(f".tp-{tone}{{--c:var(--tp-{colour})}}" for tone, colour in _TONES.items()),
        _FIXED.replace("\n", ""),
    )
)
"""The style sheet of every picture; it never changes with what is drawn, so a policy can name it by its hash."""
