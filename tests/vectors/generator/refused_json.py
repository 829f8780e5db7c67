"""Refusals of the text form itself.

Left out: numbers like `1.0` or `1e3`, `"system":false`, and a lone
surrogate escape, where JSON libraries of good standing differ.
"""

from __future__ import annotations

from collections.abc import Iterator

from .refusals import Refusal
from .textform import MessageType
from .values_frames import ID

_ID = f'"stream_id":"{ID}"'

FRAME_LINES = {
    "empty-line": "",
    "space": " ",
    "not-json": "data",
    "stream-id-twice": f'{{{_ID},{_ID},"data":{{}}}}',
    "member-twice": f'{{{_ID},"data":{{}},"data":{{}}}}',
    "field-twice": f'{{{_ID},"data":{{"sequence":1,"sequence":1}}}}',
    "cut": f'{{{_ID},"data":{{}}',
    "two-objects": f'{{{_ID},"data":{{}}}} {{}}',
    "array": f'[{{{_ID},"data":{{}}}}]',
    "string": '"data"',
    "number": "7",
    "null": "null",
    "single-quotes": f"{{'stream_id':'{ID}','data':{{}}}}",
    "trailing-comma": f'{{{_ID},"data":{{}},}}',
    "comment": f'{{{_ID},"data":{{}}}} // c',
    "empty-object": "{}",
    "no-stream-id": '{"data":{"sequence":1}}',
    "no-member": f"{{{_ID}}}",
    "two-members": f'{{{_ID},"data":{{}},"credit":{{"frames":1}}}}',
    "unknown-member": f'{{{_ID},"heartbeat":{{}}}}',
    "unknown-union-member": f'{{{_ID},"unknown":{{"tag":6}}}}',
    "unknown-field-outside": f'{{{_ID},"data":{{}},"more":1}}',
    "unknown-field-in-open": f'{{{_ID},"open":{{"deadline":1}}}}',
    "unknown-field-in-data": f'{{{_ID},"data":{{"payloads":""}}}}',
    "unknown-field-in-error": f'{{{_ID},"error":{{"reason":"idle"}}}}',
    "unknown-field-in-close": f'{{{_ID},"close":{{"sequence":1}}}}',
    "unknown-field-in-cancel": f'{{{_ID},"cancel":{{"code":"internal"}}}}',
    "unknown-field-in-credit": f'{{{_ID},"credit":{{"frame":1}}}}',
    "field-of-the-schema-name": f'{{{_ID},"open":{{"initialCredit":1}}}}',
    "member-is-null": f'{{{_ID},"data":null}}',
    "member-is-text": f'{{{_ID},"data":"00"}}',
    "member-is-array": f'{{{_ID},"data":[]}}',
    "stream-id-is-number": '{"stream_id":1,"data":{}}',
    "stream-id-upper-case": f'{{"stream_id":"{ID.upper()}","data":{{}}}}',
    "stream-id-not-hex": f'{{"stream_id":"{ID[:-1]}g","data":{{}}}}',
    "stream-id-odd": f'{{"stream_id":"{ID[:-1]}","data":{{}}}}',
    "stream-id-with-dashes": '{"stream_id":"018f3c5e-7d2a-7b4c-9e1f-0a2b3c4d5e6f","data":{}}',
    "payload-odd": f'{{{_ID},"data":{{"payload":"abc"}}}}',
    "payload-not-hex": f'{{{_ID},"data":{{"payload":"zz"}}}}',
    "payload-upper-case": f'{{{_ID},"data":{{"payload":"AB"}}}}',
    "payload-prefixed": f'{{{_ID},"data":{{"payload":"0xab"}}}}',
    "payload-with-space": f'{{{_ID},"data":{{"payload":"ab cd"}}}}',
    "payload-is-array": f'{{{_ID},"data":{{"payload":[1,2]}}}}',
    "details-upper-case": f'{{{_ID},"error":{{"details":"FF"}}}}',
    "context-odd": f'{{{_ID},"open":{{"context":"0"}}}}',
    "context-is-object": f'{{{_ID},"open":{{"context":{{}}}}}}',
    "sequence-is-text": f'{{{_ID},"data":{{"sequence":"1"}}}}',
    "sequence-negative": f'{{{_ID},"data":{{"sequence":-1}}}}',
    "sequence-fraction": f'{{{_ID},"data":{{"sequence":1.5}}}}',
    "sequence-65-bits": f'{{{_ID},"data":{{"sequence":18446744073709551616}}}}',
    "sequence-is-null": f'{{{_ID},"data":{{"sequence":null}}}}',
    "sequence-is-true": f'{{{_ID},"data":{{"sequence":true}}}}',
    "sequence-leading-zero": f'{{{_ID},"data":{{"sequence":01}}}}',
    "final-sequence-65-bits": f'{{{_ID},"close":{{"final_sequence":18446744073709551616}}}}',
    "credit-33-bits": f'{{{_ID},"credit":{{"frames":4294967296}}}}',
    "initial-credit-33-bits": f'{{{_ID},"open":{{"initial_credit":4294967296}}}}',
    "credit-is-text": f'{{{_ID},"credit":{{"frames":"5"}}}}',
    "kind-unknown-name": f'{{{_ID},"open":{{"interaction":"duplex"}}}}',
    "kind-in-snake-case": f'{{{_ID},"open":{{"interaction":"bidi_stream"}}}}',
    "kind-17-bits": f'{{{_ID},"open":{{"interaction":65536}}}}',
    "code-unknown-name": f'{{{_ID},"error":{{"code":"userRequested"}}}}',
    "code-empty-name": f'{{{_ID},"error":{{"code":""}}}}',
    "code-negative": f'{{{_ID},"error":{{"code":-1}}}}',
    "close-reason-unknown-name": f'{{{_ID},"close":{{"reason":"Completed"}}}}',
    "close-reason-17-bits": f'{{{_ID},"close":{{"reason":65536}}}}',
    "close-reason-number-as-text": f'{{{_ID},"close":{{"reason":"1"}}}}',
    "cancel-reason-unknown-name": f'{{{_ID},"cancel":{{"reason":"completed"}}}}',
    "cancel-reason-is-null": f'{{{_ID},"cancel":{{"reason":null}}}}',
    "message-is-number": f'{{{_ID},"cancel":{{"message":1}}}}',
    "message-is-null": f'{{{_ID},"error":{{"message":null}}}}',
    "message-raw-tab": f'{{{_ID},"error":{{"message":"a\tb"}}}}',
    "message-bad-escape": f'{{{_ID},"error":{{"message":"\\x41"}}}}',
    "message-not-closed": f'{{{_ID},"error":{{"message":"a}}}}',
}

CONTEXT_LINES = {
    "empty-line": "",
    "not-json": "anonymous",
    "cut": '{"source_module":"m"',
    "field-twice": '{"trace_flags":1,"trace_flags":1}',
    "array": "[]",
    "null": "null",
    "unknown-field": '{"tenant":"acme"}',
    "frame-given": f'{{{_ID},"data":{{}}}}',
    "correlation-id-upper-case": '{"correlation_id":"4BF92F3577B34DA6A3CE929D0E0E4736"}',
    "correlation-id-odd": '{"correlation_id":"4bf92f3577b34da6a3ce929d0e0e473"}',
    "correlation-id-is-number": '{"correlation_id":1}',
    "span-id-not-hex": '{"span_id":"00f067aa0ba902bx"}',
    "parent-span-id-upper-case": '{"parent_span_id":"B7AD6B7169203331"}',
    "deadline-is-text": '{"deadline_ms":"1790000000000"}',
    "deadline-negative": '{"deadline_ms":-1}',
    "deadline-65-bits": '{"deadline_ms":18446744073709551616}',
    "trace-flags-9-bits": '{"trace_flags":256}',
    "trace-flags-negative": '{"trace_flags":-1}',
    "trace-flags-is-text": '{"trace_flags":"01"}',
    "source-module-is-number": '{"source_module":1}',
    "source-module-is-null": '{"source_module":null}',
    "target-is-text": '{"target":"echo"}',
    "target-empty": '{"target":{}}',
    "target-two-members": '{"target":{"service":"a","module":"b"}}',
    "target-unknown-name": '{"target":{"queue":"a"}}',
    "target-unknown-member": '{"target":{"unknown":{"tag":5}}}',
    "target-schema-name": '{"target":{"dynamicEndpoint":"a"}}',
    "target-service-is-number": '{"target":{"service":1}}',
    "target-reply-upper-case": '{"target":{"reply":"A0A1A2A3A4A5A6A7A8A9AAABACADAEAF"}}',
    "target-reply-not-hex": '{"target":{"reply":"zz"}}',
    "actor-is-text": '{"actor":"alice"}',
    "actor-unknown-field": '{"actor":{"name":"alice"}}',
    "subject-is-text": '{"actor":{"subject":"alice"}}',
    "subject-empty": '{"actor":{"subject":{}}}',
    "subject-two-members": '{"actor":{"subject":{"operator":"a","system":true}}}',
    "subject-unknown-name": '{"actor":{"subject":{"root":true}}}',
    "subject-unknown-member": '{"actor":{"subject":{"unknown":{"tag":4}}}}',
    "subject-system-is-text": '{"actor":{"subject":{"system":"yes"}}}',
    "subject-operator-is-true": '{"actor":{"subject":{"operator":true}}}',
    "token-ref-odd": '{"actor":{"token_ref":"abc"}}',
    "token-ref-upper-case": '{"actor":{"token_ref":"AB"}}',
    "token-ref-in-camel-case": '{"actor":{"tokenRef":"ab"}}',
    "capabilities-is-text": '{"actor":{"capabilities":"*"}}',
    "capabilities-is-object": '{"actor":{"capabilities":{"fs":true}}}',
    "capabilities-of-numbers": '{"actor":{"capabilities":[1]}}',
    "capabilities-with-null": '{"actor":{"capabilities":["a",null]}}',
    "capabilities-outside-actor": '{"capabilities":["*"]}',
    "metadata-is-array": '{"metadata":[["a","b"]]}',
    "metadata-of-numbers": '{"metadata":{"a":1}}',
    "metadata-of-null": '{"metadata":{"a":null}}',
    "metadata-of-objects": '{"metadata":{"a":{"b":"c"}}}',
}


def json_refused() -> Iterator[Refusal]:
    """Gives every refusal of a line that is not the text form."""
    lines: tuple[tuple[MessageType, dict[str, str]], ...] = (
        ("frame", FRAME_LINES),
        ("context", CONTEXT_LINES),
    )
    for type_, named in lines:
        for name, text in named.items():
            yield Refusal(f"{type_}/json/{name}", type_, "encode", "BadJson", line=text)
    name, twice = "context/json/metadata-key-twice", '{"metadata":{"a":"1","b":"2","a":"1"}}'
    yield Refusal(name, "context", "encode", "DuplicateKey", line=twice)
