"""A network of its own: a namespace for each place, and one with the bridge that joins them.

    Wires([...])            host, caller-rust, …
    wires.at(place, …)      a command as it is run there
    wires.cut(place, way)   and mend(place, way)

Nothing of it touches the network of the machine, and the same addresses may be in use by several at once.
"""

from __future__ import annotations

import itertools
import os
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path

#: How the names of all namespaces begin; the number of the process that made them follows.
PREFIX = "ixt-survival-"
_numbers = itertools.count(1)

#: How a wire is cut. `down`: the place's own end goes down; it has no route, and knows. `unplugged`: the other end
#: does; the place has no carrier. `silent`: the other end leaves the bridge; packets go nowhere, and nobody is told.
WAYS = ("down", "unplugged", "silent")


class NoNetworksError(Exception):
    """This machine gives no networks of one's own; the message says what it lacks."""


def ip(*arguments: str, inside: str = "") -> str:
    """Runs `ip`, inside a namespace."""
    command = ["ip", *(("-n", inside) if inside else ()), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise NoNetworksError(f"`{' '.join(command)}` says: {done.stderr.strip()}")
    return done.stdout


class Wires:
    """Places on a bridge, each with an address."""

    def __init__(self, places: Iterable[str]) -> None:
        self.name = f"{PREFIX}{os.getpid()}-{next(_numbers)}"
        self.bridge = self._inside("bridge")
        self.places = list(places)
        self.made: list[str] = []
        try:
            self._make()
        except BaseException:
            self.remove()
            raise

    def _make(self) -> None:
        self._namespace(self.bridge)
        ip("link", "add", "joint", "type", "bridge", inside=self.bridge)
        ip("link", "set", "joint", "up", inside=self.bridge)
        for place in self.places:
            inside, port = self._inside(place), self._port(place)
            self._namespace(inside)
            ip("link", "set", "lo", "up", inside=inside)
            peer = ("type", "veth", "peer", "name", "wire", "netns", inside)
            ip("link", "add", port, *peer, inside=self.bridge)
            ip("link", "set", port, "master", "joint", "up", inside=self.bridge)
            ip("address", "add", f"{self.address(place)}/24", "dev", "wire", inside=inside)
            ip("link", "set", "wire", "up", inside=inside)

    def _inside(self, place: str) -> str:
        return f"{self.name}-{place}"

    def _port(self, place: str) -> str:
        return f"port{self.places.index(place)}"

    def _namespace(self, name: str) -> None:
        ip("netns", "add", name)
        self.made.append(name)

    def address(self, place: str) -> str:
        return f"10.77.0.{self.places.index(place) + 1}"

    def at(self, place: str, command: list[str]) -> list[str]:
        """`ip` becomes the command, so that the process is the one that was started."""
        return ["ip", "netns", "exec", self._inside(place), *command]

    def cut(self, place: str, way: str) -> None:
        """Nothing reaches the place any more, nor leaves it; `way` is one of `WAYS`."""
        self._turn(place, way, False)

    def mend(self, place: str, way: str) -> None:
        """Undoes that."""
        self._turn(place, way, True)

    def _turn(self, place: str, way: str, on: bool) -> None:
        up, port = "up" if on else "down", self._port(place)
        if way == "down":
            ip("link", "set", "wire", up, inside=self._inside(place))
        elif way == "unplugged":
            ip("link", "set", port, up, inside=self.bridge)
        else:
            ip(
                "link",
                "set",
                port,
                *(("master", "joint") if on else ("nomaster",)),
                inside=self.bridge,
            )

    def remove(self) -> None:
        """Removes the namespaces, and with them the wires. Processes there are to have ended."""
        while self.made:
            subprocess.run(["ip", "netns", "delete", self.made.pop()], check=False)


def check() -> None:
    """Raises `NoNetworksError` where this machine gives none; removes what runs left that were killed."""
    if shutil.which("ip") is None:
        raise NoNetworksError("iproute2\n    Debian: apt-get install iproute2")
    if os.geteuid() != 0:
        raise NoNetworksError("the right to make network namespaces\n    run it as root")
    for name in ip("netns", "list").split():
        number = name.removeprefix(PREFIX).split("-")[0]
        if name.startswith(PREFIX) and not Path(f"/proc/{number}").exists():
            ip("netns", "delete", name)
    Wires(["probe"]).remove()
