"""The tables of docs/scale: what was measured, and what a thousand machines would need by it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from report import DASH

if TYPE_CHECKING:
    from scale import Amount, Measured, Use

# A thousand machines. Each line of the table of what is supposed has one of these.
MACHINES = 1_000
MODULES = 20
PARTNERS = 10
STREAMS = 2
CALLS = 10
MESSAGES = 20
PAYLOAD = 1_024
SERVER_CORES = 4
SERVER_USED = 0.5
LEAST_SERVERS = 3
#: What was measured with.
SIZE = 64


def number(value: float) -> str:
    """Three figures, or whole."""
    if isinstance(value, int):
        return f"{value:,}"
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.{max(0, 2 - math.floor(math.log10(value)))}f}" if value > 0 else "0"


def kib(value: float) -> str:
    """Bytes as KiB; what is less than a hundredth of it is noise of the measurement."""
    return f"{value / 1024:,.1f}" if abs(value) >= 10.24 else "0"


def costs(host: Measured, nats: Measured, amount: Amount) -> str:
    """What was measured."""
    between = "Host or server of NATS"
    out = [
        f"| CPU, \N{MICRO SIGN}s | Caller | Provider | {between} | All | A second, here |",
        "|---|--:|--:|--:|--:|--:|",
    ]
    for what, name in (
        ("unary call, one after the other", "one_by_one"),
        ("unary call, 64 at once", "at_once"),
        ("unary call, two callers of 64 and two providers", "many"),
        ("message of a client stream", "message"),
    ):
        for ground in (host, nats):
            use = getattr(ground, name)
            out.append(f"| {what}, {on(ground)} | {row(use)} | {use.a_second:,.0f} |")
    for what, name in (
        (f"unary call, of {amount.modules} modules", "calls"),
        (f"message, of {amount.modules} streams, there and back", "messages"),
    ):
        for ground in (host, nats):
            use = getattr(ground.modules, name)
            out.append(f"| {what}, {on(ground)} | {row(use)} | {use.a_second:,.0f} |")
    for ground in (host, nats):
        quiet = ground.modules.quiet
        out.append(f"| pair with an idle stream, a second, {on(ground)} | {row(quiet)} | {DASH} |")
    out += [
        "",
        f"| Memory, KiB | Caller | Provider | {between} |",
        "|---|--:|--:|--:|",
    ]
    for ground in (host, nats):
        found = ground.modules
        of = found.module
        for what, by in (
            (f"idle open stream, of {2 * amount.streams:,}", ground.stream),
            (f"pair that has called once, of {amount.modules}", found.pair),
        ):
            caller, provider, middle = (kib(by[role]) for role in ("caller", "provider", "between"))
            out.append(f"| {what}, {on(ground)} | {caller} | {provider} | {middle} |")
        out.append(
            f"| connected module, of {amount.modules}, {on(ground)} | {kib(of['caller'])} | {DASH}"
            f" | {kib(of['between'])} |"
        )
    out += [
        "",
        "| At the server of NATS | Messages | Bytes |",
        "|---|--:|--:|",
    ]
    for what, use in (
        ("unary call, 64 at once", nats.at_once),
        ("unary call, one after the other", nats.one_by_one),
        (f"unary call, of {amount.modules} modules", nats.modules.calls),
        ("message of a client stream", nats.message),
        (f"message, of {amount.modules} streams, there and back", nats.modules.messages),
        ("pair with an idle stream, a second", nats.modules.quiet),
    ):
        out.append(f"| {what} | {number(use.nats_messages)} | {number(use.nats_bytes)} |")
    out += [
        "",
        f"A module without services has {nats.modules.subscriptions:.0f} subscriptions there. By the CPU of many"
        f" modules' calls a core that does nothing else carries {per_core(host.modules.calls)} calls a second as a"
        f" host, and {per_core(nats.modules.calls)} as a server of NATS.",
    ]
    return "\n".join([*out, ""])


def per_core(use: Use) -> str:
    """How often in a second a core between callers and providers does it, in two figures."""
    often = 1e6 / use.between if use.between else math.inf
    if math.isinf(often):
        return "any number of"
    return f"{round(often, 1 - math.floor(math.log10(often))):,.0f}"


def on(ground: Measured) -> str:
    return f"on {'a host' if ground.name == 'host' else ground.name}"


def row(use: Use) -> str:
    return (
        f"{number(use.caller)} | {number(use.provider)} | {number(use.between)} | {number(use.all)}"
    )


def thousand(host: Measured, nats: Measured) -> str:
    """What a thousand machines would need, every formula shown."""
    crowd, found = MACHINES * MODULES, nats.modules
    pairs = crowd * PARTNERS / 2
    shares = {
        "keepalives": pairs * found.quiet.between / 1e6,
        "calls": crowd * CALLS * found.calls.between / 1e6,
        "stream messages": crowd * MESSAGES * found.messages.between / 1e6,
    }
    cores = sum(shares.values())
    servers = LEAST_SERVERS
    while cores * (2 - 1 / servers) > servers * SERVER_CORES * SERVER_USED:
        servers += 1
    hops = 2 - 1 / servers
    larger = 2 * (PAYLOAD - SIZE)
    messages = {
        "keepalives": pairs * found.quiet.nats_messages,
        "calls": crowd * CALLS * found.calls.nats_messages,
        "stream messages": crowd * MESSAGES * found.messages.nats_messages,
    }
    size = (
        pairs * found.quiet.nats_bytes
        + crowd * CALLS * (found.calls.nats_bytes + larger)
        + crowd * MESSAGES * found.messages.nats_bytes
    )
    pair, stream = ((of["caller"] + of["provider"]) / 2 for of in (found.pair, nats.stream))
    machine = MODULES * (found.module["caller"] + PARTNERS * (pair + STREAMS * stream))
    use = MODULES * (
        CALLS * (found.calls.caller + found.calls.provider)
        + MESSAGES * (found.messages.caller + found.messages.provider)
        + PARTNERS / 2 * (found.quiet.caller + found.quiet.provider)
    )
    of_host = MODULES * (
        CALLS * host.modules.calls.between + MESSAGES * host.modules.messages.between
    )
    host_memory = MODULES * (
        host.modules.module["between"] + PARTNERS / 2 * STREAMS * host.stream["between"]
    )
    x = "\N{MULTIPLICATION SIGN}"
    us = "\N{MICRO SIGN}s"
    pairs_by = f"P = N {x} D / 2"
    lines = [
        ("Modules", f"N = H {x} M", number(crowd)),
        ("Connections to servers", "N", number(crowd)),
        (
            "Subscriptions",
            f"N {x} ({found.subscriptions:.0f} + services and topics, here 1)",
            number(crowd * (found.subscriptions + 1)),
        ),
        ("Pairs with open streams", pairs_by, number(pairs)),
        (
            "Keepalives, messages a second",
            f"P {x} {number(found.quiet.nats_messages)}",
            number(messages["keepalives"]),
        ),
        (
            "Calls, messages a second",
            f"N {x} C {x} {number(found.calls.nats_messages)}",
            number(messages["calls"]),
        ),
        (
            "Streams, messages a second",
            f"N {x} W {x} {number(found.messages.nats_messages)}",
            number(messages["stream messages"]),
        ),
        (
            "Cores of servers for keepalives",
            f"P {x} {number(found.quiet.between)} {us}",
            number(shares["keepalives"]),
        ),
        (
            "Cores of servers for calls",
            f"N {x} C {x} {number(found.calls.between)} {us}",
            number(shares["calls"]),
        ),
        (
            "Cores of servers for streams",
            f"N {x} W {x} {number(found.messages.between)} {us}",
            number(shares["stream messages"]),
        ),
        ("Cores, each message through one server", "X, their sum", number(cores)),
        (
            "Servers of the cluster",
            f"the least K from {LEAST_SERVERS} on with X {x} (2 - 1/K) \u2264 K {x} U {x} {SERVER_USED:g}",
            number(servers),
        ),
        ("Connections of a server", "N / K", number(crowd / servers)),
        (
            "Memory of a server for them, MiB",
            f"N {x} {kib(found.module['between'])} KiB, as if it knew every subscription at the price of a"
            " connection",
            number(crowd * found.module["between"] / 2**20),
        ),
        (
            "Payload into a server, MiB a second; as much leaves it",
            f"(P {x} {number(found.quiet.nats_bytes)} B + N {x} C {x} ({number(found.calls.nats_bytes)} B +"
            f" 2 {x} (B - {SIZE} B)) + N {x} W {x} {number(found.messages.nats_bytes)} B) {x} (2 - 1/K) / K",
            number(size * hops / servers / 2**20),
        ),
        (
            "Memory of a machine's modules for Ixt, MiB",
            f"M {x} ({kib(found.module['caller'])} + D {x} ({kib(pair)} + S {x} {kib(stream)})) KiB",
            number(machine / 2**20),
        ),
        (
            "Cores of a machine's modules for Ixt",
            f"M {x} (C {x} {number(found.calls.caller + found.calls.provider)} +"
            f" W {x} {number(found.messages.caller + found.messages.provider)} +"
            f" D / 2 {x} {number(found.quiet.caller + found.quiet.provider)}) {us}",
            number(use / 1e6),
        ),
        (
            "For comparison: cores of a host for the M modules of one machine",
            f"M {x} (C {x} {number(host.modules.calls.between)} + W {x} {number(host.modules.messages.between)}) {us}",
            number(of_host / 1e6),
        ),
        (
            "Its memory for them, MiB",
            f"M {x} ({kib(host.modules.module['between'])} + D / 2 {x} S {x}"
            f" {kib(host.stream['between'])}) KiB",
            number(host_memory / 2**20),
        ),
    ]
    supposed = [
        ("H", "machines", MACHINES),
        ("M", "modules on each", MODULES),
        ("D", "other modules with which each has open streams", PARTNERS),
        ("S", "streams of such a pair", STREAMS),
        ("C", "calls that each module makes in a second", CALLS),
        ("W", "messages on streams that each module sends in a second, of 64 B", MESSAGES),
        ("B", "bytes of a request and of an answer", PAYLOAD),
        (
            "U",
            f"cores of a server of NATS, of which {SERVER_USED * 100:g} % may be busy",
            SERVER_CORES,
        ),
    ]
    out = ["| | Supposed | |", "|---|---|--:|"]
    out += [f"| {letter} | {what} | {value:,} |" for letter, what, value in supposed]
    out += ["", "| Needed | By | |", "|---|---|--:|"]
    out += [f"| {what} | {by} | {value} |" for what, by, value in lines]
    first = max(shares, key=lambda name: shares[name])
    told = ", ".join(f"{name} {share / cores * 100:.0f} %" for name, share in shares.items())
    out += [
        "",
        f"Of the servers' cores: {told}. So {first} are what fills them first. A core of a server that does nothing"
        f" else keeps {per_core(found.quiet)} pairs alive, or carries {per_core(found.calls)} calls a second.",
    ]
    return "\n".join([*out, ""])
