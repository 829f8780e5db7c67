"""One trace over both processes: caller, frames and agent. Needs opentelemetry-sdk (§11)."""

from __future__ import annotations

from typing import Any

from opentelemetry import propagate, trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from arcp import Transport, WebSocketTransport
from arcp.examples._run import example, expect, make_runtime, new_client
from arcp.examples._run import serve as serve_runtime
from arcp.middleware.otel import with_tracing
from arcp.runtime import JobContext

# Real ones export to a collector.
exporter = InMemorySpanExporter()
provider = TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(exporter))
tracer = provider.get_tracer("arcp.examples.host_tracing")


async def echo(given: Any, ctx: JobContext) -> Any:
    # The agent's own span is a child of the frame that brought the job.
    parent = propagate.extract({"traceparent": ctx.job.traceparent or ""})
    with tracer.start_as_current_span("echo", parent) as span:
        await ctx.log("info", "here")
        return {"echoed": given, "trace": trace.format_trace_id(span.get_span_context().trace_id)}


async def serve(port: int) -> None:
    runtime = make_runtime("host-tracing").register_agent("echo", echo)

    async def accept(transport: Transport) -> None:
        await runtime.accept(with_tracing(transport, tracer=tracer))

    await serve_runtime(runtime, port, accept)


async def client(url: str) -> None:
    async with new_client("host-tracing") as arcp:
        transport = await WebSocketTransport.connect(url)
        await arcp.connect(with_tracing(transport, tracer=tracer))
        with tracer.start_as_current_span("caller") as caller:
            job = await arcp.submit(agent="echo", input={"k": 1})
        result = await job.result()
    trace_id = caller.get_span_context().trace_id
    spans = [
        span
        for span in exporter.get_finished_spans()
        if (context := span.get_span_context()) and context.trace_id == trace_id
    ]
    print(f"trace {job.trace_id}: {[span.name for span in spans]}")
    expect("the job is of another trace", job.trace_id == trace.format_trace_id(trace_id))
    expect("the agent is of another trace", result["trace"] == job.trace_id)
    names = {"arcp.send job.submit", "arcp.recv job.event", "arcp.recv job.result"}
    expect("spans are missing", names <= {span.name for span in spans})


if __name__ == "__main__":
    example(port=7895, client=client, serve=serve)
