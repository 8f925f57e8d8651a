"""A connection that can be cut: what stands between a browser and a daemon when a laptop sleeps."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress


class Cable:
    """Hands on what comes to a port of its own, while it is not cut."""

    def __init__(self, address: str) -> None:
        host, _, port = address.removeprefix("http://").rpartition(":")
        self._there = (host, int(port))
        self._ends: set[socket.socket] = set()
        self._deaf: set[socket.socket] = set()
        self._whole = threading.Event()
        self._whole.set()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self) -> None:
        """End every connection, and let none begin."""
        self._whole.clear()
        for end in list(self._ends):
            self._end(end)

    def mend(self) -> None:
        """Let connections begin again."""
        self._whole.set()

    def hold(self) -> None:
        """Hand on nothing more, and let nobody know: what a phone meets that changed its network."""
        self._deaf |= self._ends

    def close(self) -> None:
        """End all of it."""
        self.cut()
        self._listener.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                if not self._whole.is_set():
                    near.close()
                    continue
                try:
                    far = socket.create_connection(self._there)
                except OSError:
                    near.close()
                    continue
                self._ends |= {near, far}
                for one, other in ((near, far), (far, near)):
                    threading.Thread(target=self._pump, args=(one, other), daemon=True).start()

    def _pump(self, near: socket.socket, far: socket.socket) -> None:
        with suppress(OSError):
            while data := near.recv(65536):
                if near not in self._deaf:
                    far.sendall(data)
        self._end(near)
        self._end(far)

    def _end(self, end: socket.socket) -> None:
        self._ends.discard(end)
        with suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)
        end.close()
