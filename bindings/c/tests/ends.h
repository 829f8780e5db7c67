/* Ends of connections for tests: what each was told, in copies. */
#ifndef ENDS_H
#define ENDS_H

#include "check.h"

#define IS_NULL(call) IS(call, IXT_ERR_NULL_POINTER)
#define TEXT(text) ((const uint8_t *)(text)), (sizeof(text) - 1)
#define NOW_US UINT64_C(1790000000000000)

/* Fresh ids, from a number. */
static inline const uint8_t *fresh(void) {
    static uint8_t id[16];
    static uint32_t next = 1;
    memset(id, 0xb6, sizeof id);
    memcpy(id + 8, &next, sizeof next);
    next++;
    return id;
}

/* One end, with what it was told since the last time; payloads and texts are copied. */
typedef struct {
    ixt_connection_t *connection;
    struct {
        ixt_connection_event_t event;
        uint8_t bytes[64];
        uint8_t details[64];
    } told[256];
    size_t count;
    /* How many events one call may give. */
    size_t capacity;
} end_t;

static inline void tell(end_t *end, const ixt_connection_event_t *events, size_t count) {
    for (size_t i = 0; i < count; i++) {
        CHECK(end->count < 256);
        end->told[end->count].event = events[i];
        size_t length = events[i].length < 64 ? events[i].length : 64;
        if (length > 0) {
            memcpy(end->told[end->count].bytes, events[i].data, length);
        }
        if (events[i].details_length > 0) {
            memcpy(end->told[end->count].details, events[i].details, events[i].details_length);
        }
        end->count++;
    }
}

static inline void receive(end_t *end, const uint8_t *bytes, size_t length, uint64_t now_us) {
    ixt_connection_event_t events[64];
    size_t count, consumed;
    bool more;
    do {
        /* In a block of its own: what reads past it, or later, is found. */
        uint8_t *block = malloc(length ? length : 1);
        memcpy(block, bytes, length);
        OK(ixt_connection_receive(end->connection, block, length, now_us, events, end->capacity, &count, &consumed, &more));
        tell(end, events, count);
        free(block);
        bytes += consumed;
        length -= consumed;
    } while (more);
    CHECK(length == 0);
}

static inline void drain_events(end_t *end) {
    ixt_connection_event_t events[64];
    size_t count;
    do {
        OK(ixt_connection_poll_events(end->connection, events, end->capacity, &count));
        tell(end, events, count);
    } while (count == end->capacity);
}

static inline const ixt_connection_event_t *find(end_t *end, uint16_t kind) {
    for (size_t i = 0; i < end->count; i++) {
        if (end->told[i].event.kind == kind) {
            return &end->told[i].event;
        }
    }
    CHECK(!"the event");
    static const ixt_connection_event_t none;
    return &none;
}

/* Says who a module is, with one service of its own name, on a stream that it gives. */
static inline uint64_t announce(end_t *end, ixt_slice_t name) {
    uint8_t context[64], message[256];
    size_t context_length, length;
    uint64_t stream;
    ixt_context_value_t value = {.target_kind = IXT_TARGET_SERVICE, .target = IXT_TEXT("ixt.host")};
    OK(ixt_context_encode(&value, context, sizeof context, &context_length, NULL));
    ixt_service_offer_t service = {.name = name};
    ixt_announce_t announced = {.module = name, .services = &service, .service_count = 1};
    OK(ixt_host_announce_encode(&announced, message, sizeof message, &length, NULL));
    OK(ixt_connection_open(end->connection, fresh(), IXT_INTERACTION_BIDI_STREAM, context, context_length, &stream, NULL));
    OK(ixt_connection_try_send(end->connection, stream, message, length));
    end->count = 0;
    return stream;
}

/* The host has accepted it, and said nothing else. */
static inline void accepted(end_t *end) {
    const ixt_connection_event_t *said = find(end, IXT_EVENT_DATA);
    ixt_host_answer_t answer = {0};
    OK(ixt_host_answer_decode(end->told[0].bytes, said->length, &answer, NULL, 0));
    CHECK(answer.kind == IXT_HOST_ACCEPTED);
    end->count = 0;
}

#endif
