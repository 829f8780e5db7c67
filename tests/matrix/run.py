"""Every language calls every language, all four kinds and messages, through a host; see README.md beside this.

run.py --ixt COMMAND --rust PROGRAM --go PROGRAM --c PROGRAM
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import trustme

HERE = Path(__file__).resolve().parent
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


class Host:
    """A host and the providers at it."""

    def __init__(
        self, ixt: str, url: str, roots: str, programs: dict[str, list[str]], options: list[str]
    ) -> None:
        self.roots = roots
        self.host = subprocess.Popen(
            [ixt, "host", "--grace", "0", *options, url], stderr=subprocess.PIPE
        )
        assert self.host.stderr
        self.url = (
            self.host.stderr.readline().decode().split()[-1].replace("127.0.0.1", "localhost")
        )
        serve = ["serve", self.url, roots]
        self.providers = [subprocess.Popen([*program, *serve]) for program in programs.values()]
        end = time.monotonic() + PATIENCE
        listing = [ixt, "--color", "never", "modules", "--host", self.url]
        if roots != "-":
            listing += ["--tls-roots", roots]
        while True:
            done = subprocess.run(listing, capture_output=True, text=True, check=False)
            found = {
                line.split()[0]
                for line in done.stdout.splitlines()
                if line and not line.startswith(" ")
            }
            if set(programs) <= found:
                return
            if time.monotonic() > end:
                self.stop()
                raise SystemExit(
                    f"not announced at {self.url}: {sorted(set(programs) - found)} {done.stderr}"
                )
            time.sleep(0.05)

    def stop(self) -> None:
        for process in (*self.providers, self.host):
            process.terminate()
        for process in (*self.providers, self.host):
            try:
                process.wait(timeout=15)
            except subprocess.TimeoutExpired:
                process.kill()


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
    want = expected()
    failed = passed = 0
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        trusted, chain, key = certificate(folder)
        policy = folder / "policy.toml"
        everything = 'provide = ["*"]\nsubscribe = ["*"]\ncall = ["*"]\ncapabilities = ["*"]\nsubjects = ["*"]\n'
        policy.write_text(f"[default]\n{everything}", encoding="utf-8")
        tls = ["--policy", str(policy), "--tls-certificate", str(chain), "--tls-key", str(key)]
        transports: list[tuple[str, str, str, list[str]]] = [
            ("unix", f"unix://{folder}/host.sock", "-", []),
            ("tcp+tls", "tls://127.0.0.1:0", str(trusted), tls),
        ]
        for transport, url, roots, options in transports:
            host = Host(arguments.ixt, url, roots, programs, options)
            try:
                for caller, program in programs.items():
                    for provider in programs:
                        command = [*program, "call", host.url, roots, provider]
                        done = subprocess.run(
                            command, capture_output=True, text=True, timeout=PATIENCE, check=False
                        )
                        said = done.stdout.splitlines()
                        wrong = 0
                        if done.returncode != 0 or said != want:
                            wrong = max(1, sum(line not in said for line in want))
                        passed += len(want) - wrong
                        failed += wrong
                        if wrong:
                            print(
                                f"{caller} calls {provider} over {transport}: {done.stdout}{done.stderr}",
                                file=sys.stderr,
                            )
            finally:
                host.stop()
    what = f"{len(programs)} callers, {len(programs)} providers, 4 kinds and messages, 2 transports"
    print(f"matrix: {passed} passed, {failed} failed ({what})")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
