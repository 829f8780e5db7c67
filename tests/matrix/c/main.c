/* C's program of the matrix; see tests/matrix/README.md. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "loop.h"
#include "nats.h"
#include "tls.h"

/* -- serving ------------------------------------------------------------------------------------------------- */

static uint8_t *backwards(ixt_slice_t message) {
    uint8_t *turned = malloc(message.length + 1);
    if (!turned) {
        die("memory", "there is no more");
    }
    for (size_t i = 0; i < message.length; i++) {
        turned[i] = message.data[message.length - 1 - i];
    }
    return turned;
}

static bool bidi(stream_t *stream, ixt_slice_t message) {
    uint8_t *answer = backwards(message);
    loop_send(stream, (ixt_slice_t){answer, message.length}, stream);
    free(answer);
    return false; /* done with when the answer has left */
}

static bool unary(stream_t *stream, ixt_slice_t message) {
    bool done = bidi(stream, message);
    loop_close(stream);
    return done;
}

static void one_message(stream_t *stream, ixt_slice_t method, ixt_slice_t body) {
    if (method.length == 9 && memcmp(method.data, "backwards", 9) == 0) {
        uint8_t *answer = backwards(body);
        loop_send(stream, (ixt_slice_t){answer, body.length}, NULL);
        loop_close(stream);
        free(answer);
    } else {
        loop_fail(stream, IXT_CODE_NOT_FOUND, method);
    }
}

typedef struct {
    unsigned long count, bytes;
} sum_t;

static void begin_sum(stream_t *stream, ixt_slice_t context) {
    (void)context;
    *loop_own(stream) = calloc(1, sizeof(sum_t));
}

static bool add(stream_t *stream, ixt_slice_t message) {
    sum_t *sum = *loop_own(stream);
    sum->count++;
    sum->bytes += message.length;
    return true;
}

static void send_sum(stream_t *stream) {
    sum_t *sum = *loop_own(stream);
    char answer[64];
    int length = snprintf(answer, sizeof answer, "%lu:%lu", sum->count, sum->bytes);
    loop_send(stream, (ixt_slice_t){(const uint8_t *)answer, (size_t)length}, NULL);
    loop_close(stream);
}

static void end_sum(stream_t *stream, const ixt_connection_event_t *end) {
    (void)end;
    free(*loop_own(stream));
}

static bool server(stream_t *stream, ixt_slice_t message) {
    char digits[24] = "";
    memcpy(digits, message.data, message.length < sizeof digits ? message.length : 0);
    unsigned long until = strtoul(digits, NULL, 10);
    for (unsigned long number = 0; number < until; number++) {
        int length = snprintf(digits, sizeof digits, "%lu", number);
        loop_send(stream, (ixt_slice_t){(const uint8_t *)digits, (size_t)length}, NULL);
    }
    loop_close(stream);
    return true;
}

static const service_t services[] = {
    {"c.unary", NULL, IXT_INTERACTION_UNARY, {.message = unary}},
    {"c.message", NULL, IXT_INTERACTION_UNARY, {.called = one_message}},
    {"c.client", NULL, IXT_INTERACTION_CLIENT_STREAM,
     {.opened = begin_sum, .message = add, .closed = send_sum, .over = end_sum}},
    {"c.server", NULL, IXT_INTERACTION_SERVER_STREAM, {.message = server}},
    {"c.bidi", NULL, IXT_INTERACTION_BIDI_STREAM, {.message = bidi, .closed = loop_close}},
};

/* -- calling ------------------------------------------------------------------------------------------------- */

static const char *provider;

/* FNV-1a over the length and the bytes of each message. */
static uint64_t digest;

static void begin_digest(void) { digest = 0xcbf29ce484222325; }

static void add_byte(uint8_t byte) { digest = (digest ^ byte) * 0x100000001b3; }

static bool add_message(stream_t *stream, ixt_slice_t message) {
    (void)stream;
    for (int i = 0; i < 8; i++) {
        add_byte((uint8_t)(message.length >> 8 * i));
    }
    for (size_t i = 0; i < message.length; i++) {
        add_byte(message.data[i]);
    }
    return true;
}

static const char *service_of(const char *kind) {
    static char service[128];
    snprintf(service, sizeof service, "%s.%s", provider, kind);
    return service;
}

static stream_t *call(const char *kind, uint16_t interaction, ixt_slice_t message, const handlers_t *handlers) {
    stream_t *stream = loop_call(service_of(kind), interaction, (ixt_slice_t){0}, message, handlers, NULL);
    if (!stream) {
        die(service_of(kind), "cannot be called");
    }
    return stream;
}

static void completed(const ixt_connection_event_t *end) {
    if (end->outcome != IXT_OUTCOME_COMPLETED) {
        fprintf(stderr, "outcome %u, code %u, reason %u: %.*s\n", end->outcome, end->code, end->reason,
                (int)end->length, (const char *)end->data);
        exit(1);
    }
}

static void print_digest(const char *kind, const ixt_connection_event_t *end) {
    completed(end);
    printf("%s %016" PRIx64 "\n", kind, digest);
}

/* The fifth: each number once the one before has been answered. */
static unsigned number;

static void send_number(stream_t *stream) {
    char digits[16];
    if (number == 300) {
        loop_close(stream);
        return;
    }
    int length = snprintf(digits, sizeof digits, "%u", number++);
    loop_send(stream, (ixt_slice_t){(const uint8_t *)digits, (size_t)length}, NULL);
}

static bool bidi_answer(stream_t *stream, ixt_slice_t message) {
    add_message(stream, message);
    send_number(stream);
    return true;
}

static void bidi_over(stream_t *stream, const ixt_connection_event_t *end) {
    (void)stream;
    print_digest("bidi", end);
    loop_stop();
}

/* The fourth. */
static void server_over(stream_t *stream, const ixt_connection_event_t *end) {
    (void)stream;
    static const handlers_t handlers = {.message = bidi_answer, .over = bidi_over};
    print_digest("server", end);
    begin_digest();
    send_number(call("bidi", IXT_INTERACTION_BIDI_STREAM, (ixt_slice_t){0}, &handlers));
}

/* The third. */
static bool client_answer(stream_t *stream, ixt_slice_t message) {
    (void)stream;
    printf("client %.*s\n", (int)message.length, (const char *)message.data);
    return true;
}

static void client_over(stream_t *stream, const ixt_connection_event_t *end) {
    (void)stream;
    static const handlers_t handlers = {.message = add_message, .over = server_over};
    completed(end);
    begin_digest();
    call("server", IXT_INTERACTION_SERVER_STREAM, (ixt_slice_t)IXT_TEXT("1000"), &handlers);
}

static void client_stream(void) {
    static const handlers_t handlers = {.message = client_answer, .over = client_over};
    uint8_t sevens[300];
    memset(sevens, 7, sizeof sevens);
    stream_t *stream = call("client", IXT_INTERACTION_CLIENT_STREAM, (ixt_slice_t){0}, &handlers);
    for (size_t size = 0; size < 300; size++) {
        loop_send(stream, (ixt_slice_t){sevens, size}, NULL);
    }
    loop_close(stream);
}

/* The message of this size, which every language makes alike. */
static ixt_slice_t message_of(size_t size) {
    static uint8_t message[1 << 20];
    for (size_t i = 0; i < size; i++) {
        message[i] = (uint8_t)(i % 251);
    }
    return (ixt_slice_t){message, size};
}

/* The second: calls in one message, one after the other. */
static void message_over(stream_t *stream, const ixt_connection_event_t *end);

static void next_message(const char *method, size_t size) {
    static const handlers_t handlers = {.message = add_message, .over = message_over};
    if (!loop_message(service_of("message"), method, (ixt_slice_t){0}, message_of(size), &handlers, NULL)) {
        die(service_of("message"), "cannot be called");
    }
}

static void message_over(stream_t *stream, const ixt_connection_event_t *end) {
    (void)stream;
    static const size_t sizes[] = {1, 64, 70000, 1000000};
    static size_t at;
    if (at <= sizeof sizes / sizeof *sizes) {
        completed(end);
        bool more = at < sizeof sizes / sizeof *sizes;
        next_message(more ? "backwards" : "forwards", more ? sizes[at] : 0);
        at++;
        return;
    }
    if (end->outcome != IXT_OUTCOME_FAILED || end->code != IXT_CODE_NOT_FOUND) {
        die("an unknown method", "is not notFound");
    }
    printf("message %016" PRIx64 "\n", digest);
    client_stream();
}

/* The first: one call after the other. */
static void unary_over(stream_t *stream, const ixt_connection_event_t *end);

static void next_unary(void) {
    static const size_t sizes[] = {0, 1, 64, 70000, 1 << 20};
    static const handlers_t handlers = {.message = add_message, .over = unary_over};
    static size_t at;
    if (at == sizeof sizes / sizeof *sizes) {
        printf("unary %016" PRIx64 "\n", digest);
        begin_digest();
        next_message("backwards", 0);
        return;
    }
    call("unary", IXT_INTERACTION_UNARY, message_of(sizes[at++]), &handlers);
}

static void unary_over(stream_t *stream, const ixt_connection_event_t *end) {
    (void)stream;
    completed(end);
    next_unary();
}

static void begin(void) {
    begin_digest();
    next_unary();
}

int main(int argc, char **argv) {
    bool serves = argc == 4 && strcmp(argv[1], "serve") == 0;
    if (!serves && !(argc == 5 && strcmp(argv[1], "call") == 0)) {
        die("usage", "serve URL ROOTS | call URL ROOTS PROVIDER");
    }
    pipe_t pipe = strncmp(argv[2], "nats://", 7) == 0 ? pipe_nats(argv[2], argv[3])
                  : strcmp(argv[3], "-") == 0         ? pipe_unix(argv[2])
                                                      : pipe_tls(argv[2], argv[3]);
    if (serves) {
        static const module_t module = {.name = "c", .services = services, .service_count = 5};
        return loop_run(&module, &pipe);
    }
    char name[128];
    provider = argv[4];
    snprintf(name, sizeof name, "c-calls-%s", provider);
    module_t module = {.name = name, .announced = begin};
    return loop_run(&module, &pipe);
}
