/* The C hop of the relay: provides relay.c and passes every message on to relay.rust, and every answer back.
 *
 *   relay-c URL
 *
 * A message is done with when it has left, so this hop reads no faster than the next one. */
#include <stddef.h>

#include "loop.h"

/* What the caller's stream and the one to the next hop have of each other; NULL once the other one is over. */
static stream_t *other(stream_t *stream) { return *loop_own(stream); }

static bool pass_on(stream_t *stream, ixt_slice_t message) {
    if (other(stream)) {
        loop_send(other(stream), message, stream);
    }
    return !other(stream);
}

static void closed(stream_t *stream) {
    if (other(stream)) {
        loop_close(other(stream));
    }
}

static void over(stream_t *stream, const ixt_connection_event_t *end) {
    stream_t *peer = other(stream);
    if (!peer) {
        return;
    }
    *loop_own(peer) = NULL;
    ixt_slice_t why = {end->data, end->length};
    if (end->outcome == IXT_OUTCOME_FAILED) {
        loop_fail(peer, end->code, why);
    } else if (end->outcome == IXT_OUTCOME_CANCELLED) {
        loop_cancel(peer, end->reason, why);
    }
}

static const handlers_t next_hop = {.message = pass_on, .closed = closed, .over = over};

static void opened(stream_t *stream, ixt_slice_t context) {
    /* For this call, so that it has its deadline and no more authority. */
    stream_t *next = loop_call("relay.rust", IXT_INTERACTION_BIDI_STREAM, context, (ixt_slice_t){0}, &next_hop, stream);
    *loop_own(stream) = next;
    if (!next) {
        loop_fail(stream, IXT_CODE_UNAVAILABLE, (ixt_slice_t)IXT_TEXT("the next hop cannot be called"));
    }
}

int main(int argc, char **argv) {
    static const service_t services[] = {
        {"relay.c", "relay.stream", IXT_INTERACTION_BIDI_STREAM,
         {.opened = opened, .message = pass_on, .closed = closed, .over = over}},
    };
    static const module_t module = {.name = "c", .services = services, .service_count = 1, .window = 8};
    if (argc != 2) {
        die("usage", "relay-c URL");
    }
    pipe_t pipe = pipe_unix(argv[1]);
    return loop_run(&module, &pipe);
}
