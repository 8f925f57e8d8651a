"""What follows the log: grouping, the drafts that are due, and drafts on request, in a process of its own.

``follower`` takes new events in; ``attempts`` notes which, and ``suspects`` finds the one that grouping cannot take.
``announcements`` says what changed; ``numbers`` asks the lists and the log for what that hangs on. ``work`` is all of
that with drafts, given lists and somewhere to append; ``wire`` what the two processes say to each other; ``child`` the
follower's process, which ends when the other end of its socket is closed. :mod:`collector.daemon.follower_process`
starts it, and another one where it ended. A command without a daemon does the same work in its own process.
"""

from collector.following.wire import Channel, Setup, Vitals
from collector.following.work import Following, Work

__all__ = ["Channel", "Following", "Setup", "Vitals", "Work"]
