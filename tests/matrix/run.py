"""Every language calls every language, all four kinds and messages, through a host and on NATS; see README.md beside this.

run.py --ixt COMMAND --rust PROGRAM --go PROGRAM --c PROGRAM
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import trustme

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "nats"))

from nats_server import Cluster, Server  # noqa: E402

PATIENCE = 60.0


def certificate(folder: Path) -> tuple[Path, Path, Path]:
    """An authority, a certificate of it for this machine alone, and its key."""
    authority = trustme.CA()
    issued = authority.issue_cert("localhost")
    roots, chain, key = folder / "roots.pem", folder / "chain.pem", folder / "key.pem"
    authority.cert_pem.write_to_path(str(roots))
    chain.write_bytes(b"".join(blob.bytes() for blob in issued.cert_chain_pems))
    issued.private_key_pem.write_to_path(str(key))
    return roots, chain, key


def expected() -> list[str]:
    """What every caller must print of every provider."""

    def digest(messages: list[bytes]) -> str:
        value = 0xCBF29CE484222325
        for message in messages:
            for byte in len(message).to_bytes(8, "little") + message:
                value = (value ^ byte) * 0x100000001B3 & 0xFFFFFFFFFFFFFFFF
        return f"{value:016x}"

    def backwards(*sizes: int) -> list[bytes]:
        return [(bytes(range(251)) * (size // 251 + 1))[:size][::-1] for size in sizes]

    return [
        f"unary {digest(backwards(0, 1, 64, 70_000, 1 << 20))}",
        f"message {digest(backwards(0, 1, 64, 70_000, 1_000_000))}",
        f"client 300:{sum(range(300))}",
        f"server {digest([b'%d' % number for number in range(1000)])}",
        f"bidi {digest([(b'%d' % number)[::-1] for number in range(300)])}",
    ]


@dataclass
class Place:
    """Where programs meet."""

    urls: list[str]
    """All lead to the same programs."""
    roots: str = "-"

    def at(self, number: int) -> str:
        """Its URLs in turns."""
        return self.urls[number % len(self.urls)]


@contextmanager
def host(ixt: str, url: str, roots: str, options: list[str]) -> Iterator[Place]:
    """A host that listens there."""
    process = subprocess.Popen(
        [ixt, "host", "--grace", "0", *options, url], stderr=subprocess.PIPE, text=True
    )
    assert process.stderr
    try:
        heard = process.stderr.readline().split()[-1]
        yield Place([heard.replace("127.0.0.1", "localhost")], roots)
    finally:
        end([process])


@contextmanager
def nats(folder: Path) -> Iterator[Place]:
    """One server of NATS."""
    with Server(folder) as server:
        yield Place([server.url])


@contextmanager
def cluster(folder: Path) -> Iterator[Place]:
    """Three servers of NATS."""
    with Cluster(folder) as servers:
        yield Place(servers.urls)


@contextmanager
def providers(ixt: str, place: Place, programs: dict[str, list[str]]) -> Iterator[None]:
    """All programs as providers, which everybody in the place can call when this is reached."""
    serving: list[subprocess.Popen[bytes]] = []
    try:
        for number, program in enumerate(programs.values()):
            serving.append(subprocess.Popen([*program, "serve", place.at(number), place.roots]))
        for url in place.urls:
            await_modules(ixt, url, place.roots, set(programs))
        yield
    finally:
        end(serving)


def await_modules(ixt: str, url: str, roots: str, wanted: set[str]) -> None:
    """Waits until these modules can be seen from there."""
    listing = [ixt, "--color", "never", "modules", "--host", url]
    if roots != "-":
        listing += ["--tls-roots", roots]
    late = time.monotonic() + PATIENCE
    while True:
        done = subprocess.run(listing, capture_output=True, text=True, check=False)
        lines = done.stdout.splitlines()
        found = {line.split()[0] for line in lines if line and not line.startswith(" ")}
        if wanted <= found:
            return
        if time.monotonic() > late:
            raise SystemExit(f"not announced at {url}: {sorted(wanted - found)} {done.stderr}")
        time.sleep(0.05)


def end(processes: list[subprocess.Popen[bytes]] | list[subprocess.Popen[str]]) -> None:
    for process in processes:
        process.terminate()
    for process in processes:
        try:
            process.wait(timeout=15)
        except subprocess.TimeoutExpired:
            process.kill()


def call_all(place: Place, transport: str, programs: dict[str, list[str]]) -> tuple[int, int]:
    """Every program calls every one; gives how many results were right and how many wrong."""
    want = expected()
    passed = failed = 0
    for number, (caller, program) in enumerate(programs.items()):
        for provider in programs:
            # The next one of several: the provider with its own number is at another.
            command = [*program, "call", place.at(number + 1), place.roots, provider]
            done = subprocess.run(
                command, capture_output=True, text=True, timeout=PATIENCE, check=False
            )
            said = done.stdout.splitlines()
            wrong = 0
            if done.returncode != 0 or said != want:
                wrong = max(1, sum(line not in said for line in want))
                print(
                    f"{caller} calls {provider} over {transport}: {done.stdout}{done.stderr}",
                    file=sys.stderr,
                )
            passed, failed = passed + len(want) - wrong, failed + wrong
    return passed, failed


def main() -> int:
    parser = argparse.ArgumentParser(description="Runs the matrix.")
    for name in ("ixt", "rust", "go", "c"):
        parser.add_argument(f"--{name}", required=True, metavar="PROGRAM")
    arguments = parser.parse_args()
    programs = {
        "rust": [arguments.rust],
        "go": [arguments.go],
        "c": [arguments.c],
        "python": [sys.executable, str(HERE / "python/program.py")],
    }
    failed = passed = 0
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        trusted, chain, key = certificate(folder)
        policy = folder / "policy.toml"
        everything = 'provide = ["*"]\nsubscribe = ["*"]\ncall = ["*"]\ncapabilities = ["*"]\nsubjects = ["*"]\n'
        policy.write_text(f"[default]\n{everything}", encoding="utf-8")
        tls = ["--policy", str(policy), "--tls-certificate", str(chain), "--tls-key", str(key)]
        ixt = arguments.ixt
        transports: dict[str, Callable[[], AbstractContextManager[Place]]] = {
            "unix": lambda: host(ixt, f"unix://{folder}/host.sock", "-", []),
            "tcp+tls": lambda: host(ixt, "tls://127.0.0.1:0", str(trusted), tls),
            "nats": lambda: nats(folder),
            "a cluster of nats": lambda: cluster(folder),
        }
        for transport, begin in transports.items():
            with begin() as place, providers(ixt, place, programs):
                right, wrong = call_all(place, transport, programs)
            passed, failed = passed + right, failed + wrong
    what = (
        f"{len(programs)} callers, {len(programs)} providers, 4 kinds and messages, "
        f"{len(transports)} transports"
    )
    print(f"matrix: {passed} passed, {failed} failed ({what})")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
