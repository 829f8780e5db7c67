/* Connections and the host, from C: NULL for every pointer, outputs that stay as they are on failure, the rules of
 * each function, and conversations in which bytes come in pieces of every size and events one at a time. */
#include "ends.h"

/* Passes all bytes both ways, in pieces of so many. */
static void pass_at(end_t *a, end_t *b, size_t piece, uint64_t now_us) {
    end_t *ends[2] = {a, b};
    bool quiet = false;
    uint8_t *out = malloc(64 << 10);
    while (!quiet) {
        quiet = true;
        for (int i = 0; i < 2; i++) {
            size_t filled;
            drain_events(ends[i]);
            OK(ixt_connection_poll_transmit(ends[i]->connection, out, 64 << 10, &filled));
            for (size_t at = 0; at < filled; at += piece) {
                quiet = false;
                receive(ends[!i], out + at, filled - at < piece ? filled - at : piece, now_us);
            }
        }
    }
    free(out);
}

static void pass(end_t *a, end_t *b) { pass_at(a, b, 1 << 20, NOW_US); }

static void start(end_t *a, end_t *b, const ixt_connection_config_t *config, size_t capacity, size_t piece) {
    memset(a, 0, sizeof *a);
    memset(b, 0, sizeof *b);
    a->capacity = b->capacity = capacity;
    OK(ixt_connection_new(config, fresh(), NOW_US, &a->connection, NULL));
    OK(ixt_connection_new(config, fresh(), NOW_US, &b->connection, NULL));
    pass_at(a, b, piece, NOW_US);
    CHECK(find(a, IXT_EVENT_ESTABLISHED)->credit == 10000 && find(b, IXT_EVENT_ESTABLISHED)->credit == 10000);
    a->count = b->count = 0;
}

static void stop(end_t *a, end_t *b) {
    ixt_connection_free(a->connection);
    ixt_connection_free(b->connection);
}

static void nulls(void) {
    about = "connections: NULL";
    ixt_connection_t *c = NULL;
    ixt_connection_config_t config;
    ixt_connection_event_t events[1];
    uint8_t bytes[64] = {0};
    size_t size = 7, other = 7;
    uint64_t number = 7;
    bool flag = false;
    ixt_connection_free(NULL);
    IS_NULL(ixt_connection_config_init(NULL));
    OK(ixt_connection_config_init(&config));
    IS_NULL(ixt_connection_new(&config, NULL, NOW_US, &c, NULL));
    IS_NULL(ixt_connection_new(&config, fresh(), NOW_US, NULL, NULL));
    CHECK(c == NULL);
    OK(ixt_connection_new(&config, fresh(), NOW_US, &c, NULL));
    IS_NULL(ixt_connection_receive(NULL, bytes, 1, NOW_US, events, 1, &size, &other, &flag));
    IS_NULL(ixt_connection_receive(c, NULL, 1, NOW_US, events, 1, &size, &other, &flag));
    IS_NULL(ixt_connection_receive(c, bytes, 1, NOW_US, NULL, 1, &size, &other, &flag));
    IS_NULL(ixt_connection_receive(c, bytes, 1, NOW_US, events, 1, NULL, &other, &flag));
    IS_NULL(ixt_connection_receive(c, bytes, 1, NOW_US, events, 1, &size, NULL, &flag));
    IS_NULL(ixt_connection_receive(c, bytes, 1, NOW_US, events, 1, &size, &other, NULL));
    IS(ixt_connection_receive(c, bytes, 1, NOW_US, NULL, 0, &size, &other, &flag), IXT_ERR_INVALID_ARGUMENT);
    IS_NULL(ixt_connection_poll_events(NULL, events, 1, &size));
    IS_NULL(ixt_connection_poll_events(c, NULL, 1, &size));
    IS_NULL(ixt_connection_poll_events(c, events, 1, NULL));
    IS_NULL(ixt_connection_poll_transmit(NULL, bytes, 1, &size));
    IS_NULL(ixt_connection_poll_transmit(c, NULL, 1, &size));
    IS_NULL(ixt_connection_poll_transmit(c, bytes, 1, NULL));
    IS_NULL(ixt_connection_drain(NULL, bytes, 1, &size, events, 1, &other, &flag));
    IS_NULL(ixt_connection_drain(c, NULL, 1, &size, events, 1, &other, &flag));
    IS_NULL(ixt_connection_drain(c, bytes, 1, NULL, events, 1, &other, &flag));
    IS_NULL(ixt_connection_drain(c, bytes, 1, &size, NULL, 1, &other, &flag));
    IS_NULL(ixt_connection_drain(c, bytes, 1, &size, events, 1, NULL, &flag));
    IS_NULL(ixt_connection_drain(c, bytes, 1, &size, events, 1, &other, NULL));
    CHECK(size == 7 && other == 7);
    IS_NULL(ixt_connection_has_transmit(NULL, &flag));
    IS_NULL(ixt_connection_has_transmit(c, NULL));
    IS_NULL(ixt_connection_has_ended(NULL, &flag));
    IS_NULL(ixt_connection_has_ended(c, NULL));
    IS_NULL(ixt_connection_transport_ended(NULL));
    IS_NULL(ixt_connection_handle_timeout(NULL, NOW_US));
    IS_NULL(ixt_connection_next_timeout(NULL, &number));
    IS_NULL(ixt_connection_next_timeout(c, NULL));
    IS_NULL(ixt_connection_open(NULL, fresh(), 0, NULL, 0, &number, NULL));
    IS_NULL(ixt_connection_open(c, NULL, 0, NULL, 0, &number, NULL));
    IS_NULL(ixt_connection_open(c, fresh(), 0, NULL, 1, &number, NULL));
    IS_NULL(ixt_connection_open(c, fresh(), 0, NULL, 0, NULL, NULL));
    IS_NULL(ixt_connection_open_send_close(NULL, fresh(), 0, NULL, 0, NULL, 0, &number, NULL));
    IS_NULL(ixt_connection_open_send_close(c, NULL, 0, NULL, 0, NULL, 0, &number, NULL));
    IS_NULL(ixt_connection_open_send_close(c, fresh(), 0, NULL, 0, NULL, 1, &number, NULL));
    IS_NULL(ixt_connection_open_send_close(c, fresh(), 0, NULL, 0, NULL, 0, NULL, NULL));
    IS_NULL(ixt_connection_try_send(NULL, 1, bytes, 1));
    IS_NULL(ixt_connection_try_send(c, 1, NULL, 1));
    IS_NULL(ixt_connection_send_close(NULL, 1, bytes, 1, 1));
    IS_NULL(ixt_connection_send_close(c, 1, NULL, 1, 1));
    IS_NULL(ixt_connection_send_with(NULL, 1, 1, bytes, 1));
    IS_NULL(ixt_connection_send_with(c, 1, 1, NULL, 1));
    IS_NULL(ixt_connection_wait(NULL, 1, &number));
    IS_NULL(ixt_connection_wait(c, 1, NULL));
    IS_NULL(ixt_connection_drop_ticket(NULL, 1, 1));
    IS_NULL(ixt_connection_consume(NULL, 1, 1));
    IS_NULL(ixt_connection_consume_batch(NULL, NULL, 0));
    IS_NULL(ixt_connection_consume_batch(c, NULL, 1));
    OK(ixt_connection_consume_batch(c, NULL, 0));
    IS_NULL(ixt_connection_close(NULL, 1, 1, NULL));
    IS_NULL(ixt_connection_fail(NULL, 1, 1, NULL, 0, NULL, 0, NULL));
    IS_NULL(ixt_connection_fail(c, 1, 1, NULL, 1, NULL, 0, NULL));
    IS_NULL(ixt_connection_fail(c, 1, 1, NULL, 0, NULL, 1, NULL));
    IS_NULL(ixt_connection_cancel(NULL, 1, 1, NULL, 0, NULL));
    IS_NULL(ixt_connection_cancel(c, 1, 1, NULL, 1, NULL));
    IS_NULL(ixt_connection_ping(NULL));
    IS_NULL(ixt_connection_go_away(NULL, 0, NULL, 0));
    IS_NULL(ixt_connection_go_away(c, 0, NULL, 1));
    IS_NULL(ixt_connection_end(NULL, 1, NULL, 0));
    IS_NULL(ixt_connection_end(c, 1, NULL, 1));
    IS_NULL(ixt_connection_stats(NULL, NULL));
    IS_NULL(ixt_connection_stats(c, NULL));
    IS_NULL(ixt_connection_stream_state(NULL, 1, NULL));
    IS_NULL(ixt_connection_stream_state(c, 1, NULL));
    CHECK(number == 7);
    ixt_connection_free(c);
}

static void settings(void) {
    about = "connections: settings";
    ixt_connection_t *c = NULL;
    ixt_connection_config_t config;
    ixt_error_t error;
    OK(ixt_connection_config_init(&config));
    CHECK(config.window == 64 && config.initial_credit == 64 && config.idle_ms == 60000 && config.max_payload == IXT_MAX_PAYLOAD);
    CHECK(config.max_queued == 16 << 20 && config.software.length == 0);
    config.initial_credit = 65;
    IS(ixt_connection_new(&config, fresh(), NOW_US, &c, &error), IXT_ERR_INVALID_ARGUMENT);
    CHECK(strcmp(error.field, "initial_credit") == 0 && c == NULL);
    config.initial_credit = 1;
    config.software = (ixt_slice_t){(const uint8_t *)"\xff", 1};
    IS(ixt_connection_new(&config, fresh(), NOW_US, &c, NULL), IXT_ERR_BAD_TEXT);
    config.software = (ixt_slice_t)IXT_TEXT("check 1.0");
    static const uint8_t nil[16];
    IS(ixt_connection_new(&config, nil, NOW_US, &c, NULL), IXT_ERR_NIL_STREAM_ID);
    end_t *a = malloc(sizeof *a), *b = malloc(sizeof *b);
    memset(a, 0, sizeof *a);
    memset(b, 0, sizeof *b);
    a->capacity = b->capacity = 8;
    OK(ixt_connection_new(&config, fresh(), NOW_US, &a->connection, NULL));
    OK(ixt_connection_new(NULL, fresh(), NOW_US, &b->connection, NULL));
    uint64_t key;
    IS(ixt_connection_open(a->connection, fresh(), 0, NULL, 0, &key, NULL), IXT_ERR_NOT_ESTABLISHED);
    pass(a, b);
    CHECK(find(b, IXT_EVENT_ESTABLISHED)->length == 9 && memcmp(b->told[0].bytes, "check 1.0", 9) == 0);
    stop(a, b);
    free(a);
    free(b);
}

/* A unary call and a bidi stream, in pieces of every size, with one event a call and with many. */
static void conversation(size_t piece, size_t capacity) {
    about = "connections: a conversation";
    end_t *a = malloc(sizeof *a), *b = malloc(sizeof *b);
    start(a, b, NULL, capacity, piece);
    uint8_t context[256];
    size_t length;
    ixt_context_value_t value = {.target_kind = IXT_TARGET_SERVICE, .target = IXT_TEXT("echo")};
    OK(ixt_context_encode(&value, context, sizeof context, &length, NULL));
    uint64_t call, stream;
    uint8_t id[16];
    memcpy(id, fresh(), 16);
    OK(ixt_connection_open_send_close(a->connection, id, IXT_INTERACTION_UNARY, context, length, TEXT("question"), &call, NULL));
    IS(ixt_connection_open(a->connection, id, 0, NULL, 0, &stream, NULL), IXT_ERR_STREAM_ID_IN_USE);
    pass_at(a, b, piece, NOW_US);
    const ixt_connection_event_t *opened = find(b, IXT_EVENT_OPENED), *data = find(b, IXT_EVENT_DATA);
    CHECK(opened->length == length && memcmp(opened->stream_id, id, 16) == 0 && opened->interaction == IXT_INTERACTION_UNARY);
    CHECK(memcmp(b->told[0].bytes, context, length < 64 ? length : 64) == 0);
    CHECK(data->stream == opened->stream && data->number == 0 && data->length == 8 && memcmp(b->told[1].bytes, "question", 8) == 0);
    CHECK(find(b, IXT_EVENT_CLOSED)->reason == IXT_CLOSE_COMPLETED);
    OK(ixt_connection_consume(b->connection, opened->stream, 1));
    OK(ixt_connection_send_close(b->connection, opened->stream, TEXT("answer"), IXT_CLOSE_COMPLETED));
    pass_at(a, b, piece, NOW_US);
    const ixt_connection_event_t *over = find(a, IXT_EVENT_OVER);
    CHECK(over->stream == call && over->outcome == IXT_OUTCOME_COMPLETED && over->reason == IXT_CLOSE_COMPLETED);
    CHECK(find(a, IXT_EVENT_DATA)->length == 6 && find(b, IXT_EVENT_OVER)->stream == opened->stream);
    IS(ixt_connection_try_send(a->connection, call, TEXT("late")), IXT_ERR_STREAM_ENDED);
    bool already = false;
    OK(ixt_connection_close(a->connection, call, IXT_CLOSE_COMPLETED, &already));
    CHECK(already);

    /* Credit runs out, a ticket waits, and is ready after what was consumed. */
    a->count = b->count = 0;
    OK(ixt_connection_open(a->connection, fresh(), IXT_INTERACTION_BIDI_STREAM, context, length, &stream, NULL));
    for (int i = 0; i < 64; i++) {
        OK(ixt_connection_try_send(a->connection, stream, TEXT("message")));
    }
    IS(ixt_connection_try_send(a->connection, stream, TEXT("message")), IXT_ERR_CREDIT_EXHAUSTED);
    uint64_t ticket, second;
    OK(ixt_connection_wait(a->connection, stream, &ticket));
    OK(ixt_connection_wait(a->connection, stream, &second));
    OK(ixt_connection_drop_ticket(a->connection, stream, second));
    ixt_state_t state;
    OK(ixt_connection_stream_state(a->connection, stream, &state));
    CHECK(state.credit == 0 && state.sender == IXT_HALF_OPEN && !state.ended);
    pass_at(a, b, piece, NOW_US);
    CHECK(b->count == 65);
    uint64_t theirs = b->told[0].event.stream;
    IS(ixt_connection_consume(b->connection, theirs, 65), IXT_ERR_INVALID_GRANT);
    ixt_consumed_t consumed[2] = {{theirs, 20}, {theirs, 12}};
    OK(ixt_connection_consume_batch(b->connection, consumed, 2));
    pass_at(a, b, piece, NOW_US);
    CHECK(find(a, IXT_EVENT_READY)->number == ticket);
    OK(ixt_connection_send_with(a->connection, stream, ticket, TEXT("at last")));
    pass_at(a, b, piece, NOW_US);
    CHECK(b->count == 66 && b->told[65].event.number == 64);

    /* A failure, with its texts at both events. */
    a->count = b->count = 0;
    OK(ixt_connection_fail(b->connection, theirs, IXT_CODE_RESOURCE_EXHAUSTED, TEXT("no room"), TEXT("disk"), NULL));
    pass_at(a, b, piece, NOW_US);
    const ixt_connection_event_t *failed = find(a, IXT_EVENT_FAILED);
    over = find(a, IXT_EVENT_OVER);
    CHECK(failed->code == IXT_CODE_RESOURCE_EXHAUSTED && failed->by == IXT_BY_PEER && failed->length == 7 && failed->details_length == 4);
    CHECK(over->outcome == IXT_OUTCOME_FAILED && over->code == IXT_CODE_RESOURCE_EXHAUSTED && over->length == 7);
    CHECK(memcmp(a->told[a->count - 1].bytes, "no room", 7) == 0 && memcmp(a->told[a->count - 1].details, "disk", 4) == 0);
    IS(ixt_connection_stream_state(a->connection, stream, &state), IXT_ERR_STREAM_ENDED);

    /* A payload of several reads. */
    a->count = b->count = 0;
    uint8_t *large = malloc(300000);
    memset(large, 'L', 300000);
    OK(ixt_connection_open(a->connection, fresh(), IXT_INTERACTION_BIDI_STREAM, NULL, 0, &stream, NULL));
    OK(ixt_connection_try_send(a->connection, stream, large, 300000));
    OK(ixt_connection_try_send(a->connection, stream, TEXT("behind")));
    free(large);
    if (piece >= 100) { /* byte by byte it takes long under valgrind */
        pass_at(a, b, piece, NOW_US);
        CHECK(b->count == 3 && b->told[1].event.length == 300000 && b->told[1].bytes[63] == 'L');
        CHECK(memcmp(b->told[2].bytes, "behind", 6) == 0);
    }

    OK(ixt_connection_cancel(a->connection, stream, IXT_CANCEL_SUPERSEDED, TEXT("another"), NULL));
    OK(ixt_connection_ping(a->connection));
    pass_at(a, b, piece == 1 ? 1000 : piece, NOW_US + 5);
    CHECK(find(a, IXT_EVENT_PONG)->number <= 5);
    ixt_connection_stats_t stats;
    OK(ixt_connection_stats(a->connection, &stats));
    CHECK(stats.opened == 3 && stats.streams == 0 && stats.queued == 0 && stats.frames_in > 0 && stats.bytes_out > 0);
    stop(a, b);
    free(a);
    free(b);
}

static void refusals(void) {
    about = "connections: refusals";
    end_t *a = malloc(sizeof *a), *b = malloc(sizeof *b);
    ixt_connection_config_t config;
    OK(ixt_connection_config_init(&config));
    config.max_payload = 100;
    start(a, b, &config, 16, 1 << 20);
    uint64_t key;
    ixt_error_t error;
    uint8_t payload[101] = {0};
    IS(ixt_connection_open(a->connection, fresh(), 9, NULL, 0, &key, &error), IXT_ERR_INVALID_ARGUMENT);
    CHECK(strcmp(error.field, "interaction") == 0);
    IS(ixt_connection_open_send_close(a->connection, fresh(), IXT_INTERACTION_BIDI_STREAM, NULL, 0, payload, 1, &key, NULL),
       IXT_ERR_INVALID_ARGUMENT);
    IS(ixt_connection_open_send_close(a->connection, fresh(), IXT_INTERACTION_UNARY, NULL, 0, payload, 101, &key, NULL),
       IXT_ERR_FRAME_TOO_LARGE);
    IS(ixt_connection_open(a->connection, fresh(), 0, payload, 9, &key, NULL), IXT_ERR_TRAILING_BYTES);
    ixt_connection_stats_t stats;
    OK(ixt_connection_stats(a->connection, &stats));
    CHECK(stats.opened == 0);
    OK(ixt_connection_open(a->connection, fresh(), IXT_INTERACTION_UNARY, NULL, 0, &key, NULL));
    IS(ixt_connection_close(a->connection, key, IXT_CLOSE_COMPLETED, NULL), IXT_ERR_MISSING_MESSAGE);
    IS(ixt_connection_fail(a->connection, key, 1, TEXT("\xff"), NULL, 0, NULL), IXT_ERR_BAD_TEXT);
    OK(ixt_connection_try_send(a->connection, key, payload, 100));
    IS(ixt_connection_try_send(a->connection, key, payload, 1), IXT_ERR_TOO_MANY_MESSAGES);
    stop(a, b);

    /* An end goes away in order, and a torn frame ends a connection. */
    start(a, b, NULL, 1, 1 << 20);
    OK(ixt_connection_go_away(a->connection, 500, TEXT("bye")));
    pass(a, b);
    const ixt_connection_event_t *away = find(b, IXT_EVENT_GOING_AWAY);
    CHECK(away->credit == 500 && away->length == 3 && away->reason == IXT_END_SHUTDOWN);
    find(a, IXT_EVENT_DRAINED);
    IS(ixt_connection_open(b->connection, fresh(), 0, NULL, 0, &key, NULL), IXT_ERR_GOING_AWAY);
    receive(b, (const uint8_t *)"\0\0\0\0\1", 5, NOW_US);
    OK(ixt_connection_transport_ended(b->connection));
    b->count = 0;
    drain_events(b);
    bool ended = false;
    OK(ixt_connection_has_ended(b->connection, &ended));
    CHECK(ended && find(b, IXT_EVENT_CONNECTION_ENDED)->reason == IXT_END_TORN_FRAME);
    OK(ixt_connection_end(a->connection, IXT_END_REFUSED, TEXT("go")));
    a->count = 0;
    uint8_t out[1024];
    size_t filled, count;
    bool more, has;
    ixt_connection_event_t events[4];
    OK(ixt_connection_has_transmit(a->connection, &has));
    CHECK(has);
    OK(ixt_connection_drain(a->connection, out, sizeof out, &filled, events, 4, &count, &more));
    CHECK(filled > 0 && count == 1 && !more && events[0].reason == IXT_END_REFUSED && events[0].by == IXT_BY_LOCAL);
    IS(ixt_connection_open(a->connection, fresh(), 0, NULL, 0, &key, NULL), IXT_ERR_CLOSED);
    stop(a, b);
    free(a);
    free(b);
}

static void times(void) {
    about = "connections: time";
    end_t *a = malloc(sizeof *a), *b = malloc(sizeof *b);
    start(a, b, NULL, 16, 1 << 20);
    uint64_t at, key;
    OK(ixt_connection_next_timeout(a->connection, &at));
    CHECK(at == NOW_US + 15000000);
    uint8_t context[64];
    size_t length;
    ixt_context_value_t value = {.deadline_ms = NOW_US / 1000 + 100};
    OK(ixt_context_encode(&value, context, sizeof context, &length, NULL));
    OK(ixt_connection_open_send_close(a->connection, fresh(), IXT_INTERACTION_UNARY, context, length, TEXT("x"), &key, NULL));
    OK(ixt_connection_next_timeout(a->connection, &at));
    CHECK(at == NOW_US + 100000);
    OK(ixt_connection_handle_timeout(a->connection, at - 1));
    CHECK(a->count == 0);
    OK(ixt_connection_handle_timeout(a->connection, at));
    drain_events(a);
    CHECK(find(a, IXT_EVENT_CANCELLED)->reason == IXT_CANCEL_DEADLINE_EXCEEDED);
    OK(ixt_connection_handle_timeout(a->connection, NOW_US + 61000000));
    a->count = 0;
    drain_events(a);
    CHECK(find(a, IXT_EVENT_CONNECTION_ENDED)->reason == IXT_END_IDLE);
    OK(ixt_connection_next_timeout(a->connection, &at));
    CHECK(at == 0);
    stop(a, b);
    free(a);
    free(b);
}

/* What a module and its host say, and a call through the host. */
static void host_messages(void) {
    about = "the host's messages";
    uint8_t out[512];
    size_t written = 0;
    ixt_error_t error;
    ixt_service_offer_t services[1] = {{.name = IXT_TEXT("echo"), .interactions = 1u << IXT_INTERACTION_UNARY}};
    ixt_slice_t topics[1] = {IXT_TEXT("news")};
    ixt_announce_t announce = {.module = IXT_TEXT("c"), .services = services, .service_count = 1, .topics = topics, .topic_count = 1};
    IS_NULL(ixt_host_announce_encode(NULL, out, sizeof out, &written, NULL));
    IS_NULL(ixt_host_announce_encode(&announce, NULL, 1, &written, NULL));
    IS_NULL(ixt_host_announce_encode(&announce, out, sizeof out, NULL, NULL));
    IS(ixt_host_announce_encode(&announce, out, 8, &written, NULL), IXT_ERR_BUFFER_TOO_SMALL);
    size_t needed = written;
    OK(ixt_host_announce_encode(&announce, out, needed, &written, NULL));
    CHECK(written == needed);
    services[0].interactions = 1u << 30;
    IS(ixt_host_announce_encode(&announce, out, sizeof out, &written, &error), IXT_ERR_INVALID_ARGUMENT);
    CHECK(strcmp(error.field, "services.interactions") == 0);
    announce.services = NULL;
    IS_NULL(ixt_host_announce_encode(&announce, out, sizeof out, &written, NULL));
    IS_NULL(ixt_host_open_endpoint_encode(7, out, sizeof out, NULL));
    OK(ixt_host_open_endpoint_encode(7, out, 64, &written));
    CHECK(written <= 64);
    IS_NULL(ixt_host_close_endpoint_encode(NULL, 1, out, sizeof out, &written));
    IS_NULL(ixt_host_close_endpoint_encode(TEXT("name"), out, sizeof out, NULL));
    OK(ixt_host_close_endpoint_encode(TEXT("name"), out, sizeof out, &written));
    ixt_host_answer_t answer;
    IS_NULL(ixt_host_answer_decode(NULL, 1, &answer, NULL, 0));
    IS_NULL(ixt_host_answer_decode(out, 1, NULL, NULL, 0));
    IS_NULL(ixt_host_answer_decode(out, 1, &answer, NULL, 1));
    IS(ixt_host_answer_decode(out, 3, &answer, NULL, 0), IXT_ERR_BAD_POINTER);
}

/* Passes bytes between a host and its modules. */
static void pass_host(ixt_host_t *host, end_t *ends, const uint64_t *links, size_t count) {
    uint8_t *out = malloc(64 << 10);
    bool quiet = false;
    while (!quiet) {
        quiet = true;
        size_t filled;
        for (size_t i = 0; i < count; i++) {
            drain_events(&ends[i]);
            OK(ixt_connection_poll_transmit(ends[i].connection, out, 64 << 10, &filled));
            if (filled > 0) {
                quiet = false;
                OK(ixt_host_receive(host, links[i], out, filled, NOW_US));
            }
        }
        uint64_t link;
        OK(ixt_host_poll_writable(host, &link));
        for (; link != 0;) {
            OK(ixt_host_poll_transmit(host, link, out, 64 << 10, &filled));
            for (size_t i = 0; filled > 0 && i < count; i++) {
                if (links[i] == link) {
                    receive(&ends[i], out, filled, NOW_US);
                    quiet = false;
                }
            }
            if (filled == 0) {
                OK(ixt_host_poll_writable(host, &link));
            }
        }
    }
    free(out);
}

static uint64_t announce_as(ixt_host_t *host, end_t *ends, const uint64_t *links, size_t which, ixt_slice_t name) {
    uint64_t stream = announce(&ends[which], name);
    pass_host(host, ends, links, 2);
    accepted(&ends[which]);
    return stream;
}

static void hosts(void) {
    about = "a host";
    static const uint8_t seed[32] = {7};
    ixt_host_t *host = NULL;
    uint64_t links[2], number;
    uint8_t line[4096];
    size_t size;
    bool flag;
    ixt_host_free(NULL);
    IS_NULL(ixt_host_new(NULL, 0, NULL, NOW_US, &host));
    IS_NULL(ixt_host_new(NULL, 0, seed, NOW_US, NULL));
    IS(ixt_host_new(TEXT("no = policy"), seed, NOW_US, &host), IXT_ERR_INVALID_ARGUMENT);
    CHECK(host == NULL);
    OK(ixt_host_new(NULL, 0, seed, NOW_US, &host));
    IS_NULL(ixt_host_connect(NULL, 1, NOW_US, &number));
    IS_NULL(ixt_host_connect(host, 1, NOW_US, NULL));
    IS_NULL(ixt_host_receive(NULL, 1, line, 1, NOW_US));
    IS_NULL(ixt_host_receive(host, 1, NULL, 1, NOW_US));
    IS_NULL(ixt_host_poll_writable(NULL, &number));
    IS_NULL(ixt_host_poll_writable(host, NULL));
    IS_NULL(ixt_host_poll_transmit(NULL, 1, line, 1, &size));
    IS_NULL(ixt_host_poll_transmit(host, 1, NULL, 1, &size));
    IS_NULL(ixt_host_poll_transmit(host, 1, line, 1, NULL));
    IS_NULL(ixt_host_transport_ended(NULL, 1));
    IS_NULL(ixt_host_has_ended(NULL, 1, &flag));
    IS_NULL(ixt_host_has_ended(host, 1, NULL));
    IS_NULL(ixt_host_next_timeout(NULL, &number));
    IS_NULL(ixt_host_next_timeout(host, NULL));
    IS_NULL(ixt_host_handle_timeout(NULL, NOW_US));
    IS_NULL(ixt_host_go_away(NULL, 0, NULL, 0));
    IS_NULL(ixt_host_poll_refusal(NULL, line, 1, &size));
    IS_NULL(ixt_host_poll_refusal(host, line, 1, NULL));
    IS_NULL(ixt_host_counts(NULL, NULL));
    IS_NULL(ixt_host_counts(host, NULL));
    OK(ixt_host_next_timeout(host, &number));
    CHECK(number == 0);

    end_t *ends = calloc(2, sizeof *ends);
    for (size_t i = 0; i < 2; i++) {
        ends[i].capacity = 16;
        OK(ixt_host_connect(host, 1000, NOW_US, &links[i]));
        OK(ixt_connection_new(NULL, fresh(), NOW_US, &ends[i].connection, NULL));
    }
    pass_host(host, ends, links, 2);
    announce_as(host, ends, links, 0, (ixt_slice_t)IXT_TEXT("caller"));
    announce_as(host, ends, links, 1, (ixt_slice_t)IXT_TEXT("echo"));
    ixt_host_counts_t counts;
    OK(ixt_host_counts(host, &counts));
    CHECK(counts.connections == 2 && counts.modules == 2 && counts.streams == 0);

    uint8_t context[128];
    size_t length;
    uint64_t call;
    ixt_context_value_t value = {
        .source_module = IXT_TEXT("caller"), .target_kind = IXT_TARGET_SERVICE, .target = IXT_TEXT("echo")};
    OK(ixt_context_encode(&value, context, sizeof context, &length, NULL));
    OK(ixt_connection_open_send_close(ends[0].connection, fresh(), IXT_INTERACTION_UNARY, context, length, TEXT("hello"), &call, NULL));
    pass_host(host, ends, links, 2);
    uint64_t theirs = find(&ends[1], IXT_EVENT_OPENED)->stream;
    OK(ixt_connection_send_close(ends[1].connection, theirs, TEXT("hello!"), IXT_CLOSE_COMPLETED));
    pass_host(host, ends, links, 2);
    CHECK(find(&ends[0], IXT_EVENT_DATA)->length == 6 && find(&ends[0], IXT_EVENT_OVER)->outcome == IXT_OUTCOME_COMPLETED);

    /* A module that is not what it says: refused, and told in the audit. */
    value.source_module = (ixt_slice_t)IXT_TEXT("another");
    OK(ixt_context_encode(&value, context, sizeof context, &length, NULL));
    ends[0].count = 0;
    OK(ixt_connection_open_send_close(ends[0].connection, fresh(), IXT_INTERACTION_UNARY, context, length, TEXT("hello"), &call, NULL));
    pass_host(host, ends, links, 2);
    CHECK(find(&ends[0], IXT_EVENT_FAILED)->code == IXT_CODE_PERMISSION_DENIED);
    OK(ixt_host_poll_refusal(host, line, sizeof line, &size));
    CHECK(size > 0 && line[0] == '{');
    OK(ixt_host_poll_refusal(host, line, 0, &size));
    CHECK(size == 0);

    OK(ixt_host_next_timeout(host, &number));
    CHECK(number > NOW_US);
    OK(ixt_host_handle_timeout(host, NOW_US + 1));
    OK(ixt_host_has_ended(host, links[0], &flag));
    CHECK(!flag);
    ends[0].count = 0;
    OK(ixt_host_transport_ended(host, links[1]));
    OK(ixt_host_has_ended(host, links[1], &flag));
    CHECK(flag);
    OK(ixt_host_go_away(host, 1000, TEXT("closing")));
    pass_host(host, ends, links, 2);
    CHECK(find(&ends[0], IXT_EVENT_GOING_AWAY)->credit == 1000);
    ixt_connection_free(ends[0].connection);
    ixt_connection_free(ends[1].connection);
    ixt_host_free(host);
    free(ends);
}

int main(void) {
    nulls();
    settings();
    static const size_t pieces[] = {1, 7, 100, 1000, 65536, 1 << 20};
    for (size_t i = 0; i < sizeof pieces / sizeof *pieces; i++) {
        conversation(pieces[i], 1);
        conversation(pieces[i], 64);
    }
    refusals();
    times();
    host_messages();
    hosts();
    about = "";
    return summary("C connections");
}
