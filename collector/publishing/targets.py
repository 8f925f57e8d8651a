"""Where postmortems are published: a Git repository, a comment on an issue, a wiki. Values alone; nothing is called."""

from __future__ import annotations

import os

import msgspec

from collector.errors import InvalidInput
from collector.event import SECOND
from collector.files import read_secret

GIT, COMMENT, CONFLUENCE = "git", "comment", "confluence"
KINDS = (GIT, COMMENT, CONFLUENCE)
FORGES = ("github", "gitlab", "gitea")


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """One place where postmortems are published."""

    kind: str
    """One of :data:`KINDS`."""
    repository: str = ""
    """Of Git, where it is fetched from and pushed to: an address or a path."""
    branch: str = "main"
    """Of Git, where postmortems are committed, or requested to be."""
    folder: str = "postmortems"
    """Of Git, the folder within the repository."""
    author: str = "timelined <timelined@localhost>"
    """Of Git, who commits; who asked for it is the author by name."""
    forge: str = ""
    """One of :data:`FORGES`: where a pull or merge request is opened, or an issue is commented on."""
    api_url: str = ""
    """The address of the forge's API, or of the wiki: ``https://acme.atlassian.net/wiki``."""
    project: str = ""
    """The repository as the forge calls it: ``owner/name``."""
    edition: str = "cloud"
    """Of a wiki: ``cloud`` or ``datacenter``."""
    space: str = ""
    """Of a wiki, the key of the space."""
    parent: str = ""
    """Of a wiki, the id of the page that new pages stand below."""
    people: str = ""
    """How people stand there: by their ``names``, or as ``roles``; empty: as in other drafts."""
    token_file: str = ""
    """The file with the token, read for each use."""
    token_variable: str = ""
    """The environment variable that holds the token, where no file does."""
    username: str = ""
    """Beside the token, where Git or the wiki asks for one."""
    log: str = ""
    """Whose postmortems go there, where a daemon serves several logs; empty: the default one's."""
    timeout: int = 30 * SECOND
    """How long one step may take, µs."""

    def called(self, number: int) -> str:
        """An incident's number, with the name of its log where it has one: ``12``, ``eu/12``."""
        return f"{self.log}/{number}" if self.log else str(number)

    def token(self) -> str:
        """The token, read now; empty where none is configured. Raises :class:`InvalidInput` where it cannot be had."""
        if self.token_file:
            return read_secret(self.token_file, "publish")
        if self.token_variable:
            token = os.environ.get(self.token_variable, "").strip()
            if not token:
                raise InvalidInput(f"cannot publish: the variable {self.token_variable} with the token is not set")
            return token
        return ""
