/* The lines that flatten.py writes: words, hex, frames and contexts. */
#ifndef LINES_H
#define LINES_H

#include "check.h"

typedef struct {
    uint8_t *data;
    size_t length;
} bytes_t;

/* All that one item needs, given back at its end. */
static void *held[8192];
static size_t held_count;

static inline void *hold(size_t size) {
    void *memory = calloc(1, size ? size : 1);
    if (!memory || held_count == sizeof held / sizeof *held) {
        fprintf(stderr, "out of memory\n");
        exit(2);
    }
    return held[held_count++] = memory;
}

static inline void release(void) {
    while (held_count) {
        free(held[--held_count]);
    }
}

static inline int digit(char c) {
    return c >= 'a' ? c - 'a' + 10 : c - '0';
}

/* Hex up to a blank or the end. The block is as large as its bytes, so that reading past it shows. */
static inline bytes_t hex(const char *word) {
    size_t digits = strcspn(word, " ");
    bytes_t out = {NULL, digits / 2};
    out.data = hold(out.length);
    for (size_t i = 0; i < out.length; i++) {
        out.data[i] = (uint8_t)(digit(word[2 * i]) << 4 | digit(word[2 * i + 1]));
    }
    return out;
}

static inline char *to_hex(const uint8_t *data, size_t length) {
    char *out = hold(2 * length + 1);
    for (size_t i = 0; i < length; i++) {
        static const char digits[] = "0123456789abcdef";
        out[2 * i] = digits[data[i] >> 4];
        out[2 * i + 1] = digits[data[i] & 15];
    }
    return out;
}

/* The word after this one; empty where there is none. */
static inline const char *next_word(const char *word) {
    word += strcspn(word, " ");
    return *word ? word + 1 : word;
}

static inline bool same(bytes_t want, const uint8_t *input, ixt_span_t place) {
    return want.length == place.length && (want.length == 0 || memcmp(want.data, input + place.offset, want.length) == 0);
}

static inline ixt_slice_t slice(bytes_t bytes) {
    return (ixt_slice_t){bytes.data, bytes.length};
}

/* One line, without its end; NULL at the end of the input. */
static inline char *read_line(void) {
    static char *line;
    static size_t room;
    ssize_t length = getline(&line, &room, stdin);
    if (length < 0) {
        free(line);
        line = NULL;
        return NULL;
    }
    line[strcspn(line, "\n")] = 0;
    return line;
}

/* The words after `key` and a blank, where the line begins with it; else NULL. */
static inline const char *after(const char *line, const char *key) {
    size_t length = strlen(key);
    if (strncmp(line, key, length) != 0) {
        return NULL;
    }
    return line[length] == ' ' ? line + length + 1 : line[length] ? NULL : line + length;
}

/* -- frames ------------------------------------------------------------------------------------- */

typedef struct {
    bytes_t id, context, payload, message, details;
    uint16_t kind, tag, interaction, code, reason;
    uint32_t credit;
    uint64_t sequence;
} frame_t;

/* Takes a line such as `credit 3`; false where it is of no frame. */
static inline bool frame_line(frame_t *frame, const char *line) {
    const char *words;
    if (after(line, "new")) {
        memset(frame, 0, sizeof *frame);
    } else if ((words = after(line, "id"))) {
        frame->id = hex(words);
    } else if ((words = after(line, "kind"))) {
        frame->kind = (uint16_t)atoi(words);
    } else if ((words = after(line, "tag"))) {
        frame->tag = (uint16_t)atoi(words);
    } else if ((words = after(line, "interaction"))) {
        frame->interaction = (uint16_t)atoi(words);
    } else if ((words = after(line, "credit"))) {
        frame->credit = (uint32_t)strtoul(words, NULL, 10);
    } else if ((words = after(line, "sequence"))) {
        frame->sequence = strtoull(words, NULL, 10);
    } else if ((words = after(line, "code"))) {
        frame->code = (uint16_t)atoi(words);
    } else if ((words = after(line, "reason"))) {
        frame->reason = (uint16_t)atoi(words);
    } else if ((words = after(line, "context"))) {
        frame->context = hex(words);
    } else if ((words = after(line, "payload"))) {
        frame->payload = hex(words);
    } else if ((words = after(line, "details"))) {
        frame->details = hex(words);
    } else if ((words = after(line, "message"))) {
        frame->message = hex(words);
    } else {
        return false;
    }
    return true;
}

/* Encodes by the constructors; of a kind of a later schema, four words by hand. */
static inline ixt_status_t frame_encode(const frame_t *f, size_t max_payload, uint8_t *out, size_t capacity, size_t *written) {
    uint8_t id[16];
    ixt_error_t error;
    ixt_status_t status = ixt_stream_id_read(f->id.data, f->id.length, id, &error);
    if (status != IXT_OK) {
        return status;
    }
    switch (f->kind) {
    case IXT_FRAME_OPEN:
        return ixt_open_encode(id, f->interaction, f->credit, f->context.data, f->context.length, out, capacity, written);
    case IXT_FRAME_DATA:
        return ixt_data_encode(id, f->sequence, f->payload.data, f->payload.length, max_payload, out, capacity, written);
    case IXT_FRAME_ERROR:
        return ixt_error_encode(id, f->code, f->sequence, f->message.data, f->message.length, f->details.data,
                                f->details.length, out, capacity, written);
    case IXT_FRAME_CLOSE:
        return ixt_close_encode(id, f->reason, f->sequence, out, capacity, written);
    case IXT_FRAME_CANCEL:
        return ixt_cancel_encode(id, f->reason, f->message.data, f->message.length, out, capacity, written);
    case IXT_FRAME_CREDIT:
        return ixt_credit_encode(id, f->credit, out, capacity, written);
    default:
        memset(out, 0, 48);
        out[4] = 5;
        out[12] = 4;
        for (int i = 0; i < 8; i++) {
            out[16 + i] = id[7 - i];
            out[24 + i] = id[15 - i];
        }
        out[40] = (uint8_t)f->tag;
        out[41] = (uint8_t)(f->tag >> 8);
        *written = 48;
        return IXT_OK;
    }
}

/* Whether a decoded frame is this one; its message is not compared where `any_message`. */
static inline bool frame_is(const frame_t *want, const ixt_frame_t *got, const uint8_t *input, bool any_message) {
    uint16_t tag = want->kind == IXT_FRAME_UNKNOWN ? want->tag : want->kind;
    return want->id.length == 16 && memcmp(want->id.data, got->stream_id, 16) == 0 && want->kind == got->kind &&
           tag == got->tag && want->interaction == got->interaction && want->code == got->code &&
           want->reason == got->reason && got->reserved == 0 && want->credit == got->credit &&
           want->sequence == got->sequence && same(want->context, input, got->context) &&
           same(want->payload, input, got->payload) && same(want->details, input, got->details) &&
           (any_message || same(want->message, input, got->message));
}

/* -- contexts ----------------------------------------------------------------------------------- */

enum { MOST = 200 }; /* more than a context may have, for what is refused */

typedef struct {
    bytes_t correlation_id, span_id, parent_span_id, source_module, subject, target, token_ref;
    uint16_t subject_kind, subject_tag, target_kind, target_tag;
    uint8_t trace_flags;
    uint64_t deadline_ms;
    bytes_t capabilities[MOST], keys[MOST], values[MOST];
    size_t capability_count, metadata_count;
} context_t;

static inline bool context_line(context_t *context, const char *line) {
    const char *words;
    if (after(line, "new")) {
        memset(context, 0, sizeof *context);
    } else if ((words = after(line, "correlation_id"))) {
        context->correlation_id = hex(words);
    } else if ((words = after(line, "span_id"))) {
        context->span_id = hex(words);
    } else if ((words = after(line, "parent_span_id"))) {
        context->parent_span_id = hex(words);
    } else if ((words = after(line, "deadline_ms"))) {
        context->deadline_ms = strtoull(words, NULL, 10);
    } else if ((words = after(line, "trace_flags"))) {
        context->trace_flags = (uint8_t)atoi(words);
    } else if ((words = after(line, "source_module"))) {
        context->source_module = hex(words);
    } else if ((words = after(line, "subject_kind"))) {
        context->subject_kind = (uint16_t)atoi(words);
    } else if ((words = after(line, "subject_tag"))) {
        context->subject_tag = (uint16_t)atoi(words);
    } else if ((words = after(line, "subject"))) {
        context->subject = hex(words);
    } else if ((words = after(line, "target_kind"))) {
        context->target_kind = (uint16_t)atoi(words);
    } else if ((words = after(line, "target_tag"))) {
        context->target_tag = (uint16_t)atoi(words);
    } else if ((words = after(line, "target"))) {
        context->target = hex(words);
    } else if ((words = after(line, "token_ref"))) {
        context->token_ref = hex(words);
    } else if ((words = after(line, "capability"))) {
        context->capabilities[context->capability_count++] = hex(words);
    } else if ((words = after(line, "metadata"))) {
        context->keys[context->metadata_count] = hex(words);
        context->values[context->metadata_count++] = hex(next_word(words));
    } else {
        return false;
    }
    return true;
}

static inline ixt_status_t context_encode(const context_t *c, uint8_t *out, size_t capacity, size_t *written) {
    ixt_slice_t capabilities[MOST];
    ixt_entry_t metadata[MOST];
    ixt_context_value_t value = {
        .deadline_ms = c->deadline_ms,
        .subject_kind = c->subject_kind,
        .target_kind = c->target_kind,
        .trace_flags = c->trace_flags,
        .source_module = slice(c->source_module),
        .subject = slice(c->subject),
        .target = slice(c->target),
        .token_ref = slice(c->token_ref),
        .capabilities = capabilities,
        .capability_count = c->capability_count,
        .metadata = metadata,
        .metadata_count = c->metadata_count,
    };
    ixt_error_t error;
    ixt_status_t status = IXT_OK;
    if (status == IXT_OK && c->correlation_id.data) {
        status = ixt_correlation_id_read(c->correlation_id.data, c->correlation_id.length, value.correlation_id, &error);
    }
    if (status == IXT_OK && c->span_id.data) {
        status = ixt_span_id_read(c->span_id.data, c->span_id.length, value.span_id, &error);
    }
    if (status == IXT_OK && c->parent_span_id.data) {
        status = ixt_span_id_read(c->parent_span_id.data, c->parent_span_id.length, value.parent_span_id, &error);
    }
    if (status != IXT_OK) {
        return status;
    }
    for (size_t i = 0; i < c->capability_count; i++) {
        capabilities[i] = slice(c->capabilities[i]);
    }
    for (size_t i = 0; i < c->metadata_count; i++) {
        metadata[i] = (ixt_entry_t){slice(c->keys[i]), slice(c->values[i])};
    }
    return ixt_context_encode(&value, out, capacity, written, &error);
}

static inline bool same_id(bytes_t want, const uint8_t *got, size_t length) {
    static const uint8_t none[16];
    return memcmp(want.data ? want.data : none, got, length) == 0;
}

static inline bool context_is(const context_t *want, const ixt_context_view_t *got, const uint8_t *input) {
    uint16_t subject_tag = want->subject_kind == IXT_SUBJECT_UNKNOWN ? want->subject_tag : want->subject_kind;
    uint16_t target_tag = want->target_kind == IXT_TARGET_UNKNOWN ? want->target_tag : want->target_kind;
    bool reply = want->target_kind == IXT_TARGET_REPLY;
    bool is = same_id(want->correlation_id, got->correlation_id, 16) && same_id(want->span_id, got->span_id, 8) &&
              same_id(want->parent_span_id, got->parent_span_id, 8) && want->deadline_ms == got->deadline_ms &&
              want->trace_flags == got->trace_flags && want->subject_kind == got->subject_kind &&
              subject_tag == got->subject_tag && want->target_kind == got->target_kind &&
              target_tag == got->target_tag && same(want->source_module, input, got->source_module) &&
              same(want->subject, input, got->subject) && same(want->token_ref, input, got->token_ref) &&
              (reply ? same_id(want->target, got->reply, 16) : same(want->target, input, got->target)) &&
              want->capability_count == got->capability_count && want->metadata_count == got->metadata_count;
    for (size_t i = 0; is && i < want->capability_count; i++) {
        is = same(want->capabilities[i], input, got->capabilities[i]);
    }
    for (size_t i = 0; is && i < want->metadata_count; i++) {
        is = same(want->keys[i], input, got->metadata[i].key) && same(want->values[i], input, got->metadata[i].value);
    }
    return is;
}

#endif
