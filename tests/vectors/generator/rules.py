"""The rules that are no bytes: capability patterns and the W3C traceparent header.

The answers are reasoned from the wire page, section 3, and from W3C Trace Context, and written down
one by one; nothing here computes them.
"""

from __future__ import annotations

from collections.abc import Iterator

from .textform import Value, compact

# granted, required, covered?
COVERS: tuple[tuple[str, str, bool], ...] = (
    ("fs.read", "fs.read", True),
    ("fs.read", "fs.write", False),
    ("fs.read", "fs", False),
    ("fs", "fs", True),
    ("fs", "fs.read", False),
    ("fs.read", "fs.read.home", False),
    ("fs.*", "fs.read", True),
    ("fs.*", "fs.read.home", True),
    ("fs.*", "fs.a.b.c.d.e", True),
    ("fs.*", "fs", False),
    ("fs.*", "fsx", False),
    ("fs.*", "fsx.read", False),
    ("fs.*", "xfs.read", False),
    ("fs.*", "net.fs.read", False),
    ("fs.read.*", "fs.read.home", True),
    ("fs.read.*", "fs.read", False),
    ("fs.read.*", "fs.write.home", False),
    ("fs.read.*", "fs.readonly.home", False),
    ("*", "fs", True),
    ("*", "fs.read.home", True),
    ("*", "a", True),
    # Byte for byte: no folding of case, no normalising.
    ("fs.read", "FS.read", False),
    ("FS.READ", "fs.read", False),
    ("fs.*", "Fs.read", False),
    ("a_b", "a-b", False),
    # Every character that a segment may have.
    ("A.Z.a.z.0.9", "A.Z.a.z.0.9", True),
    ("_:/@-", "_:/@-", True),
    ("urn:ixt/module@v1.*", "urn:ixt/module@v1.read-all", True),
    ("urn:ixt", "urn:ixt/module", False),
    ("path/to.*", "path/to/file", False),
    # What is required has to be concrete.
    ("*", "*", False),
    ("*", "fs.*", False),
    ("fs.*", "fs.*", False),
    ("fs.*", "fs.read.*", False),
    ("fs.*", "*", False),
    # A malformed grant covers nothing, itself included.
    ("", "fs", False),
    ("", "", False),
    (".", ".", False),
    ("fs.", "fs.", False),
    ("fs.", "fs", False),
    (".fs", ".fs", False),
    ("fs..read", "fs..read", False),
    ("fs..read", "fs.read", False),
    ("fs*", "fs", False),
    ("fs*", "fsx", False),
    ("fs*", "fs.read", False),
    ("*fs", "fs", False),
    ("*.read", "fs.read", False),
    ("fs.*.home", "fs.read.home", False),
    ("*.*", "fs.read", False),
    ("fs.**", "fs.read", False),
    ("**", "fs", False),
    ("fs.*.", "fs.read", False),
    ("fs.* ", "fs.read", False),
    (" fs.read", "fs.read", False),
    ("fs read", "fs read", False),
    ("fs.réad", "fs.réad", False),
    ("fs.読", "fs.読", False),
    ("fs,read", "fs,read", False),
    ("fs+read", "fs+read", False),
    ("fs\tread", "fs\tread", False),
    ("fs\\read", "fs\\read", False),
    ("fs=read", "fs=read", False),
    ("fs#read", "fs#read", False),
    # A malformed requirement is never covered.
    ("*", "", False),
    ("*", ".", False),
    ("*", "fs.", False),
    ("*", ".fs", False),
    ("*", "fs..read", False),
    ("*", "fs read", False),
    ("*", "fs*", False),
    ("*", "*.read", False),
    ("*", "fs.*.home", False),
    ("*", "fs.é", False),
    ("fs.*", "fs.", False),
    ("fs.*", "fs..read", False),
    ("fs.*", "fs.read.", False),
    ("fs.*", "fs.re ad", False),
    ("fs.*", "fs.read*", False),
)

# parent, child, within?
ATTENUATES: tuple[tuple[list[str], list[str], bool], ...] = (
    ([], [], True),
    (["fs.read"], [], True),
    (["*"], [], True),
    ([], ["fs.read"], False),
    (["fs.read"], ["fs.read"], True),
    (["fs.read"], ["fs.write"], False),
    (["fs.read"], ["fs.*"], False),
    (["fs.read"], ["fs.read.home"], False),
    (["fs.*"], ["fs.read"], True),
    (["fs.*"], ["fs.read.home"], True),
    (["fs.*"], ["fs.*"], True),
    (["fs.*"], ["fs.read.*"], True),
    (["fs.*"], ["fs.read.home.*"], True),
    (["fs.*"], ["fs"], False),
    (["fs.*"], ["fsx.*"], False),
    (["fs.*"], ["fsx"], False),
    (["fs.*"], ["*"], False),
    (["fs.read.*"], ["fs.*"], False),
    (["fs.read.*"], ["fs.read"], False),
    (["fs.read.*"], ["fs.readonly.*"], False),
    (["*"], ["*"], True),
    (["*"], ["fs"], True),
    (["*"], ["fs.*"], True),
    (["*"], ["fs.*", "net.dial", "*"], True),
    (["fs"], ["fs.*"], False),
    (["fs", "fs.*"], ["fs", "fs.read"], True),
    (["fs.*", "net.dial"], ["fs.read", "net.dial"], True),
    (["fs.*", "net.dial"], ["fs.read", "net.listen"], False),
    (["fs.*", "net.dial"], ["net.dial"], True),
    # One pattern of the parent has to cover the child's; several together do not.
    (["fs.read", "fs.write"], ["fs.*"], False),
    (["fs.read.*", "fs.write.*"], ["fs.*"], False),
    (["fs.*", "net.*", "db.*"], ["*"], False),
    (["a", "b", "c"], ["c", "b", "a"], True),
    (["a", "b"], ["a", "b", "c"], False),
    (["FS.*"], ["fs.read"], False),
    # What is malformed denies, on either side.
    (["*"], [""], False),
    (["*"], ["fs..read"], False),
    (["*"], ["fs*"], False),
    (["*"], ["*.read"], False),
    (["*"], ["fs.*.home"], False),
    (["*"], ["fs read"], False),
    (["*"], ["fs.read", "fs."], False),
    (["fs*"], ["fs*"], False),
    (["fs*"], ["fs.read"], False),
    ([""], [""], False),
    ([""], ["fs"], False),
    (["fs..*"], ["fs.read"], False),
    (["*.*"], ["fs.read"], False),
    (["**"], ["fs"], False),
    (["fs*", "fs.*"], ["fs.read"], True),
    (["a..b", "*"], ["anything.at.all"], True),
)

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
PARENT = "00f067aa0ba902b7"
_IDS = f"{TRACE}-{PARENT}"

# header, flags or None where it counts as absent; the ids are TRACE and PARENT.
TRACEPARENT: tuple[tuple[str, int | None], ...] = (
    (f"00-{_IDS}-01", 1),
    (f"00-{_IDS}-00", 0),
    # All eight bits are kept, also those that mean nothing yet.
    (f"00-{_IDS}-03", 3),
    (f"00-{_IDS}-80", 128),
    (f"00-{_IDS}-ff", 255),
    # A later version: the first 55 characters, if nothing or a dash follows.
    (f"01-{_IDS}-01", 1),
    (f"02-{_IDS}-00", 0),
    (f"fe-{_IDS}-01", 1),
    (f"cc-{_IDS}-01-what-the-future-will-be-like", 1),
    (f"01-{_IDS}-01-", 1),
    (f"01-{_IDS}-01-00-00", 1),
    (f"cc-{_IDS}-01.what-the-future-will-be-like", None),
    (f"01-{_IDS}-010", None),
    (f"01-{_IDS}-01 ", None),
    (f"01-{_IDS}-0", None),
    # Version 00 is exactly 55 characters.
    (f"00-{_IDS}-01-", None),
    (f"00-{_IDS}-01-extra", None),
    (f"00-{_IDS}-010", None),
    (f"00-{_IDS}-1", None),
    (f"00-{_IDS}-", None),
    (f"00-{_IDS}", None),
    ("00", None),
    ("", None),
    # The version.
    (f"ff-{_IDS}-01", None),
    (f"FF-{_IDS}-01", None),
    (f"0-{_IDS}-01", None),
    (f"000-{_IDS}-01", None),
    (f"0x-{_IDS}-01", None),
    (f"-{_IDS}-01", None),
    (f"{_IDS}-01", None),
    (f"CC-{_IDS}-01", None),
    (f".0-{_IDS}-01", None),
    # Upper case, other digits, wrong lengths, other separators.
    (f"00-{TRACE.upper()}-{PARENT}-01", None),
    (f"00-{TRACE}-{PARENT.upper()}-01", None),
    (f"00-{_IDS}-0A", None),
    (f"00-{_IDS}-0g", None),
    (f"00-{_IDS}-0.", None),
    (f"00-{TRACE[:-1]}g-{PARENT}-01", None),
    (f"00-{TRACE[:-1]}.-{PARENT}-01", None),
    (f"00-{TRACE}-{PARENT[:-1]}x-01", None),
    (f"00-{TRACE[:-1]}-{PARENT}-01", None),
    (f"00-{TRACE}0-{PARENT}-01", None),
    (f"00-{TRACE}-{PARENT[:-1]}-01", None),
    (f"00-{TRACE}-{PARENT}0-01", None),
    (f"00_{TRACE}_{PARENT}_01", None),
    (f"00-{TRACE}{PARENT}--01", None),
    (f"00-{TRACE}:{PARENT}-01", None),
    (f"00 {TRACE} {PARENT} 01", None),
    (f"00-{TRACE[:30]}é-{PARENT}-01", None),
    # White space.
    (f" 00-{_IDS}-01", None),
    (f"00-{_IDS}-01 ", None),
    (f"00-{_IDS}-01\n", None),
    (f"\t00-{_IDS}-01", None),
    # Ids of zeros.
    (f"00-{'0' * 32}-{PARENT}-01", None),
    (f"00-{TRACE}-{'0' * 16}-01", None),
    (f"00-{'0' * 32}-{'0' * 16}-00", None),
    (f"01-{'0' * 32}-{PARENT}-01", None),
    (f"01-{TRACE}-{'0' * 16}-01-more", None),
)
OTHER_IDS: tuple[tuple[str, str], ...] = (
    ("0" * 31 + "1", "0" * 15 + "1"),
    ("f" * 32, "f" * 16),
    ("12345678901234567890123456789012", "1234567890123456"),
    ("0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"),
)


def rules() -> Iterator[str]:
    """Gives every line."""
    for granted, required, covered in COVERS:
        yield compact({"op": "covers", "granted": granted, "required": required, "expect": covered})
    for parent, child, within in ATTENUATES:
        yield compact({"op": "attenuates", "parent": parent, "child": child, "expect": within})
    for header, flags in TRACEPARENT:
        yield _traceparent(header, TRACE, PARENT, flags)
    for trace, parent_id in OTHER_IDS:
        yield _traceparent(f"00-{trace}-{parent_id}-01", trace, parent_id, 1)


def _traceparent(header: str, trace: str, parent_id: str, flags: int | None) -> str:
    expect: Value | None = None
    if flags is not None:
        expect = {"trace_id": trace, "parent_id": parent_id, "flags": flags}
    return compact({"op": "traceparent", "header": header, "expect": expect})
