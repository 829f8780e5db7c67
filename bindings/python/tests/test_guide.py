"""The code of docs/guides/python.md runs as it stands, and prints what the page says."""

from __future__ import annotations

import asyncio
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from ixt_sdk.testing import Host

from conftest import ROOT

GUIDE = (ROOT / "docs/guides/python.md").read_text("utf-8")
#: The files of the page, and what it says that they print.
FILES = {
    name: (code, printed)
    for code, name, printed in re.findall(
        r"^```python\n(# (\w+\.py)\n.*?)^```\n(?:\n```\n(.*?)^```$)?",
        GUIDE,
        re.MULTILINE | re.DOTALL,
    )
}


@pytest.fixture
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as name:
        for file, (code, _) in FILES.items():
            code = code.replace("/tmp/ixt.sock", f"{name}/s")
            (Path(name) / file).write_text(code, "utf-8")
        yield Path(name)


async def run(folder: Path, *arguments: str) -> str:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-W", "error", *arguments),
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    out, err = await asyncio.wait_for(process.communicate(), 30)
    assert process.returncode == 0, err.decode()
    return out.decode()


def test_there_is_code() -> None:
    assert set(FILES) >= {"media.py", "call.py", "script.py", "gateway.py", "test_media.py"}


def test_a_module_and_its_callers(folder: Path) -> None:
    async def main() -> None:
        async with Host() as host:
            await host.listen(f"unix://{folder}/s")
            modules = [
                await asyncio.create_subprocess_exec(sys.executable, name, cwd=folder)
                for name in ("media.py", "gateway.py")
            ]
            async with asyncio.timeout(30):
                while len(host.modules) < 2:  # noqa: ASYNC110
                    await asyncio.sleep(0.02)
            assert await run(folder, "call.py") == FILES["call.py"][1]
            assert await run(folder, "script.py") == "b'HELLO'\nb'0'\nb'1'\nb'2'\n"
            for module in modules:
                module.terminate()
                assert await module.wait() == 0

    asyncio.run(main())


@pytest.mark.parametrize("name", ["typed.py", "keyed.py", "messages.py"])
def test_what_needs_no_host(name: str, folder: Path) -> None:
    assert asyncio.run(run(folder, name)) == FILES[name][1]


def test_the_test(folder: Path) -> None:
    assert "1 passed" in asyncio.run(
        run(folder, "-m", "pytest", "-p", "no:cacheprovider", "test_media.py")
    )
