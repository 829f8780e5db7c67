/* Replays the test vectors: flatten.py vectors FOLDER | vectors. */
#include "lines.h"

enum { ALSO = 64, PATTERNS = 300 };

static struct {
    bool frame, unknown, expect, has_trace;
    char op[24], error[32];
    size_t max_payload;
    frame_t in_frame, is_frame;
    context_t in_context, is_context;
    bytes_t context, method, body;
    bytes_t hex, also[ALSO], patterns[PATTERNS], trace_id, parent_id;
    size_t also_count, pattern_count, parents;
    uint8_t trace_flags;
} item;

static ixt_frame_t frame;
static ixt_context_view_t view;

static ixt_status_t decode(bytes_t bytes, bool canonical) {
    ixt_error_t error;
    if (item.frame) {
        return (canonical ? ixt_frame_decode_canonical : ixt_frame_decode)(bytes.data, bytes.length, item.max_payload,
                                                                           &frame, &error);
    }
    return (canonical ? ixt_context_decode_canonical : ixt_context_decode)(bytes.data, bytes.length, &view, &error);
}

/* Encodes what was decoded last from `bytes`. */
static ixt_status_t encode_again(bytes_t bytes, uint8_t *out, size_t capacity, size_t *written) {
    ixt_error_t error;
    if (item.frame) {
        return ixt_frame_encode(&frame, bytes.data, bytes.length, item.max_payload, out, capacity, written, &error);
    }
    return ixt_context_view_encode(&view, bytes.data, bytes.length, out, capacity, written, &error);
}

static ixt_status_t encode_in(uint8_t *out, size_t capacity, size_t *written) {
    return item.frame ? frame_encode(&item.in_frame, item.max_payload, out, capacity, written)
                      : context_encode(&item.in_context, out, capacity, written);
}

static bool decoded_is(const uint8_t *input) {
    return item.frame ? frame_is(&item.is_frame, &frame, input, false) : context_is(&item.is_context, &view, input);
}

static bool is_hex(const uint8_t *out, size_t written) {
    return written == item.hex.length && memcmp(out, item.hex.data, written) == 0;
}

/* The same bytes at another alignment, in a block that ends with them. */
static bytes_t shifted(bytes_t bytes, size_t by) {
    uint8_t *block = hold(bytes.length + by);
    memcpy(block + by, bytes.data, bytes.length);
    return (bytes_t){block + by, bytes.length};
}

static void run_value(void) {
    size_t written = 0, needed = 0;
    size_t room = item.hex.length;
    uint8_t *out = hold(room);
    item.max_payload = IXT_MAX_PAYLOAD;

    if (!item.unknown) {
        OK(encode_in(out, room, &written));
        CHECK(is_hex(out, written));
        IS(encode_in(out, room - 1, &needed), IXT_ERR_BUFFER_TOO_SMALL);
        CHECK(needed == room);
        OK(decode(item.hex, true));
    }
    size_t alignments = room > 100000 ? 2 : 8;
    for (size_t by = 0; by < alignments; by++) {
        bytes_t bytes = shifted(item.hex, by);
        OK(decode(bytes, false));
        CHECK(decoded_is(bytes.data));
        memset(out, 0xa5, room);
        OK(encode_again(bytes, out, room, &written));
        CHECK(is_hex(out, written));
    }
    for (size_t i = 0; i < item.also_count; i++) {
        OK(decode(item.also[i], false));
        CHECK(decoded_is(item.also[i].data));
        memset(out, 0xa5, room);
        OK(encode_again(item.also[i], out, room, &written));
        CHECK(is_hex(out, written));
        IS(decode(item.also[i], true), IXT_ERR_NOT_CANONICAL);
    }
    if (item.frame && room < 100000) {
        ixt_error_t error;
        size_t count = 0, consumed = 0, encoded = 0;
        OK(ixt_frame_decode_batch(item.hex.data, item.hex.length, item.max_payload, &frame, 1, &count, &consumed, &error));
        CHECK(count == 1 && consumed == item.hex.length && decoded_is(item.hex.data));
        OK(ixt_frame_encoded_length(&frame, item.hex.data, item.hex.length, &needed, &error));
        CHECK(needed == room);
        OK(ixt_frame_encode_batch(&frame, 1, item.hex.data, item.hex.length, item.max_payload, out, room, &encoded,
                                  &written, &error));
        CHECK(encoded == 1 && is_hex(out, written));
    }
}

static void run_refusal(void) {
    ixt_status_t status;
    if (strcmp(item.op, "encode") == 0) {
        static uint8_t out[1 << 16];
        size_t written = SIZE_MAX;
        status = encode_in(out, sizeof out, &written);
        CHECK(written == SIZE_MAX);
    } else {
        memset(&frame, 0xa5, sizeof frame);
        memset(&view, 0xa5, sizeof view);
        status = decode(item.hex, strcmp(item.op, "decode") != 0);
        const uint8_t *poison = item.frame ? (const uint8_t *)&frame : (const uint8_t *)&view;
        size_t size = item.frame ? sizeof frame : sizeof view;
        bool untouched = true;
        for (size_t i = 0; i < size; i++) {
            untouched = untouched && poison[i] == 0xa5;
        }
        CHECK(untouched);
    }
    if (!CHECK(strcmp(ixt_status_name(status), item.error) == 0)) {
        fprintf(stderr, "  got %s, want %s\n", ixt_status_name(status), item.error);
    }
}

static ixt_status_t payload_encode(uint8_t *out, size_t capacity, size_t *written) {
    ixt_error_t error;
    return ixt_handle_payload_encode(item.context.data, item.context.length, item.method.data, item.method.length,
                                     item.body.data, item.body.length, item.max_payload, out, capacity, written, &error);
}

static void payload_is(bytes_t bytes) {
    static uint8_t context[IXT_MAX_CONTEXT];
    ixt_handle_payload_t payload;
    size_t written = 0;
    OK(ixt_handle_payload_decode(bytes.data, bytes.length, item.max_payload, &payload, context, sizeof context, &written,
                                 NULL));
    CHECK(written == item.context.length && memcmp(context, item.context.data, written) == 0);
    CHECK(same(item.method, bytes.data, payload.method) && same(item.body, bytes.data, payload.body));
    memset(&payload, 0xa5, sizeof payload);
    OK(ixt_handle_payload_accept(bytes.data, bytes.length, item.context.data, item.context.length, item.max_payload,
                                 &payload, NULL));
    CHECK(same(item.method, bytes.data, payload.method) && same(item.body, bytes.data, payload.body));
}

/* True for a value, false for a refusal. */
static bool run_payload(void) {
    size_t written = 0, needed = 0;
    ixt_status_t status;
    if (strcmp(item.op, "value") == 0) {
        size_t room = item.hex.length;
        uint8_t *out = hold(room);
        OK(payload_encode(out, room, &written));
        CHECK(is_hex(out, written));
        IS(payload_encode(out, room - 1, &needed), IXT_ERR_BUFFER_TOO_SMALL);
        CHECK(needed == room);
        for (size_t by = 0; by < 8; by++) {
            payload_is(shifted(item.hex, by));
        }
        for (size_t i = 0; i < item.also_count; i++) {
            payload_is(item.also[i]);
        }
        return true;
    }
    if (strcmp(item.op, "encode") == 0) {
        static uint8_t out[1 << 16];
        status = payload_encode(out, sizeof out, &written);
        CHECK(written == 0);
    } else {
        ixt_handle_payload_t payload, before;
        memset(&payload, 0xa5, sizeof payload);
        memcpy(&before, &payload, sizeof payload);
        status = ixt_handle_payload_decode(item.hex.data, item.hex.length, item.max_payload, &payload, NULL, 0, &written,
                                           NULL);
        CHECK(written == 0 && memcmp(&before, &payload, sizeof payload) == 0);
    }
    if (!CHECK(strcmp(ixt_status_name(status), item.error) == 0)) {
        fprintf(stderr, "  got %s, want %s\n", ixt_status_name(status), item.error);
    }
    return false;
}

static void run_covers(void) {
    bool covered = !item.expect;
    OK(ixt_capability_covers(item.patterns[0].data, item.patterns[0].length, item.patterns[1].data,
                             item.patterns[1].length, &covered));
    CHECK(covered == item.expect);
}

static void run_attenuates(void) {
    ixt_slice_t patterns[PATTERNS];
    bool within = !item.expect;
    size_t children = item.pattern_count - item.parents;
    for (size_t i = 0; i < item.pattern_count; i++) {
        patterns[i] = slice(item.patterns[i]);
    }
    OK(ixt_capabilities_attenuate(patterns, item.parents, patterns + item.parents, children, &within));
    CHECK(within == item.expect);
    if (item.parents == 1 && children == 1) {
        within = !item.expect;
        OK(ixt_capability_attenuates(patterns[0].data, patterns[0].length, patterns[1].data, patterns[1].length, &within));
        CHECK(within == item.expect);
    }
}

static void run_traceparent(void) {
    ixt_traceparent_t read;
    bool found = !item.expect;
    OK(ixt_traceparent_read(item.patterns[0].data, item.patterns[0].length, &read, &found));
    CHECK(found == item.expect);
    if (found && item.has_trace) {
        CHECK(memcmp(read.correlation_id, item.trace_id.data, 16) == 0);
        CHECK(memcmp(read.span_id, item.parent_id.data, 8) == 0);
        CHECK(read.trace_flags == item.trace_flags);
    }
}

int main(void) {
    unsigned long values = 0, refused = 0, rules = 0, payloads = 0, payloads_refused = 0;
    char name[512];
    for (char *line; (line = read_line());) {
        const char *words;
        if ((words = after(line, "begin"))) {
            release();
            memset(&item, 0, sizeof item);
            snprintf(name, sizeof name, "%s", words);
            about = name;
        } else if ((words = after(line, "type"))) {
            item.frame = strcmp(words, "frame") == 0;
        } else if ((words = after(line, "unknown"))) {
            item.unknown = atoi(words);
        } else if ((words = after(line, "op"))) {
            snprintf(item.op, sizeof item.op, "%s", words);
        } else if ((words = after(line, "error"))) {
            snprintf(item.error, sizeof item.error, "%s", words);
        } else if ((words = after(line, "max_payload"))) {
            item.max_payload = strtoull(words, NULL, 10);
        } else if ((words = after(line, "payload.context"))) {
            item.context = hex(words);
        } else if ((words = after(line, "payload.method"))) {
            item.method = hex(words);
        } else if ((words = after(line, "payload.body"))) {
            item.body = hex(words);
        } else if ((words = after(line, "hex"))) {
            item.hex = hex(words);
        } else if ((words = after(line, "also"))) {
            item.also[item.also_count++] = hex(words);
        } else if ((words = after(line, "pattern"))) {
            item.patterns[item.pattern_count++] = hex(words);
        } else if ((words = after(line, "parents"))) {
            item.parents = strtoull(words, NULL, 10);
        } else if ((words = after(line, "expect"))) {
            item.expect = atoi(words);
        } else if ((words = after(line, "trace"))) {
            item.has_trace = true;
            item.trace_id = hex(words);
            item.parent_id = hex(next_word(words));
            item.trace_flags = (uint8_t)atoi(next_word(next_word(words)));
        } else if (strncmp(line, "in.", 3) == 0) {
            CHECK(item.frame ? frame_line(&item.in_frame, line + 3) : context_line(&item.in_context, line + 3));
        } else if (strncmp(line, "is.", 3) == 0) {
            CHECK(item.frame ? frame_line(&item.is_frame, line + 3) : context_line(&item.is_context, line + 3));
        } else if (strcmp(line, "run value") == 0) {
            run_value();
            values++;
        } else if (strcmp(line, "run refusal") == 0) {
            run_refusal();
            refused++;
        } else if (strcmp(line, "run payload") == 0) {
            *(run_payload() ? &payloads : &payloads_refused) += 1;
        } else if (strcmp(line, "run covers") == 0) {
            run_covers();
            rules++;
        } else if (strcmp(line, "run attenuates") == 0) {
            run_attenuates();
            rules++;
        } else if (strcmp(line, "run traceparent") == 0) {
            run_traceparent();
            rules++;
        } else {
            fprintf(stderr, "a line that is not understood: %.80s\n", line);
            return 2;
        }
    }
    release();
    about = "";
    printf("vectors: %lu values, %lu refused; and %lu rules\n", values, refused, rules);
    printf("payloads: %lu values, %lu refused\n", payloads, payloads_refused);
    CHECK(values > 0 && refused > 0 && rules > 0 && payloads > 0 && payloads_refused > 0);
    return summary("C vectors");
}
