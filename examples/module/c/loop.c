#define _GNU_SOURCE
#include "loop.h"

#include <errno.h>
#include <fcntl.h>
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

enum { READ_SIZE = 64 << 10, EVENTS = 256, MAX_SERVICES = 16 };

/* A message that waits for credit. */
typedef struct {
    uint8_t *bytes;
    size_t length;
    /* The stream of which one message is done with when it has left; 0 for none. */
    uint64_t of;
} waiting_t;

struct stream {
    stream_t *next;
    uint64_t key;
    const handlers_t *handlers;
    void *own;
    /* Where a call in one message is awaited: the context of the open, which it has to say again. */
    uint8_t *context;
    size_t context_length;
    waiting_t *queue;
    size_t queued, capacity;
    /* A ticket that has its credit and was not used yet. */
    uint64_t ticket;
    bool has_ticket;
    /* A ticket waits for its credit. */
    bool waits;
    /* The program has sent all. */
    bool closing;
};

static const module_t *module;
static ixt_connection_t *connection;
static stream_t *streams;
/* The stream to the host on which the module is announced; it stays open. */
static uint64_t control;
static bool announced, stopping, ended;

void die(const char *what, const char *why) {
    fprintf(stderr, "%s: %s: %s\n", module ? module->name : "module", what, why);
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

static ixt_slice_t text(const char *words) {
    return (ixt_slice_t){(const uint8_t *)words, words ? strlen(words) : 0};
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

static void draw(void *bytes, size_t length) {
    if (getrandom(bytes, length, 0) != (ssize_t)length) {
        die("getrandom", strerror(errno));
    }
}

/* A UUIDv7: ids are never used twice. */
static void fresh_id(uint8_t id[16]) {
    draw(id, 16);
    uint64_t ms = now_us() / 1000;
    for (int i = 0; i < 6; i++) {
        id[i] = (uint8_t)(ms >> (40 - 8 * i));
    }
    id[6] = (uint8_t)(0x70 | (id[6] & 0x0f));
    id[8] = (uint8_t)(0x80 | (id[8] & 0x3f));
}

/* -- streams ------------------------------------------------------------------------------------------------- */

static stream_t *add(uint64_t key, const handlers_t *handlers, void *own) {
    stream_t *stream = grow(NULL, sizeof *stream);
    *stream = (stream_t){.next = streams, .key = key, .handlers = handlers, .own = own};
    return streams = stream;
}

static stream_t **find(uint64_t key) {
    stream_t **at = &streams;
    while (*at && (*at)->key != key) {
        at = &(*at)->next;
    }
    return at;
}

static void forget(stream_t *stream, const ixt_connection_event_t *end) {
    if (stream->handlers->over) {
        stream->handlers->over(stream, end);
    }
    *find(stream->key) = stream->next;
    for (size_t i = 0; i < stream->queued; i++) {
        free(stream->queue[i].bytes);
    }
    free(stream->queue);
    free(stream->context);
    free(stream);
}

void **loop_own(stream_t *stream) { return &stream->own; }

/* Hands a message to the engine, under a ticket's credit where there is one. Where it cannot leave, a ticket waits. */
static bool put(stream_t *stream, ixt_slice_t bytes) {
    if (stream->waits) {
        return false;
    }
    bool had_ticket = stream->has_ticket;
    stream->has_ticket = false;
    ixt_status_t status = had_ticket
                              ? ixt_connection_send_with(connection, stream->key, stream->ticket, bytes.data, bytes.length)
                              : ixt_connection_try_send(connection, stream->key, bytes.data, bytes.length);
    if (status == IXT_ERR_QUEUE_FULL && had_ticket) {
        stream->waits = true; /* the ticket becomes ready again */
    } else if (status == IXT_ERR_CREDIT_EXHAUSTED || status == IXT_ERR_QUEUE_FULL) {
        uint64_t ticket;
        stream->waits = ixt_connection_wait(connection, stream->key, &ticket) == IXT_OK;
    }
    return status == IXT_OK; /* or the stream has ended, which an event says */
}

bool loop_offer(stream_t *stream, ixt_slice_t bytes) { return stream->queued == 0 && put(stream, bytes); }

static void done_with(uint64_t of) {
    if (of) {
        ixt_connection_consume(connection, of, 1); /* where it is over, nobody waits for it */
    }
}

void loop_send(stream_t *stream, ixt_slice_t bytes, stream_t *of) {
    uint64_t key = of ? of->key : 0;
    if (loop_offer(stream, bytes)) {
        done_with(key);
        return;
    }
    if (stream->queued == stream->capacity) {
        stream->capacity = stream->capacity ? 2 * stream->capacity : 8;
        stream->queue = grow(stream->queue, stream->capacity * sizeof *stream->queue);
    }
    waiting_t *kept = &stream->queue[stream->queued++];
    *kept = (waiting_t){grow(NULL, bytes.length + 1), bytes.length, key};
    if (bytes.length > 0) {
        memcpy(kept->bytes, bytes.data, bytes.length);
    }
}

void loop_close(stream_t *stream) {
    stream->closing = true;
    if (stream->queued == 0) {
        ixt_connection_close(connection, stream->key, IXT_CLOSE_COMPLETED, NULL);
    }
}

void loop_fail(stream_t *stream, uint16_t code, ixt_slice_t message) {
    ixt_connection_fail(connection, stream->key, code, message.data, message.length, NULL, 0, NULL);
}

void loop_cancel(stream_t *stream, uint16_t reason, ixt_slice_t message) {
    ixt_connection_cancel(connection, stream->key, reason, message.data, message.length, NULL);
}

/* A ticket has its credit: what waits leaves, and then what the program still has. */
static void resume(stream_t *stream, uint64_t ticket) {
    stream->waits = false;
    stream->has_ticket = true;
    stream->ticket = ticket;
    size_t sent = 0;
    while (sent < stream->queued && put(stream, (ixt_slice_t){stream->queue[sent].bytes, stream->queue[sent].length})) {
        done_with(stream->queue[sent].of);
        free(stream->queue[sent].bytes);
        sent++;
    }
    if (sent > 0) {
        stream->queued -= sent;
        memmove(stream->queue, stream->queue + sent, stream->queued * sizeof *stream->queue);
    }
    if (stream->queued == 0 && stream->closing) {
        loop_close(stream);
    } else if (stream->queued == 0 && stream->handlers->room) {
        stream->handlers->room(stream);
    }
    if (stream->has_ticket) {
        stream->has_ticket = false;
        ixt_connection_drop_ticket(connection, stream->key, ticket); /* nobody wanted it */
    }
}

/* The context of a call to a service, in room for IXT_MAX_CONTEXT bytes; empty where there can be none. */
static ixt_slice_t context_of(const char *service, ixt_slice_t parent, uint8_t *room) {
    size_t length = 0;
    ixt_context_value_t value = {
        .source_module = text(module->name), .target_kind = IXT_TARGET_SERVICE, .target = text(service)};
    draw(value.span_id, sizeof value.span_id);
    ixt_status_t status;
    if (parent.length > 0) {
        status = ixt_context_child(parent.data, parent.length, &value, true, room, IXT_MAX_CONTEXT, &length, NULL);
    } else {
        draw(value.correlation_id, sizeof value.correlation_id);
        value.subject_kind = IXT_SUBJECT_MODULE;
        value.subject = text(module->name);
        status = ixt_context_encode(&value, room, IXT_MAX_CONTEXT, &length, NULL);
    }
    return (ixt_slice_t){room, status == IXT_OK ? length : 0};
}

static stream_t *open_with(ixt_slice_t context, uint16_t interaction, ixt_slice_t message, const handlers_t *handlers,
                           void *own) {
    uint8_t id[16];
    uint64_t key;
    if (context.length == 0) {
        return NULL;
    }
    fresh_id(id);
    bool one = interaction == IXT_INTERACTION_UNARY || interaction == IXT_INTERACTION_SERVER_STREAM;
    ixt_status_t status =
        one ? ixt_connection_open_send_close(connection, id, interaction, context.data, context.length, message.data,
                                             message.length, &key, NULL)
            : ixt_connection_open(connection, id, interaction, context.data, context.length, &key, NULL);
    return status == IXT_OK ? add(key, handlers, own) : NULL;
}

stream_t *loop_call(const char *service, uint16_t interaction, ixt_slice_t parent, ixt_slice_t message,
                    const handlers_t *handlers, void *own) {
    uint8_t context[IXT_MAX_CONTEXT];
    return open_with(context_of(service, parent, context), interaction, message, handlers, own);
}

stream_t *loop_message(const char *service, const char *method, ixt_slice_t parent, ixt_slice_t body,
                       const handlers_t *handlers, void *own) {
    uint8_t room[IXT_MAX_CONTEXT];
    ixt_slice_t context = context_of(service, parent, room), name = text(method);
    size_t length = 0;
    ixt_status_t status = ixt_handle_payload_encode(context.data, context.length, name.data, name.length, body.data,
                                                    body.length, IXT_MAX_PAYLOAD, NULL, 0, &length, NULL);
    uint8_t *message = status == IXT_ERR_BUFFER_TOO_SMALL ? malloc(length) : NULL;
    stream_t *stream = NULL;
    if (message && ixt_handle_payload_encode(context.data, context.length, name.data, name.length, body.data,
                                             body.length, IXT_MAX_PAYLOAD, message, length, &length, NULL) == IXT_OK) {
        stream = open_with(context, IXT_INTERACTION_UNARY, (ixt_slice_t){message, length}, handlers, own);
    }
    free(message);
    return stream;
}

/* -- the connection ------------------------------------------------------------------------------------------ */

static void announce(void) {
    uint8_t context[128], id[16], message[4096];
    size_t context_length, length;
    ixt_context_value_t value = {.target_kind = IXT_TARGET_SERVICE, .target = IXT_TEXT("ixt.host")};
    must(ixt_context_encode(&value, context, sizeof context, &context_length, NULL), "the context");
    ixt_service_offer_t offers[MAX_SERVICES];
    for (size_t i = 0; i < module->service_count; i++) {
        const service_t *service = &module->services[i];
        offers[i] = (ixt_service_offer_t){text(service->name), text(service->requires), 1u << service->interaction};
    }
    ixt_announce_t announce = {
        .module = text(module->name), .services = offers, .service_count = module->service_count};
    must(ixt_host_announce_encode(&announce, message, sizeof message, &length, NULL), "the announcement");
    fresh_id(id);
    must(ixt_connection_open(connection, id, IXT_INTERACTION_BIDI_STREAM, context, context_length, &control, NULL),
         "ixt.host");
    must(ixt_connection_try_send(connection, control, message, length), "ixt.host");
}

/* A message that says what is asked, and must say who asks as the open did. */
static void called(stream_t *stream, ixt_slice_t message) {
    ixt_handle_payload_t said;
    if (ixt_handle_payload_accept(message.data, message.length, stream->context, stream->context_length,
                                  IXT_MAX_PAYLOAD, &said, NULL) != IXT_OK) {
        loop_fail(stream, IXT_CODE_INVALID_ARGUMENT, (ixt_slice_t)IXT_TEXT("not a HandlePayload of this call"));
        return;
    }
    stream->handlers->called(stream, (ixt_slice_t){message.data + said.method.offset, said.method.length},
                             (ixt_slice_t){message.data + said.body.offset, said.body.length});
}

/* True when the program is done with the message. */
static bool heard(stream_t *stream, ixt_slice_t message) {
    if (stream->handlers->called) {
        called(stream, message);
        return true;
    }
    return !stream->handlers->message || stream->handlers->message(stream, message);
}

static void answered(const ixt_connection_event_t *event) {
    ixt_host_answer_t answer;
    ixt_connection_consume(connection, control, 1);
    if (ixt_host_answer_decode(event->data, event->length, &answer, NULL, 0) == IXT_OK &&
        answer.kind == IXT_HOST_ACCEPTED) {
        announced = true;
        if (module->announced) {
            module->announced();
        }
    }
}

static void opened(const ixt_connection_event_t *event) {
    static ixt_context_view_t context;
    const service_t *service = NULL;
    if (ixt_context_decode(event->data, event->length, &context, NULL) == IXT_OK &&
        context.target_kind == IXT_TARGET_SERVICE) {
        for (size_t i = 0; i < module->service_count; i++) {
            ixt_slice_t name = text(module->services[i].name);
            if (name.length == context.target.length &&
                memcmp(name.data, event->data + context.target.offset, name.length) == 0) {
                service = &module->services[i];
            }
        }
    }
    if (!service || service->interaction != event->interaction) {
        uint16_t code = service ? IXT_CODE_INVALID_ARGUMENT : IXT_CODE_NOT_FOUND;
        ixt_connection_fail(connection, event->stream, code, NULL, 0, NULL, 0, NULL);
        return;
    }
    stream_t *stream = add(event->stream, &service->handlers, NULL);
    if (service->handlers.called) {
        stream->context = grow(NULL, event->length + 1);
        memcpy(stream->context, event->data, event->length);
        stream->context_length = event->length;
    }
    if (service->handlers.opened) {
        service->handlers.opened(stream, (ixt_slice_t){event->data, event->length});
    }
}

static void over(const ixt_connection_event_t *event) {
    if (event->stream == control && !announced) {
        fprintf(stderr, "%s: the host refused: %.*s\n", module->name, (int)event->length, (const char *)event->data);
        ixt_connection_end(connection, IXT_END_SHUTDOWN, NULL, 0);
    }
    stream_t *stream = *find(event->stream);
    if (stream) {
        forget(stream, event);
    }
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
        } else if (stream && heard(stream, (ixt_slice_t){event->data, event->length})) {
            done_with(event->stream);
        }
        break;
    case IXT_EVENT_READY:
        if (stream) {
            resume(stream, event->number);
        }
        break;
    case IXT_EVENT_CLOSED:
        if (stream && stream->handlers->closed) {
            stream->handlers->closed(stream);
        }
        break;
    case IXT_EVENT_OVER:
        over(event);
        break;
    case IXT_EVENT_DRAINED:
        ixt_connection_end(connection, IXT_END_SHUTDOWN, NULL, 0);
        break;
    case IXT_EVENT_CONNECTION_ENDED:
        ended = true;
        if (!stopping) {
            fprintf(stderr, "%s: the connection ended: %.*s\n", module->name, (int)event->length,
                    (const char *)event->data);
        }
        break;
    default:
        break; /* what this program has no use for */
    }
}

/* Reads all that there is, and tells the engine. */
static void take(pipe_t *pipe, ixt_connection_event_t *events) {
    static uint8_t bytes[READ_SIZE];
    while (!ended) {
        ssize_t got = pipe->read(pipe, bytes, sizeof bytes);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0 && errno == EAGAIN) {
            return;
        }
        if (got <= 0) {
            ixt_connection_transport_ended(connection);
            return;
        }
        size_t at = 0, told, consumed;
        bool more;
        do {
            must(ixt_connection_receive(connection, bytes + at, (size_t)got - at, now_us(), events, EVENTS, &told,
                                        &consumed, &more),
                 "receive");
            for (size_t i = 0; i < told; i++) {
                happened(&events[i]);
            }
            at += consumed;
        } while (more);
    }
}

/* Drains the engine: events, and bytes as far as the pipe takes them. True where it would take no more. */
static bool give(pipe_t *pipe, ixt_connection_event_t *events) {
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
            ssize_t put = pipe->write(pipe, out + from, to - from);
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

static ssize_t read_socket(pipe_t *pipe, void *bytes, size_t length) { return recv(pipe->fd, bytes, length, 0); }

static ssize_t write_socket(pipe_t *pipe, const void *bytes, size_t length) {
    return send(pipe->fd, bytes, length, MSG_NOSIGNAL);
}

static void close_socket(pipe_t *pipe) { close(pipe->fd); }

pipe_t pipe_unix(const char *where) {
    static const char scheme[] = "unix://";
    const char *path = strncmp(where, scheme, sizeof scheme - 1) == 0 ? where + sizeof scheme - 1 : where;
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
    return (pipe_t){.fd = fd, .read = read_socket, .write = write_socket, .close = close_socket};
}

void loop_stop(void) {
    if (!stopping) {
        stopping = true;
        ixt_connection_go_away(connection, 1000, NULL, 0);
        ixt_connection_close(connection, control, IXT_CLOSE_COMPLETED, NULL);
    }
}

int loop_run(const module_t *described, pipe_t *pipe) {
    module = described;
    if (ixt_abi_version() != IXT_ABI_VERSION) {
        die("libixt", "another ABI version");
    }
    if (module->service_count > MAX_SERVICES) {
        die("announce", "too many services");
    }
    sigset_t term;
    sigemptyset(&term);
    sigaddset(&term, SIGTERM);
    sigaddset(&term, SIGINT);
    sigprocmask(SIG_BLOCK, &term, NULL);
    int signals = signalfd(-1, &term, SFD_CLOEXEC | SFD_NONBLOCK), loop = epoll_create1(EPOLL_CLOEXEC);

    uint8_t id[16];
    ixt_connection_config_t config;
    fresh_id(id);
    must(ixt_connection_config_init(&config), "settings");
    config.software = text(module->name);
    if (module->window > 0) {
        config.window = module->window;
        config.initial_credit = module->window < config.initial_credit ? module->window : config.initial_credit;
    }
    draw(&config.seed, sizeof config.seed);
    must(ixt_connection_new(&config, id, now_us(), &connection, NULL), "the connection");

    struct epoll_event watch = {.events = EPOLLIN, .data.fd = pipe->fd};
    epoll_ctl(loop, EPOLL_CTL_ADD, pipe->fd, &watch);
    watch.data.fd = signals;
    epoll_ctl(loop, EPOLL_CTL_ADD, signals, &watch);

    static ixt_connection_event_t events[EVENTS];
    while (!ended) {
        bool full = give(pipe, events);
        if (ended) {
            break;
        }
        watch = (struct epoll_event){.events = EPOLLIN | (full ? EPOLLOUT : 0), .data.fd = pipe->fd};
        epoll_ctl(loop, EPOLL_CTL_MOD, pipe->fd, &watch);
        uint64_t at_us, now = now_us();
        must(ixt_connection_next_timeout(connection, &at_us), "time");
        int wait_ms = at_us == 0 ? -1 : at_us <= now ? 0 : (int)((at_us - now) / 1000 + 1);
        struct epoll_event ready[2];
        int count = epoll_wait(loop, ready, 2, wait_ms);
        must(ixt_connection_handle_timeout(connection, now_us()), "time");
        for (int i = 0; i < count; i++) {
            if (ready[i].data.fd == signals) {
                struct signalfd_siginfo ignored;
                if (read(signals, &ignored, sizeof ignored) > 0) {
                    loop_stop();
                }
            } else if (ready[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR)) {
                take(pipe, events);
            }
        }
    }
    give(pipe, events);
    while (streams) {
        forget(streams, &(ixt_connection_event_t){.outcome = IXT_OUTCOME_NONE});
    }
    ixt_connection_free(connection);
    pipe->close(pipe);
    close(loop);
    close(signals);
    return stopping ? 0 : 1;
}
