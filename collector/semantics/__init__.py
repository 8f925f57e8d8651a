"""What events mean, decided from events alone: for grouping, lists and drafts alike, so that none of them differs.

``episodes`` says from when to when an alert fired and a page was open, ``changes`` what a change was and whether it
reached the running system, ``closing`` whether an incident is over and how grave it was, ``severities`` how grave a
word is, and ``lengths`` how a length of time reads. All of it is pure.
"""
