"""The pages say what is so: their Python runs, their links and their excerpts are there.

The blocks of a page are one program, in which ``runtime`` is a runtime with the agent ``echo``
that is served at ``url``, and ``client`` a client that is connected to it. After a block's
``python``, ``no-run`` says that it cannot run here, and ``excerpt`` that it is a part of the page's
example.
"""

from __future__ import annotations

import ast
import asyncio
import hashlib
import inspect
import re
import types
from pathlib import Path
from typing import Any

import pytest

from arcp import ClientInfo, RuntimeInfo, WebSocketTransport, serve_websocket
from arcp import examples as package
from arcp.client import ARCPClient
from arcp.runtime import ARCPRuntime, JobContext, StaticBearerVerifier

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
PAGES = sorted(DOCS.rglob("*.md"))
KINDS = {"overview", "guide", "feature", "example", "reference", "conformance"}
NOT_RUN = 1
"""Blocks that cannot run: one that needs a certificate."""

BLOCK = re.compile(r"^```python *([a-z-]*)\n(.*?)^```$", re.M | re.S)
LINK = re.compile(r"\]\(([^)#: ]+)(?:#[^)]*)?\)")


def shown(page: Path) -> str:
    return str(page.relative_to(ROOT))


def front(page: Path) -> dict[str, str]:
    head = re.match(r"---\n(.*?)\n---\n", page.read_text(), re.S)
    assert head, "no front matter"
    return {
        name: text.strip()
        for name, _, text in (line.partition(":") for line in head[1].split("\n"))
    }


def blocks(page: Path, how: str) -> list[str]:
    return [code for said, code in BLOCK.findall(page.read_text()) if said == how]


RUNNABLE = [page for page in [*PAGES, ROOT / "README.md"] if blocks(page, "")]


@pytest.mark.parametrize("page", RUNNABLE, ids=shown)
async def test_the_code_of_a_page_runs(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    async def echo(given: Any, ctx: JobContext) -> Any:
        await ctx.log("info", "echo started")
        return given

    runtime = ARCPRuntime(
        runtime=RuntimeInfo(name="docs", version="1"), bearer=StaticBearerVerifier({"token": "me"})
    ).register_agent("echo", echo)
    info = ClientInfo(name="docs", version="1")
    async with (
        runtime,
        await serve_websocket(runtime.accept, host="127.0.0.1", port=0) as server,
        ARCPClient(client=info, token="token") as client,
    ):
        url = f"ws://127.0.0.1:{server.port}/arcp"
        await client.connect(await WebSocketTransport.connect(url))
        program = types.ModuleType("page")
        vars(program).update(runtime=runtime, client=client, url=url)
        async with asyncio.timeout(20):
            await execute("\n".join(blocks(page, "")), program, shown(page))


async def execute(code: str, program: types.ModuleType, name: str) -> None:
    compiled = compile(code, name, "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    done = eval(compiled, vars(program))
    if inspect.iscoroutine(done):
        await done
    if "main" in vars(program):
        # A program of its own, as it stands in a file.
        await program.main()


def test_few_blocks_cannot_run() -> None:
    assert sum(len(blocks(page, "no-run")) for page in PAGES) == NOT_RUN


@pytest.mark.parametrize("page", PAGES, ids=shown)
def test_a_page_says_what_it_is(page: Path) -> None:
    said = front(page)
    assert list(said) == ["title", "sdk", "spec_sections", "order", "kind"]
    assert said["title"]
    assert said["sdk"] == "python"
    assert re.fullmatch(r'\[("[0-9]+(\.[0-9]+)*"(, )?)*\]', said["spec_sections"])
    assert said["order"].isdigit()
    assert said["kind"] in KINDS
    unknown = {how for how, _ in BLOCK.findall(page.read_text())} - {"", "no-run", "excerpt"}
    assert not unknown


def test_pages_of_a_folder_are_in_one_order() -> None:
    for folder in {page.parent for page in PAGES}:
        orders = [front(page)["order"] for page in PAGES if page.parent == folder]
        assert len(set(orders)) == len(orders), folder


@pytest.mark.parametrize("page", [*PAGES, ROOT / "README.md"], ids=shown)
def test_links_lead_somewhere(page: Path) -> None:
    for target in LINK.findall(page.read_text()):
        assert (page.parent / target).exists(), target


def test_every_example_has_a_page_with_a_part_of_it() -> None:
    folder = Path(package.__path__[0])
    names = {path.stem for path in folder.glob("*.py") if not path.stem.startswith("_")}
    pages = {page.stem.replace("-", "_"): page for page in (DOCS / "04-examples").glob("*.md")}
    assert set(pages) == names
    for name, page in pages.items():
        assert f"python -m arcp.examples.{name}" in page.read_text()
        parts = blocks(page, "excerpt")
        assert parts, page
        source = (folder / f"{name}.py").read_text()
        for part in parts:
            assert part in source, f"{shown(page)} shows what the example no longer has"


def test_every_diagram_is_rendered_and_shown() -> None:
    diagrams = DOCS / "diagrams"
    sources = {path.stem for path in diagrams.glob("*.dot")}
    assert sources == {path.stem for path in diagrams.glob("*.svg")}
    text = "".join(page.read_text() for page in PAGES)
    assert len(sources) >= 5
    for name in sources:
        assert f"diagrams/{name}.svg" in text
        source = (diagrams / f"{name}.dot").read_bytes()
        blob = hashlib.sha1(b"blob %d\0" % len(source) + source).hexdigest()
        drawn = (diagrams / f"{name}.svg").read_text()
        assert f"<!-- source: {blob} -->" in drawn, f"{name}: run docs/diagrams/render.sh"
