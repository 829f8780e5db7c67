/* The C hop of the relay: takes frames from a socket, decodes, checks and encodes each again, and passes it
 * on under credit.
 *
 *     relay-c --listen UPSTREAM.sock --connect DOWNSTREAM.sock --tap TAP
 *
 * Upstream it is a responder, downstream an opener. What one end receives becomes a command at the other,
 * and all waiting is in poll(2): the library only computes. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include <ixt.h>

enum { UP, DOWN, SIDES, READ = 1 << 18, EVENTS = 64 };

static const char *const names[SIDES] = {"upstream", "downstream"};

/* Bytes that wait: `data[start..end]`. */
typedef struct {
    uint8_t *data;
    size_t start, end, room;
} buffer_t;

typedef struct {
    int fd;
    buffer_t in, out;
    ixt_stream_t *stream;
} side_t;

static side_t sides[SIDES];
static FILE *tap;

static struct {
    uint64_t frames[6]; /* sent, by kind */
    uint64_t payload_bytes, credit_waits;
    uint32_t max_outstanding;
    double opened, waited, spent_since; /* seconds; the last is 0 while there is credit */
} stats;

/* -- when it goes wrong --------------------------------------------------------------------------- */

static void fail(const char *kind, const char *format, ...) {
    va_list values;
    va_start(values, format);
    fprintf(stderr, "relay-c: %s: ", kind);
    vfprintf(stderr, format, values);
    fprintf(stderr, "\n");
    va_end(values);
    exit(1);
}

static void need(ixt_status_t status, const char *what) {
    if (status != IXT_OK) {
        fail(ixt_status_name(status), "%s: %s", what, ixt_status_says(status));
    }
}

static void need_system(bool done, const char *what) {
    if (!done) {
        fail("Io", "%s: %s", what, strerror(errno));
    }
}

/* -- time ------------------------------------------------------------------------------------------- */

static double seconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static uint64_t unix_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static void nap(long milliseconds) {
    struct timespec time = {0, milliseconds * 1000000};
    nanosleep(&time, NULL);
}

/* -- buffers ---------------------------------------------------------------------------------------- */

/* Room for so many bytes behind what waits. */
static uint8_t *reserve(buffer_t *buffer, size_t more) {
    if (buffer->room - buffer->end < more) {
        size_t waits = buffer->end - buffer->start;
        if (waits) {
            memmove(buffer->data, buffer->data + buffer->start, waits);
        }
        buffer->start = 0;
        buffer->end = waits;
        if (buffer->room - waits < more) {
            buffer->room = waits + more + READ;
            buffer->data = realloc(buffer->data, buffer->room);
            need_system(buffer->data != NULL, "memory");
        }
    }
    return buffer->data + buffer->end;
}

static bool is_empty(const buffer_t *buffer) {
    return buffer->start == buffer->end;
}

/* Takes what can be taken from the socket now. */
static void read_some(int side) {
    buffer_t *in = &sides[side].in;
    ssize_t got = read(sides[side].fd, reserve(in, READ), READ);
    if (got == 0) {
        fail("Truncated", "the %s peer went before the end", names[side]);
    }
    need_system(got > 0 || errno == EAGAIN || errno == EINTR, "read");
    in->end += got > 0 ? (size_t)got : 0;
}

static void write_some(int side) {
    buffer_t *out = &sides[side].out;
    ssize_t put = write(sides[side].fd, out->data + out->start, out->end - out->start);
    need_system(put >= 0 || errno == EAGAIN || errno == EINTR, "write");
    out->start += put > 0 ? (size_t)put : 0;
}

/* -- what leaves ------------------------------------------------------------------------------------ */

static void settle(void) {
    if (stats.spent_since > 0) {
        stats.waited += seconds() - stats.spent_since;
        stats.spent_since = 0;
    }
}

/* The frames that were just written behind what waits leave, through the tap too. */
static void put(int side, size_t length) {
    buffer_t *out = &sides[side].out;
    const uint8_t *bytes = out->data + out->end;
    for (size_t at = 0; at < length;) {
        ixt_frame_t frames[EVENTS];
        size_t count, consumed;
        need(ixt_frame_decode_batch(bytes + at, length - at, IXT_MAX_PAYLOAD, frames, EVENTS, &count, &consumed, NULL),
             "an own frame");
        for (size_t i = 0; i < count; i++) {
            stats.frames[frames[i].kind]++;
            if (side == DOWN && frames[i].kind == IXT_FRAME_OPEN) {
                stats.opened = seconds();
            }
            if (side == DOWN && frames[i].kind == IXT_FRAME_DATA) {
                stats.payload_bytes += frames[i].payload.length;
            }
            if (side == DOWN && frames[i].kind == IXT_FRAME_CLOSE) {
                settle();
            }
        }
        at += consumed;
    }
    if (length) {
        need_system(fwrite(bytes, 1, length, tap) == length, "tap");
        out->end += length;
    }
}

static void note_credit(void) {
    ixt_state_t state;
    need(ixt_stream_state(sides[DOWN].stream, &state), "state");
    if (state.credit > stats.max_outstanding) {
        stats.max_outstanding = state.credit;
    }
    if (state.credit > 0 || state.sender != IXT_HALF_OPEN) {
        settle();
    } else if (stats.max_outstanding > 0 && stats.spent_since == 0) {
        stats.spent_since = seconds();
        stats.credit_waits++;
    }
}

/* -- what comes ------------------------------------------------------------------------------------- */

/* Decodes the context, checks the caller, and opens downstream with the context encoded again. */
static void open_downstream(const ixt_event_t *open, const uint8_t *input) {
    const uint8_t *context = input + open->context.offset;
    ixt_context_view_t caller;
    ixt_error_t error;
    bool granted, elapsed, tenant = false;
    ixt_status_t status = ixt_context_decode(context, open->context.length, &caller, &error);
    if (status != IXT_OK) {
        fail(ixt_status_name(status), "the context: %s", error.message);
    }
    need(ixt_context_has_capability(context, open->context.length, (const uint8_t *)"relay.stream", 12, &granted, NULL),
         "the capabilities");
    need(ixt_context_deadline_elapsed(caller.deadline_ms, unix_ms(), &elapsed), "the deadline");
    for (uint32_t i = 0; i < caller.metadata_count; i++) {
        ixt_span_t key = caller.metadata[i].key;
        tenant = tenant || (key.length == 6 && memcmp(context + key.offset, "tenant", 6) == 0);
    }
    const char *fault = caller.subject_kind != IXT_SUBJECT_OPERATOR ? "the caller is no operator"
                        : !granted                                  ? "the caller may not relay"
                        : elapsed                                   ? "the deadline has passed"
                        : !tenant                                   ? "no tenant is named"
                                                                    : NULL;
    if (fault) {
        fail("permissionDenied", "%s", fault);
    }

    uint8_t again[IXT_MAX_CONTEXT], id[16];
    size_t again_length, length;
    need(ixt_context_view_encode(&caller, context, open->context.length, again, sizeof again, &again_length, NULL),
         "the context");
    need(ixt_stream_id(sides[UP].stream, id), "the id");
    need(ixt_stream_new_opener(open->interaction, NULL, &sides[DOWN].stream), "the opener");
    uint8_t *out = reserve(&sides[DOWN].out, again_length + 128);
    need(ixt_stream_open(sides[DOWN].stream, id, open->credit, again, again_length, out, again_length + 128, &length, NULL),
         "open");
    put(DOWN, length);
}

static void drain(int side) {
    if (!sides[side].stream) {
        return;
    }
    for (bool more = true; more;) {
        size_t length, count;
        uint8_t *out = reserve(&sides[side].out, IXT_MAX_CONTROL);
        ixt_event_t event;
        need(ixt_stream_drain(sides[side].stream, out, IXT_MAX_CONTROL, &length, &event, 1, &count, &more), "drain");
        put(side, length);
        if (count) {
            fail("Internal", "an event of %s that no frame caused", names[side]);
        }
    }
}

/* The stream of one side ended out of order: so does that of the other, and the relay. */
static void break_off(int side, const ixt_event_t *event) {
    static uint8_t message[IXT_MAX_TEXT], details[IXT_MAX_TEXT];
    size_t message_length, details_length;
    ixt_stream_t *other = sides[!side].stream;
    need(ixt_stream_outcome_message(sides[side].stream, message, sizeof message, &message_length), "outcome");
    need(ixt_stream_outcome_details(sides[side].stream, details, sizeof details, &details_length), "outcome");
    bool failed = event->kind == IXT_EVENT_FAILED;
    if (other && failed) {
        need(ixt_stream_fail(other, event->code, message, message_length, details, details_length, NULL), "fail");
    } else if (other) {
        need(ixt_stream_cancel(other, event->reason, message, message_length, NULL), "cancel");
    }
    drain(UP);
    drain(DOWN);
    for (int each = 0; each < SIDES; each++) {
        for (int tries = 0; tries < 100 && !is_empty(&sides[each].out); tries++) {
            write_some(each);
            nap(1);
        }
    }
    fail(failed ? "StreamFailed" : "StreamCancelled", "the %s stream, with %s %u: %.*s", names[side],
         failed ? "code" : "reason", (unsigned)(failed ? event->code : event->reason), (int)message_length,
         (const char *)message);
}

/* What happened at one side becomes a command at the other. */
static void pass_on(int side, const ixt_event_t *event, const uint8_t *input) {
    ixt_stream_t *other = sides[!side].stream;
    if (event->kind == IXT_EVENT_OPENED) {
        open_downstream(event, input);
        return;
    }
    if (event->kind == IXT_EVENT_FAILED || event->kind == IXT_EVENT_CANCELLED) {
        break_off(side, event);
    }
    if (event->kind == IXT_EVENT_VIOLATION) {
        static const char *const rules[] = {"", "UnknownStream", "FrameAfterClose", "UnknownFrame"};
        fail(rules[event->violation & 3], "from %s", names[side]);
    }
    if (event->kind == IXT_EVENT_DATA) {
        size_t length, room = event->payload.length + 64;
        uint8_t *out = reserve(&sides[!side].out, room);
        need(ixt_stream_try_send(other, input + event->payload.offset, event->payload.length, out, room, &length), "send");
        put(!side, length);
    } else if (event->kind == IXT_EVENT_CREDIT) {
        need(ixt_stream_grant(other, event->credit), "grant");
    } else if (event->kind == IXT_EVENT_CLOSED) {
        need(ixt_stream_close(other, event->reason, NULL), "close");
    }
    drain(!side);
}

/* All whole frames that have come from one side. */
static void take(int side) {
    buffer_t *in = &sides[side].in;
    size_t consumed, count;
    do {
        const uint8_t *input = in->data + in->start;
        ixt_event_t events[EVENTS];
        ixt_error_t error;
        size_t length;
        bool more;
        if (!sides[side].stream) {
            fail("NotOpen", "a frame from %s came before the open", names[side]);
        }
        uint8_t *out = reserve(&sides[side].out, IXT_MAX_CONTROL);
        ixt_status_t status =
            ixt_stream_receive_batch(sides[side].stream, input, in->end - in->start, &consumed, out, IXT_MAX_CONTROL,
                                     &length, events, EVENTS, &count, &more, &error);
        if (status != IXT_OK) {
            fail(ixt_status_name(status), "a frame from %s: %s", names[side], error.message);
        }
        put(side, length);
        for (size_t i = 0; i < count; i++) {
            pass_on(side, &events[i], input);
            if (sides[DOWN].stream) {
                note_credit();
            }
        }
        in->start += consumed;
    } while (consumed || count);
}

/* -- the process ------------------------------------------------------------------------------------ */

static struct sockaddr_un address(const char *path) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof address.sun_path) {
        fail("Usage", "%s is too long for a socket", path);
    }
    strcpy(address.sun_path, path);
    return address;
}

static int listen_at(const char *path) {
    struct sockaddr_un at = address(path);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    unlink(path);
    need_system(fd >= 0 && bind(fd, (struct sockaddr *)&at, sizeof at) == 0 && listen(fd, 1) == 0, path);
    return fd;
}

/* Connects, and tries again for ten seconds: the hops start in any order. */
static int connect_to(const char *path) {
    struct sockaddr_un at = address(path);
    for (int tries = 0;; tries++) {
        int fd = socket(AF_UNIX, SOCK_STREAM, 0);
        need_system(fd >= 0, "socket");
        if (connect(fd, (struct sockaddr *)&at, sizeof at) == 0) {
            return fd;
        }
        need_system(tries < 500, path);
        close(fd);
        nap(20);
    }
}

static bool has_ended(int side) {
    ixt_state_t state;
    if (!sides[side].stream) {
        return false;
    }
    need(ixt_stream_state(sides[side].stream, &state), "state");
    return state.ended;
}

static void relay(void) {
    while (!(has_ended(UP) && has_ended(DOWN) && is_empty(&sides[UP].out) && is_empty(&sides[DOWN].out))) {
        struct pollfd polled[SIDES];
        bool over = has_ended(UP) && has_ended(DOWN);
        for (int side = 0; side < SIDES; side++) {
            /* Once both have ended, only what is left to send counts: the peers may go. */
            short events = (short)((over ? 0 : POLLIN) | (is_empty(&sides[side].out) ? 0 : POLLOUT));
            polled[side] = (struct pollfd){.fd = events ? sides[side].fd : -1, .events = events};
        }
        int ready = poll(polled, SIDES, -1);
        need_system(ready >= 0 || errno == EINTR, "poll");
        for (int side = 0; ready > 0 && side < SIDES; side++) {
            if (polled[side].revents & POLLOUT) {
                write_some(side);
            }
            if (!over && (polled[side].revents & (POLLIN | POLLHUP | POLLERR))) {
                read_some(side);
                take(side);
            } else if (over && (polled[side].revents & POLLERR)) {
                fail("Io", "the %s peer went before the end", names[side]);
            }
        }
    }
}

static const char *option(int count, char **words, const char *name) {
    for (int i = 1; i + 1 < count; i += 2) {
        if (strcmp(words[i], name) == 0) {
            return words[i + 1];
        }
    }
    fprintf(stderr, "usage: relay-c --listen UPSTREAM.sock --connect DOWNSTREAM.sock --tap TAP\n");
    exit(2);
}

int main(int count, char **words) {
    const char *listen_path = option(count, words, "--listen");
    const char *connect_path = option(count, words, "--connect");
    const char *tap_path = option(count, words, "--tap");
    if (ixt_abi_version() != IXT_ABI_VERSION) {
        fail(ixt_status_name(IXT_ERR_ABI_MISMATCH), "%s", ixt_status_says(IXT_ERR_ABI_MISMATCH));
    }
    signal(SIGPIPE, SIG_IGN);

    tap = fopen(tap_path, "ab");
    need_system(tap != NULL, tap_path);
    /* What was sent shows in the tap even when the next frame makes the hop fail. */
    setvbuf(tap, NULL, _IONBF, 0);
    int listener = listen_at(listen_path);
    sides[DOWN].fd = connect_to(connect_path);
    sides[UP].fd = accept(listener, NULL, NULL);
    need_system(sides[UP].fd >= 0, "accept");
    close(listener);
    for (int side = 0; side < SIDES; side++) {
        need_system(fcntl(sides[side].fd, F_SETFL, O_NONBLOCK) == 0, "fcntl");
    }

    need(ixt_stream_new_responder(NULL, &sides[UP].stream), "the responder");
    relay();
    need_system(fclose(tap) == 0, "tap");

    const uint64_t *sent = stats.frames;
    printf("{\"language\":\"c\",\"frames\":{\"open\":%" PRIu64 ",\"data\":%" PRIu64 ",\"credit\":%" PRIu64
           ",\"close\":%" PRIu64 ",\"error\":%" PRIu64 ",\"cancel\":%" PRIu64 "},\"payload_bytes\":%" PRIu64
           ",\"max_outstanding\":%" PRIu32 ",\"credit_waits\":%" PRIu64 ",\"credit_wait_ms\":%.3f,\"seconds\":%.6f}\n",
           sent[IXT_FRAME_OPEN], sent[IXT_FRAME_DATA], sent[IXT_FRAME_CREDIT], sent[IXT_FRAME_CLOSE],
           sent[IXT_FRAME_ERROR], sent[IXT_FRAME_CANCEL], stats.payload_bytes, stats.max_outstanding,
           stats.credit_waits, stats.waited * 1e3, seconds() - stats.opened);

    for (int side = 0; side < SIDES; side++) {
        ixt_stream_free(sides[side].stream);
        free(sides[side].in.data);
        free(sides[side].out.data);
        close(sides[side].fd);
    }
    return 0;
}
