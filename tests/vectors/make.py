"""Makes every file of test vectors, or with --check says which committed one differs.

Run in an environment with requirements.txt installed and the `capnp` command line on the PATH.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from generator.files import counts, render

HERE = Path(__file__).resolve().parent


def main() -> int:
    """Writes the files, or compares them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="compare with the committed files")
    arguments = parser.parse_args()
    differing = []
    files = render()
    for name, text in files.items():
        path = HERE / name
        content = text.encode()
        if not arguments.check:
            path.write_bytes(content)
        elif not path.exists() or path.read_bytes() != content:
            differing.append(name)
        print(f"{name}: {text.count(chr(10))} lines")
    readme = (HERE / "README.md").read_text().splitlines()
    for row in counts(files):
        if row not in readme:
            print(f"README.md lacks this row of its table: {row}", file=sys.stderr)
            differing.append("README.md")
    for name in dict.fromkeys(differing):
        print(f"{name} differs from what make.py makes", file=sys.stderr)
    return 1 if differing else 0


if __name__ == "__main__":
    sys.exit(main())
