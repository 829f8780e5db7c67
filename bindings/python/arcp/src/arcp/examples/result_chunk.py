"""A result that is written and read piece by piece (§8.4)."""

from __future__ import annotations

from typing import Any

from arcp.examples._run import example, expect, make_runtime, session
from arcp.examples._run import serve as serve_runtime
from arcp.runtime import JobContext


def section(number: int) -> bytes:
    return f"Section {number}: lorem ipsum dolor sit amet.\n".encode()


async def report_builder(given: Any, ctx: JobContext) -> None:
    async with ctx.stream_result() as stream:
        for number in range(1, int(given["chunks"]) + 1):
            await stream.write(section(number))
        await stream.close(summary=f"a report of {given['chunks']} sections")


async def serve(port: int) -> None:
    runtime = make_runtime("result-chunk")
    await serve_runtime(runtime.register_agent("report-builder", report_builder), port)


async def client(url: str) -> None:
    whole = b"".join(section(number) for number in range(1, 31))
    async with session(url, "result-chunk", features=("result_chunk",)) as arcp:
        # All at once,
        job = await arcp.submit(agent="report-builder", input={"chunks": 30})
        blob = await job.collect_chunks()
        done = await job.done
        print(f"{len(blob)} bytes of {done.result_size}: {done.summary}")
        expect("the result is another", blob == whole)
        expect("its size is another", done.result_size == len(whole))
        # or as it comes.
        job = await arcp.submit(agent="report-builder", input={"chunks": 3})
        numbers = [chunk["chunk_seq"] async for chunk in job.chunks()]
        print(f"parts: {numbers}")
        expect("parts are missing", numbers == sorted(set(numbers)) and len(numbers) >= 3)


if __name__ == "__main__":
    example(port=7893, client=client, serve=serve)
