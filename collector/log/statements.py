"""The statements of an append, as text: what every delivery waits for.

All else is asked by expressions of SQLAlchemy. Written as such, the statements
for one delivery with one event took 90 µs in place of 15, those for eight 236 in
place of 93, and those for 64 2,180 in place of 740 (medians of 200 rounds that
took turns, SQLite in memory): more than a tenth of the whole append.
"""

from __future__ import annotations

LAST_POSITION = "SELECT position FROM head"
LAST_EVENT = "SELECT position, leaf FROM event WHERE position > ? ORDER BY position DESC LIMIT 1"
LOCK_HEAD = {
    # BEGIN IMMEDIATE holds the only lock there is.
    "sqlite": "SELECT position, delivery, content FROM head",
    "postgresql": "SELECT position, delivery, content FROM lock_head()",
}
MOVE_HEAD = "UPDATE head SET position = ?, delivery = ?, content = ?"
COLUMNS = (3, 12, 14, 2)
"""Of content, delivery, event and of what is counted as repeats."""
INSERTS = (
    "INSERT INTO content VALUES (?,?,?)",
    "INSERT INTO delivery VALUES (?,?,?,?,?,?,?,?,?,?,?,?)",
    "INSERT INTO event VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
    """INSERT INTO repeat VALUES (?,1,?)
       ON CONFLICT (id) DO UPDATE SET count = repeat.count + 1, last_at = CASE
       WHEN excluded.last_at > repeat.last_at THEN excluded.last_at ELSE repeat.last_at END""",
)
"""Of the same tables, on SQLite."""
CALL = f"SELECT append_numbered({','.join('?' * sum(COLUMNS))})"
"""The same on PostgreSQL, where only a function may write."""

# --- what is known of facts -------------------------------------------------------------------------------------------

NEWEST = "SELECT id FROM event ORDER BY id DESC LIMIT 1"
FACTS = "SELECT id, position, amendment, received_at, delivery FROM event WHERE id IN ({}) ORDER BY id, revision"
BODY = """SELECT content.bytes FROM delivery JOIN content ON content.number = delivery.content
    WHERE delivery.number = ?"""
COMMITMENT = "SELECT commitment FROM delivery WHERE number = ?"

# --- alerts that fire again -------------------------------------------------------------------------------------------

ENDS = "SELECT firing, resolve, received_at, again_at FROM alert_end WHERE firing IN ({})"
REPEATED = "SELECT id, last_at FROM repeat WHERE id IN ({})"
TELLINGS = """SELECT received_at, number, commitment, told FROM delivery
    WHERE source = ? AND received_at > ? ORDER BY received_at, number"""
PUT_END = """INSERT INTO alert_end VALUES (?, ?, ?, ?) ON CONFLICT (firing, resolve)
    DO UPDATE SET received_at = excluded.received_at, again_at = excluded.again_at"""

# --- alerts that say something new ------------------------------------------------------------------------------------

SPEAKING = """SELECT event.id, event.amendment, event.received_at, event.delivery, content.bytes
    FROM event LEFT JOIN content ON content.number = event.content WHERE event.id IN ({})
    ORDER BY event.id, event.revision"""
TEXTS = "SELECT firing, text, last_at FROM alert_text WHERE firing IN ({})"
LAST_TOLD = """SELECT max(at) FROM (SELECT last_at AS at FROM repeat WHERE id = ? UNION ALL
    SELECT received_at FROM event WHERE id = ? AND amendment IN ('', 'earlier_delivery')) AS told"""
PUT_TEXT = """INSERT INTO alert_text VALUES (?, ?, ?) ON CONFLICT (firing, text) DO UPDATE SET last_at = CASE
    WHEN excluded.last_at > alert_text.last_at THEN excluded.last_at ELSE alert_text.last_at END"""
