"""What follows the log: grouping, the drafts that are due, and drafts on request, in a process of its own.

``follower`` takes new events in, ``announcements`` says what changed, ``suspects`` finds the event that grouping cannot
take. ``work`` is all of that with drafts, given lists and somewhere to append; ``wire`` what the two processes say to
each other; ``child`` the follower's process, which ends when the other end of its socket is closed.
:mod:`collector.daemon.follower_process` starts it, and another one where it ended. A command without a daemon does the
same work in its own process.
"""

from collector.following.wire import Channel, Setup, Vitals
from collector.following.work import Following, Work

__all__ = ["Channel", "Following", "Setup", "Vitals", "Work"]
