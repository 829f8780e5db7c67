/* A module in C: four services, which it answers until it is told to stop. loop.c is what moves the bytes.
 *
 *   module SOCKET
 *
 *   c.upper   unary          the message in capital letters
 *   c.message unary          a call in one message: the method "upper", and its body in capital letters
 *   c.count   serverStream   as many numbers as the message says
 *   c.echo    bidiStream     every message back, no faster than the caller reads
 *
 * SIGTERM makes it leave in order: it takes nothing new, and what runs may finish within a second. */
#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "loop.h"
#ifdef MODULE_NATS
#include "nats.h"
#endif

static bool upper(stream_t *stream, ixt_slice_t message) {
    uint8_t *answer = malloc(message.length + 1);
    if (!answer) {
        loop_fail(stream, IXT_CODE_RESOURCE_EXHAUSTED, (ixt_slice_t){0});
        return true;
    }
    for (size_t i = 0; i < message.length; i++) {
        answer[i] = (uint8_t)toupper(message.data[i]);
    }
    loop_send(stream, (ixt_slice_t){answer, message.length}, NULL);
    loop_close(stream);
    free(answer);
    return true;
}

static void one_message(stream_t *stream, ixt_slice_t method, ixt_slice_t body) {
    if (method.length == 5 && memcmp(method.data, "upper", 5) == 0) {
        upper(stream, body);
    } else {
        loop_fail(stream, IXT_CODE_NOT_FOUND, method);
    }
}

/* What is still to be counted. */
typedef struct {
    uint64_t at, end;
} range_t;

static void count_on(stream_t *stream) {
    range_t *range = *loop_own(stream);
    for (; range->at < range->end; range->at++) {
        char number[24];
        int length = snprintf(number, sizeof number, "%" PRIu64, range->at);
        if (!loop_offer(stream, (ixt_slice_t){(const uint8_t *)number, (size_t)length})) {
            return; /* there is room again later */
        }
    }
    loop_close(stream);
}

static bool count(stream_t *stream, ixt_slice_t message) {
    char digits[24] = "", *end;
    if (message.length > 0 && message.length < sizeof digits) {
        memcpy(digits, message.data, message.length);
    }
    range_t *range = calloc(1, sizeof *range);
    *loop_own(stream) = range;
    if (!range || !isdigit((unsigned char)digits[0]) || (range->end = strtoull(digits, &end, 10), *end)) {
        loop_fail(stream, IXT_CODE_INVALID_ARGUMENT, (ixt_slice_t)IXT_TEXT("a number is needed"));
    } else {
        count_on(stream);
    }
    return true;
}

static void counted(stream_t *stream, const ixt_connection_event_t *end) {
    (void)end;
    free(*loop_own(stream));
}

static bool echo(stream_t *stream, ixt_slice_t message) {
    loop_send(stream, message, stream);
    return false; /* done with when it has left: this is all the backpressure there is to write */
}

static void announced(void) {
    printf("announced\n");
    fflush(stdout);
}

int main(int argc, char **argv) {
    static const service_t services[] = {
        {"c.upper", NULL, IXT_INTERACTION_UNARY, {.message = upper}},
        {"c.message", NULL, IXT_INTERACTION_UNARY, {.called = one_message}},
        {"c.count", NULL, IXT_INTERACTION_SERVER_STREAM, {.message = count, .room = count_on, .over = counted}},
        {"c.echo", NULL, IXT_INTERACTION_BIDI_STREAM, {.message = echo, .closed = loop_close}},
    };
    static const module_t module = {
        .name = "c-example", .services = services, .service_count = 4, .announced = announced};
    if (argc != 2) {
        die("usage", "module SOCKET|nats://…");
    }
#ifdef MODULE_NATS
    if (strncmp(argv[1], "nats://", 7) == 0) {
        pipe_t nats = pipe_nats(argv[1], "-");
        return loop_run(&module, &nats);
    }
#endif
    pipe_t pipe = pipe_unix(argv[1]);
    return loop_run(&module, &pipe);
}
