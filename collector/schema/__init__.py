"""The schema of the log: its tables, their revisions, and what guards them in each kind of database."""
