/* A module in C: it connects to a host on a Unix socket, announces three services, and answers calls in one epoll
 * loop until it is told to stop.
 *
 *   module SOCKET
 *
 *   c.upper   unary          the message in capital letters
 *   c.count   serverStream   as many numbers as the message says
 *   c.echo    bidiStream     every message back, no faster than the caller reads
 *
 * All rules are libixt's: this program moves bytes, tells the time, and does its services' work. SIGTERM makes it
 * leave in order: it takes nothing new, and what runs may finish within a second. */
#define _GNU_SOURCE
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/random.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "ixt.h"

#define NAME "c-example"
#define READ_SIZE (64 << 10)
#define EVENTS 256

static void die(const char *what, const char *why) {
    fprintf(stderr, NAME ": %s: %s\n", what, why);
    exit(1);
}

static void must(ixt_status_t status, const char *what) {
    if (status != IXT_OK) {
        die(what, ixt_status_says(status));
    }
}

static void *grow(void *block, size_t size) {
    void *grown = realloc(block, size);
    if (!grown) {
        die("memory", "there is no more");
    }
    return grown;
}

/* Microseconds since the Unix epoch: read once, and moved on by the monotonic clock. */
static uint64_t now_us(void) {
    static uint64_t start;
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    uint64_t monotonic = (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
    if (start == 0) {
        clock_gettime(CLOCK_REALTIME, &t);
        start = (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000 - monotonic;
    }
    return start + monotonic;
}

/* A UUIDv7: ids are never used twice. */
static void fresh_id(uint8_t id[16]) {
    if (getrandom(id, 16, 0) != 16) {
        die("getrandom", strerror(errno));
    }
    uint64_t ms = now_us() / 1000;
    for (int i = 0; i < 6; i++) {
        id[i] = (uint8_t)(ms >> (40 - 8 * i));
    }
    id[6] = (uint8_t)(0x70 | (id[6] & 0x0f));
    id[8] = (uint8_t)(0x80 | (id[8] & 0x3f));
}

/* -- services ------------------------------------------------------------------------------------------------ */

typedef struct {
    uint8_t *bytes;
    size_t length;
} message_t;

/* A stream that is being answered. */
typedef struct stream {
    struct stream *next;
    uint64_t key;
    const struct service *service;
    /* c.count: what is still to be sent. */
    uint64_t at, end;
    /* c.echo: what was received and could not be sent back yet; at most the window. */
    message_t *queue;
    size_t queued, room;
    /* A ticket waits for credit. */
    bool waits;
    /* The caller has sent all. */
    bool closed;
} stream_t;

typedef struct service {
    ixt_slice_t name;
    uint16_t interaction;
    /* A message came, which is borrowed. */
    void (*message)(stream_t *stream, const uint8_t *bytes, size_t length);
    /* There may be credit: with a ticket's, or any. */
    void (*resume)(stream_t *stream, const uint64_t *ticket);
} service_t;

static ixt_connection_t *connection;
static stream_t *streams;

/* Sends one message, under a ticket's credit where there is one. False where it has to wait, and then a ticket
 * does. */
static bool send_message(stream_t *stream, const uint64_t **ticket, const uint8_t *bytes, size_t length) {
    ixt_status_t status = *ticket ? ixt_connection_send_with(connection, stream->key, **ticket, bytes, length)
                                  : ixt_connection_try_send(connection, stream->key, bytes, length);
    bool had_ticket = *ticket != NULL;
    *ticket = NULL;
    if (status == IXT_OK) {
        return true;
    }
    if (status == IXT_ERR_QUEUE_FULL && had_ticket) {
        stream->waits = true; /* the ticket becomes ready again */
    } else if (status == IXT_ERR_CREDIT_EXHAUSTED || status == IXT_ERR_QUEUE_FULL) {
        uint64_t waiting;
        stream->waits = ixt_connection_wait(connection, stream->key, &waiting) == IXT_OK;
    }
    return false; /* or the stream has ended, which an event says */
}

static void upper(stream_t *stream, const uint8_t *bytes, size_t length) {
    uint8_t *answer = grow(NULL, length + 1);
    for (size_t i = 0; i < length; i++) {
        answer[i] = (uint8_t)toupper(bytes[i]);
    }
    ixt_connection_consume(connection, stream->key, 1);
    ixt_connection_send_close(connection, stream->key, answer, length, IXT_CLOSE_COMPLETED);
    free(answer);
}

static void count_on(stream_t *stream, const uint64_t *ticket) {
    while (stream->at < stream->end) {
        char number[24];
        int length = snprintf(number, sizeof number, "%" PRIu64, stream->at);
        if (!send_message(stream, &ticket, (const uint8_t *)number, (size_t)length)) {
            return;
        }
        stream->at++;
    }
    ixt_connection_close(connection, stream->key, IXT_CLOSE_COMPLETED, NULL);
}

static void count(stream_t *stream, const uint8_t *bytes, size_t length) {
    char text[24] = "", *end;
    if (length == 0 || length >= sizeof text) {
        length = 0;
    }
    memcpy(text, bytes, length);
    stream->end = strtoull(text, &end, 10);
    if (length == 0 || *end) {
        static const char why[] = "a number is needed";
        ixt_connection_fail(connection, stream->key, IXT_CODE_INVALID_ARGUMENT, (const uint8_t *)why, sizeof why - 1, NULL, 0, NULL);
        return;
    }
    ixt_connection_consume(connection, stream->key, 1);
    count_on(stream, NULL);
}

static void echo_on(stream_t *stream, const uint64_t *ticket) {
    size_t sent = 0;
    while (sent < stream->queued && send_message(stream, &ticket, stream->queue[sent].bytes, stream->queue[sent].length)) {
        free(stream->queue[sent].bytes);
        sent++;
    }
    stream->queued -= sent;
    memmove(stream->queue, stream->queue + sent, stream->queued * sizeof *stream->queue);
    /* The caller may send more for what has left: this is all the backpressure there is to write. */
    ixt_connection_consume(connection, stream->key, (uint32_t)sent);
    if (stream->closed && stream->queued == 0) {
        ixt_connection_close(connection, stream->key, IXT_CLOSE_COMPLETED, NULL);
    }
}

static void echo(stream_t *stream, const uint8_t *bytes, size_t length) {
    if (stream->queued == stream->room) {
        stream->room = stream->room ? 2 * stream->room : 8;
        stream->queue = grow(stream->queue, stream->room * sizeof *stream->queue);
    }
    message_t *kept = &stream->queue[stream->queued++];
    kept->bytes = grow(NULL, length + 1);
    kept->length = length;
    if (length > 0) {
        memcpy(kept->bytes, bytes, length);
    }
    if (!stream->waits) {
        echo_on(stream, NULL);
    }
}

static const service_t services[] = {
    {IXT_TEXT("c.upper"), IXT_INTERACTION_UNARY, upper, NULL},
    {IXT_TEXT("c.count"), IXT_INTERACTION_SERVER_STREAM, count, count_on},
    {IXT_TEXT("c.echo"), IXT_INTERACTION_BIDI_STREAM, echo, echo_on},
};
enum { SERVICES = sizeof services / sizeof *services };

/* -- streams ------------------------------------------------------------------------------------------------- */

static stream_t **find(uint64_t key) {
    stream_t **at = &streams;
    while (*at && (*at)->key != key) {
        at = &(*at)->next;
    }
    return at;
}

static void opened(const ixt_connection_event_t *event) {
    static ixt_context_view_t context;
    const service_t *service = NULL;
    if (ixt_context_decode(event->data, event->length, &context, NULL) == IXT_OK && context.target_kind == IXT_TARGET_SERVICE) {
        for (int i = 0; i < SERVICES; i++) {
            if (services[i].name.length == context.target.length &&
                memcmp(services[i].name.data, event->data + context.target.offset, context.target.length) == 0) {
                service = &services[i];
            }
        }
    }
    if (!service || service->interaction != event->interaction) {
        uint16_t code = service ? IXT_CODE_INVALID_ARGUMENT : IXT_CODE_NOT_FOUND;
        ixt_connection_fail(connection, event->stream, code, NULL, 0, NULL, 0, NULL);
        return;
    }
    stream_t *stream = grow(NULL, sizeof *stream);
    *stream = (stream_t){.next = streams, .key = event->stream, .service = service};
    streams = stream;
}

static void over(uint64_t key) {
    stream_t **at = find(key), *stream = *at;
    if (stream) {
        *at = stream->next;
        for (size_t i = 0; i < stream->queued; i++) {
            free(stream->queue[i].bytes);
        }
        free(stream->queue);
        free(stream);
    }
}

/* -- the connection ------------------------------------------------------------------------------------------ */

/* The stream to the host on which the module is announced; it stays open. */
static uint64_t control;
static bool announced, stopping, ended;

static void announce(void) {
    uint8_t context[128], id[16], message[1024];
    size_t context_length, length;
    ixt_context_value_t value = {.target_kind = IXT_TARGET_SERVICE, .target = IXT_TEXT("ixt.host")};
    must(ixt_context_encode(&value, context, sizeof context, &context_length, NULL), "the context");
    ixt_service_offer_t offers[SERVICES];
    for (int i = 0; i < SERVICES; i++) {
        offers[i] = (ixt_service_offer_t){.name = services[i].name, .interactions = 1u << services[i].interaction};
    }
    ixt_announce_t announce = {.module = IXT_TEXT(NAME), .services = offers, .service_count = SERVICES};
    must(ixt_host_announce_encode(&announce, message, sizeof message, &length, NULL), "the announcement");
    fresh_id(id);
    must(ixt_connection_open(connection, id, IXT_INTERACTION_BIDI_STREAM, context, context_length, &control, NULL), "ixt.host");
    must(ixt_connection_try_send(connection, control, message, length), "ixt.host");
}

static void answered(const ixt_connection_event_t *event) {
    ixt_host_answer_t answer;
    if (ixt_host_answer_decode(event->data, event->length, &answer, NULL, 0) == IXT_OK && answer.kind == IXT_HOST_ACCEPTED) {
        announced = true;
        printf("announced\n");
        fflush(stdout);
    }
    ixt_connection_consume(connection, control, 1);
}

static void happened(const ixt_connection_event_t *event) {
    stream_t *stream = event->stream ? *find(event->stream) : NULL;
    switch (event->kind) {
    case IXT_EVENT_ESTABLISHED:
        announce();
        break;
    case IXT_EVENT_OPENED:
        opened(event);
        break;
    case IXT_EVENT_DATA:
        if (event->stream == control) {
            answered(event);
        } else if (stream) {
            stream->service->message(stream, event->data, event->length);
        }
        break;
    case IXT_EVENT_READY:
        if (stream) {
            stream->waits = false;
            stream->service->resume(stream, &event->number);
        }
        break;
    case IXT_EVENT_CLOSED:
        if (stream && stream->service->message == echo) {
            stream->closed = true;
            if (!stream->waits) {
                echo_on(stream, NULL);
            }
        }
        break;
    case IXT_EVENT_OVER:
        if (event->stream == control && !announced) {
            fprintf(stderr, NAME ": the host refused: %.*s\n", (int)event->length, (const char *)event->data);
            ixt_connection_end(connection, IXT_END_SHUTDOWN, NULL, 0);
        }
        over(event->stream);
        break;
    case IXT_EVENT_DRAINED:
        ixt_connection_end(connection, IXT_END_SHUTDOWN, NULL, 0);
        break;
    case IXT_EVENT_CONNECTION_ENDED:
        ended = true;
        break;
    default:
        break; /* what this program has no use for */
    }
}

static int connect_to(const char *path) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof address.sun_path) {
        die(path, "the path is too long");
    }
    strcpy(address.sun_path, path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address) < 0) {
        die(path, strerror(errno));
    }
    fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
    return fd;
}

/* Reads what there is, and tells the engine. */
static void take(int fd, ixt_connection_event_t *events) {
    static uint8_t bytes[READ_SIZE];
    ssize_t got = read(fd, bytes, sizeof bytes);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) {
        return;
    }
    if (got <= 0) {
        ixt_connection_transport_ended(connection);
        return;
    }
    size_t at = 0, told, consumed;
    bool more;
    do {
        must(ixt_connection_receive(connection, bytes + at, (size_t)got - at, now_us(), events, EVENTS, &told, &consumed, &more), "receive");
        for (size_t i = 0; i < told; i++) {
            happened(&events[i]);
        }
        at += consumed;
    } while (more);
}

/* Drains the engine: events, and bytes as far as the socket takes them. True where it would take no more. */
static bool give(int fd, ixt_connection_event_t *events) {
    static uint8_t out[READ_SIZE];
    static size_t from, to;
    bool more = true;
    while (more || from < to) {
        if (from == to) {
            size_t told;
            from = 0;
            must(ixt_connection_drain(connection, out, sizeof out, &to, events, EVENTS, &told, &more), "drain");
            for (size_t i = 0; i < told; i++) {
                happened(&events[i]);
            }
            bool has;
            must(ixt_connection_has_transmit(connection, &has), "drain");
            more = more || has || told > 0; /* what the events made of it */
        }
        while (from < to) {
            ssize_t put = send(fd, out + from, to - from, MSG_NOSIGNAL);
            if (put < 0 && errno == EAGAIN) {
                return true;
            }
            if (put < 0 && errno != EINTR) {
                ixt_connection_transport_ended(connection);
                from = to;
            } else if (put > 0) {
                from += (size_t)put;
            }
        }
    }
    return false;
}

int main(int argc, char **argv) {
    if (argc != 2) {
        die("usage", "module SOCKET");
    }
    if (ixt_abi_version() != IXT_ABI_VERSION) {
        die("libixt", "another ABI version");
    }
    sigset_t term;
    sigemptyset(&term);
    sigaddset(&term, SIGTERM);
    sigaddset(&term, SIGINT);
    sigprocmask(SIG_BLOCK, &term, NULL);
    int signals = signalfd(-1, &term, SFD_CLOEXEC | SFD_NONBLOCK), fd = connect_to(argv[1]), loop = epoll_create1(EPOLL_CLOEXEC);

    uint8_t id[16];
    ixt_connection_config_t config;
    fresh_id(id);
    must(ixt_connection_config_init(&config), "settings");
    config.software = (ixt_slice_t)IXT_TEXT(NAME);
    if (getrandom(&config.seed, sizeof config.seed, 0) != sizeof config.seed) {
        die("getrandom", strerror(errno));
    }
    must(ixt_connection_new(&config, id, now_us(), &connection, NULL), "the connection");

    struct epoll_event watch = {.events = EPOLLIN, .data.fd = fd};
    epoll_ctl(loop, EPOLL_CTL_ADD, fd, &watch);
    watch.data.fd = signals;
    epoll_ctl(loop, EPOLL_CTL_ADD, signals, &watch);

    static ixt_connection_event_t events[EVENTS];
    while (!ended) {
        bool full = give(fd, events);
        if (ended) {
            break;
        }
        watch = (struct epoll_event){.events = EPOLLIN | (full ? EPOLLOUT : 0), .data.fd = fd};
        epoll_ctl(loop, EPOLL_CTL_MOD, fd, &watch);
        uint64_t at_us, now = now_us();
        must(ixt_connection_next_timeout(connection, &at_us), "time");
        int wait_ms = at_us == 0 ? -1 : at_us <= now ? 0 : (int)((at_us - now) / 1000 + 1);
        struct epoll_event ready[2];
        int count = epoll_wait(loop, ready, 2, wait_ms);
        must(ixt_connection_handle_timeout(connection, now_us()), "time");
        for (int i = 0; i < count; i++) {
            if (ready[i].data.fd == signals) {
                struct signalfd_siginfo ignored;
                if (read(signals, &ignored, sizeof ignored) > 0 && !stopping) {
                    stopping = true;
                    ixt_connection_go_away(connection, 1000, NULL, 0);
                    ixt_connection_close(connection, control, IXT_CLOSE_COMPLETED, NULL);
                }
            } else if (ready[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR)) {
                take(fd, events);
            }
        }
    }
    give(fd, events);
    while (streams) {
        over(streams->key);
    }
    ixt_connection_free(connection);
    close(fd);
    close(loop);
    close(signals);
    return stopping ? 0 : 1;
}
