/* Tests the module in C: this program is the host, on a Unix socket, and a caller beside it.
 *
 *   test MODULE SOCKET
 *
 * It starts the module, makes calls of its services, has it stop in order, and wants its exit status to be 0. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../../../bindings/c/tests/check.h"

#define TEXT(text) ((const uint8_t *)(text)), (sizeof(text) - 1)

static ixt_host_t *host;
static ixt_connection_t *caller;
/* The two connections of the host: the module's, by its socket, and the caller's. */
static uint64_t module_link, caller_link;
static int module_fd = -1;

/* What the caller was told. */
static size_t messages, overs;
static char last[64];
static ixt_connection_event_t over;

static uint64_t now_us(void) {
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

static const uint8_t *fresh(void) {
    static uint8_t id[16];
    static uint32_t next = 1;
    memset(id, 0xc7, sizeof id);
    memcpy(id + 8, &next, sizeof next);
    next++;
    return id;
}

static void told(const ixt_connection_event_t *events, size_t count, bool reads) {
    for (size_t i = 0; i < count; i++) {
        if (events[i].kind == IXT_EVENT_DATA) {
            messages++;
            size_t length = events[i].length < 63 ? events[i].length : 63;
            memcpy(last, events[i].data, length);
            last[length] = 0;
            if (reads) {
                ixt_connection_consume(caller, events[i].stream, 1);
            }
        } else if (events[i].kind == IXT_EVENT_OVER) {
            overs++;
            over = events[i];
        }
    }
}

/* Moves bytes until nothing has moved for so long. A caller that does not read grants nothing. */
static void move_for(int quiet_ms, bool reads) {
    static uint8_t bytes[64 << 10];
    ixt_connection_event_t events[64];
    size_t filled, count, consumed;
    for (bool moved = true; moved;) {
        moved = false;
        bool more = true;
        while (more) {
            OK(ixt_connection_drain(caller, bytes, sizeof bytes, &filled, events, 64, &count, &more));
            told(events, count, reads);
            OK(ixt_host_receive(host, caller_link, bytes, filled, now_us()));
        }
        uint64_t link;
        OK(ixt_host_poll_writable(host, &link));
        for (; link; ixt_host_poll_writable(host, &link)) {
            for (OK(ixt_host_poll_transmit(host, link, bytes, sizeof bytes, &filled)); filled;
                 OK(ixt_host_poll_transmit(host, link, bytes, sizeof bytes, &filled))) {
                moved = true;
                if (link == module_link) {
                    for (size_t at = 0; at < filled;) {
                        ssize_t put = send(module_fd, bytes + at, filled - at, MSG_NOSIGNAL);
                        at = put < 0 ? filled : at + (size_t)put;
                    }
                } else {
                    size_t at = 0;
                    do {
                        OK(ixt_connection_receive(caller, bytes + at, filled - at, now_us(), events, 64, &count, &consumed, &more));
                        told(events, count, reads);
                        at += consumed;
                    } while (more);
                }
            }
        }
        struct pollfd watch = {.fd = module_fd, .events = POLLIN};
        if (module_fd >= 0 && poll(&watch, 1, moved ? 0 : quiet_ms) > 0) {
            ssize_t got = read(module_fd, bytes, sizeof bytes);
            moved = true;
            if (got <= 0) {
                OK(ixt_host_transport_ended(host, module_link));
                close(module_fd);
                module_fd = -1;
            } else {
                OK(ixt_host_receive(host, module_link, bytes, (size_t)got, now_us()));
            }
        }
    }
}

static void move(void) { move_for(200, true); }

static uint64_t call(const char *service, uint16_t interaction, const char *message) {
    uint8_t context[128];
    size_t length;
    uint64_t key = 0;
    ixt_context_value_t value = {.source_module = IXT_TEXT("caller"),
                                 .target_kind = IXT_TARGET_SERVICE,
                                 .target = {(const uint8_t *)service, strlen(service)}};
    OK(ixt_context_encode(&value, context, sizeof context, &length, NULL));
    messages = overs = 0;
    last[0] = 0;
    if (message) {
        OK(ixt_connection_open_send_close(caller, fresh(), interaction, context, length, (const uint8_t *)message, strlen(message), &key, NULL));
    } else {
        OK(ixt_connection_open(caller, fresh(), interaction, context, length, &key, NULL));
    }
    return key;
}

/* A call in one message; a deadline in the message's context that is not the open's is one of another call. */
static void call_message(const char *method, const char *body, uint64_t said_deadline_ms) {
    uint8_t context[128], said[128], message[512];
    size_t length, said_length, written;
    uint64_t key;
    ixt_context_value_t value = {
        .source_module = IXT_TEXT("caller"), .target_kind = IXT_TARGET_SERVICE, .target = IXT_TEXT("c.message")};
    OK(ixt_context_encode(&value, context, sizeof context, &length, NULL));
    value.deadline_ms = said_deadline_ms;
    OK(ixt_context_encode(&value, said, sizeof said, &said_length, NULL));
    OK(ixt_handle_payload_encode(said, said_length, (const uint8_t *)method, strlen(method), (const uint8_t *)body, strlen(body),
                                 IXT_MAX_PAYLOAD, message, sizeof message, &written, NULL));
    messages = overs = 0;
    last[0] = 0;
    OK(ixt_connection_open_send_close(caller, fresh(), IXT_INTERACTION_UNARY, context, length, message, written, &key, NULL));
    move();
}

static void announce_caller(void) {
    uint8_t context[64], message[256];
    size_t context_length, length;
    uint64_t key;
    ixt_context_value_t value = {.target_kind = IXT_TARGET_SERVICE, .target = IXT_TEXT("ixt.host")};
    OK(ixt_context_encode(&value, context, sizeof context, &context_length, NULL));
    ixt_announce_t announce = {.module = IXT_TEXT("caller")};
    OK(ixt_host_announce_encode(&announce, message, sizeof message, &length, NULL));
    OK(ixt_connection_open(caller, fresh(), IXT_INTERACTION_BIDI_STREAM, context, context_length, &key, NULL));
    OK(ixt_connection_try_send(caller, key, message, length));
}

static pid_t start(const char *module, const char *path) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    strncpy(address.sun_path, path, sizeof address.sun_path - 1);
    unlink(path);
    int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CHECK(bind(listener, (struct sockaddr *)&address, sizeof address) == 0 && listen(listener, 1) == 0);
    pid_t child = fork();
    if (child == 0) {
        execl(module, module, path, (char *)NULL);
        _exit(127);
    }
    struct pollfd watch = {.fd = listener, .events = POLLIN};
    CHECK(poll(&watch, 1, 20000) == 1);
    module_fd = accept(listener, NULL, NULL);
    CHECK(module_fd >= 0);
    close(listener);
    unlink(path);
    OK(ixt_host_connect(host, 1000, now_us(), &module_link));
    ixt_host_counts_t counts = {0};
    for (int i = 0; i < 100 && counts.modules < 2; i++) {
        move();
        OK(ixt_host_counts(host, &counts));
    }
    CHECK(counts.modules == 2);
    return child;
}

int main(int argc, char **argv) {
    if (argc != 3) {
        fprintf(stderr, "usage: test MODULE SOCKET\n");
        return 2;
    }
    alarm(120);
    static const uint8_t seed[32] = {1};
    OK(ixt_host_new(NULL, 0, seed, now_us(), &host));
    OK(ixt_host_connect(host, 1000, now_us(), &caller_link));
    OK(ixt_connection_new(NULL, fresh(), now_us(), &caller, NULL));
    move();
    announce_caller();
    move();
    pid_t child = start(argv[1], argv[2]);

    about = "unary";
    call("c.upper", IXT_INTERACTION_UNARY, "hello");
    move();
    CHECK(messages == 1 && strcmp(last, "HELLO") == 0 && overs == 1 && over.outcome == IXT_OUTCOME_COMPLETED);
    about = "a call in one message";
    call_message("upper", "hello", 0);
    CHECK(messages == 1 && strcmp(last, "HELLO") == 0 && overs == 1 && over.outcome == IXT_OUTCOME_COMPLETED);
    call_message("lower", "hello", 0);
    CHECK(messages == 0 && overs == 1 && over.code == IXT_CODE_NOT_FOUND);
    call_message("upper", "hello", UINT64_MAX);
    CHECK(messages == 0 && overs == 1 && over.code == IXT_CODE_INVALID_ARGUMENT);
    call("c.message", IXT_INTERACTION_UNARY, "no message");
    move();
    CHECK(messages == 0 && overs == 1 && over.code == IXT_CODE_INVALID_ARGUMENT);
    about = "a kind that is not served";
    call("c.upper", IXT_INTERACTION_SERVER_STREAM, "hello");
    move();
    CHECK(messages == 0 && overs == 1 && over.outcome == IXT_OUTCOME_FAILED);
    about = "a service that nobody has";
    call("c.nothing", IXT_INTERACTION_UNARY, "hello");
    move();
    CHECK(overs == 1 && over.code == IXT_CODE_NOT_FOUND);

    about = "a server stream";
    call("c.count", IXT_INTERACTION_SERVER_STREAM, "5000");
    move();
    CHECK(messages == 5000 && strcmp(last, "4999") == 0 && overs == 1 && over.outcome == IXT_OUTCOME_COMPLETED);
    call("c.count", IXT_INTERACTION_SERVER_STREAM, "many");
    move();
    CHECK(messages == 0 && overs == 1 && over.code == IXT_CODE_INVALID_ARGUMENT);
    about = "a reader that does not read";
    uint64_t key = call("c.count", IXT_INTERACTION_SERVER_STREAM, "5000");
    move_for(200, false);
    CHECK(messages == 64 && overs == 0);
    OK(ixt_connection_cancel(caller, key, IXT_CANCEL_CONSUMER_GONE, NULL, 0, NULL));
    move();
    CHECK(overs == 1 && over.outcome == IXT_OUTCOME_CANCELLED);

    about = "a bidi stream";
    key = call("c.echo", IXT_INTERACTION_BIDI_STREAM, NULL);
    for (size_t sent = 0; sent < 500;) {
        char text[16];
        int length = snprintf(text, sizeof text, "%zu", sent);
        if (ixt_connection_try_send(caller, key, (const uint8_t *)text, (size_t)length) == IXT_OK) {
            sent++;
        } else {
            move_for(20, true);
        }
    }
    OK(ixt_connection_close(caller, key, IXT_CLOSE_COMPLETED, NULL));
    move();
    CHECK(messages == 500 && strcmp(last, "499") == 0 && overs == 1 && over.outcome == IXT_OUTCOME_COMPLETED);

    about = "the stop";
    key = call("c.echo", IXT_INTERACTION_BIDI_STREAM, NULL);
    OK(ixt_connection_try_send(caller, key, TEXT("one")));
    move();
    kill(child, SIGTERM);
    for (int i = 0; i < 100 && module_fd >= 0; i++) {
        move();
    }
    CHECK(messages == 1 && overs == 1 && over.outcome != IXT_OUTCOME_COMPLETED);
    int status = -1;
    CHECK(waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0);

    ixt_connection_free(caller);
    ixt_host_free(host);
    about = "";
    return summary("the module in C");
}
