#define _GNU_SOURCE
#include "nats.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include <nats/nats.h>

enum { MOST_LISTENS = 32, MOST_MESSAGES = 64, LOCAL_SIZE = 64 << 10, PINGS_MS = 2000, CLOSE_MS = 1000 };

/* A caller that nobody here has heard of says hello before it is answered: for so long nothing has to come before a
 * module that leaves is gone. */
static const uint64_t quiet_us = 50000;

/* The node, and what of it waits for the module. libnats calls from threads of its own, the loop from its one, and the
 * carrier makes every call that may wait: `lock` is held for none of those. */
typedef struct {
    pthread_mutex_t lock;
    /* The carrier has something to do. */
    pthread_cond_t work;
    pthread_t carrier;
    natsConnection *client;
    ixt_node_t *node;
    struct {
        char *subject;
        natsSubscription *subscription;
    } listens[MOST_LISTENS];
    size_t listen_count;
    /* What the module is to read. */
    uint8_t local[LOCAL_SIZE];
    size_t from, to;
    /* Readable when there is something to read, or nothing more comes. */
    int readable;
    uint64_t received_us;
    /* Something was done to the node. */
    bool touched;
    /* The module closes its end; nothing more comes for it. */
    bool closing, over;
} carried_t;

/* Microseconds since the Unix epoch, moved on by the monotonic clock; conditions wait by that one too. */
static uint64_t clock_us(clockid_t which) {
    struct timespec t;
    clock_gettime(which, &t);
    return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

static uint64_t start_us;

static uint64_t now_us(void) { return start_us + clock_us(CLOCK_MONOTONIC); }

static void need(natsStatus status, const char *what) {
    if (status != NATS_OK) {
        die(what, natsStatus_GetText(status));
    }
}

/* -- what libnats tells -------------------------------------------------------------------------------------- */

static void touched(carried_t *this) {
    this->touched = true;
    pthread_cond_signal(&this->work);
    pthread_mutex_unlock(&this->lock);
}

static void came(natsConnection *client, natsSubscription *subscription, natsMsg *message, void *closure) {
    carried_t *this = closure;
    const char *subject = natsMsg_GetSubject(message);
    (void)client;
    (void)subscription;
    pthread_mutex_lock(&this->lock);
    this->received_us = now_us();
    if (natsMsg_IsNoResponders(message)) {
        ixt_node_no_responders(this->node, (const uint8_t *)subject, strlen(subject), this->received_us);
    } else {
        ixt_node_receive(this->node, (const uint8_t *)subject, strlen(subject), (const uint8_t *)natsMsg_GetData(message),
                         (size_t)natsMsg_GetDataLength(message), this->received_us);
    }
    touched(this);
    natsMsg_Destroy(message);
}

static void refused(natsConnection *client, natsSubscription *subscription, natsStatus status, void *closure) {
    carried_t *this = closure;
    const char *words = NULL;
    (void)subscription;
    (void)status;
    natsConnection_GetLastError(client, &words);
    pthread_mutex_lock(&this->lock);
    if (words && this->node) {
        ixt_node_server_error(this->node, (const uint8_t *)words, strlen(words), now_us());
    }
    touched(this);
}

/* The client has given up. */
static void lost(natsConnection *client, void *closure) {
    carried_t *this = closure;
    (void)client;
    pthread_mutex_lock(&this->lock);
    this->over = true;
    touched(this);
}

/* -- the carrier --------------------------------------------------------------------------------------------- */

/* Listens, or no more: without the lock, for it waits for the server's answer. */
static void subscribe(carried_t *this, const char *subject, bool is_shared, bool is_wanted) {
    size_t at = 0;
    while (at < this->listen_count && strcmp(this->listens[at].subject, subject) != 0) {
        at++;
    }
    if (is_wanted && at < MOST_LISTENS) {
        natsSubscription *made = NULL;
        natsStatus status =
            is_shared ? natsConnection_QueueSubscribe(&made, this->client, subject, IXT_NODE_QUEUE, came, this)
                      : natsConnection_Subscribe(&made, this->client, subject, came, this);
        if (status == NATS_OK) {
            natsSubscription_SetPendingLimits(made, -1, -1);
            this->listens[this->listen_count].subject = strdup(subject);
            this->listens[this->listen_count++].subscription = made;
        }
    } else if (!is_wanted && at < this->listen_count) {
        natsSubscription_Drain(this->listens[at].subscription); /* what is on its way still arrives */
    }
}

/* Does with the lock what there is to do. True when there may be more. */
static bool carry_once(carried_t *this, uint8_t *out, size_t room, uint64_t *at_us) {
    static ixt_node_packed_t messages[MOST_MESSAGES];
    ixt_node_drained_t drained;
    this->touched = false;
    if (this->from == this->to) {
        this->from = this->to = 0;
    }
    if (ixt_node_drain(this->node, this->local + this->to, LOCAL_SIZE - this->to, out, room, messages, MOST_MESSAGES,
                       &drained) != IXT_OK) {
        this->over = true;
        return false;
    }
    this->to += drained.local;
    *at_us = drained.at_us;
    this->over = this->over || (drained.has_ended && this->from == this->to);
    if (this->from < this->to || this->over) {
        eventfd_write(this->readable, 1);
    }
    bool subscribed = drained.has_subscription;
    while (drained.has_subscription) {
        ixt_node_subscription_t told;
        ixt_node_poll_subscription(this->node, &told);
        drained.has_subscription = told.subject_length > 0;
        if (drained.has_subscription) {
            char *subject = strndup((const char *)told.subject, told.subject_length);
            pthread_mutex_unlock(&this->lock);
            subscribe(this, subject, told.is_shared, told.is_wanted);
            free(subject);
            pthread_mutex_lock(&this->lock);
        }
    }
    pthread_mutex_unlock(&this->lock);
    if (subscribed) {
        natsConnection_FlushTimeout(this->client, CLOSE_MS);
    }
    for (size_t i = 0; i < drained.count; i++) {
        char subject[1024], reply[1024];
        const ixt_node_packed_t *message = &messages[i];
        if (message->subject.length < sizeof subject && message->reply.length < sizeof reply) {
            memcpy(subject, out + message->subject.offset, message->subject.length);
            subject[message->subject.length] = 0;
            memcpy(reply, out + message->reply.offset, message->reply.length);
            reply[message->reply.length] = 0;
            const void *payload = out + message->payload.offset;
            if (message->reply.length > 0) {
                natsConnection_PublishRequest(this->client, subject, reply, payload, (int)message->payload.length);
            } else {
                natsConnection_Publish(this->client, subject, payload, (int)message->payload.length);
            }
        }
    }
    pthread_mutex_lock(&this->lock);
    if (subscribed) {
        ixt_node_subscribed(this->node);
    }
    return subscribed || drained.count > 0 || this->touched;
}

static void wait_until(carried_t *this, uint64_t at_us) {
    if (at_us == 0) {
        pthread_cond_wait(&this->work, &this->lock);
        return;
    }
    uint64_t monotonic = at_us > start_us ? at_us - start_us : 0;
    struct timespec until = {.tv_sec = (time_t)(monotonic / 1000000), .tv_nsec = (long)(monotonic % 1000000) * 1000};
    pthread_cond_timedwait(&this->work, &this->lock, &until);
}

static void *carry(void *closure) {
    carried_t *this = closure;
    size_t room = (size_t)natsConnection_GetMaxPayload(this->client) + IXT_NODE_OVERHEAD;
    uint8_t *out = malloc(room);
    uint64_t at_us = 0;
    if (!out) {
        die("memory", "there is no more");
    }
    pthread_mutex_lock(&this->lock);
    while (!this->closing) {
        if (!carry_once(this, out, room, &at_us) && !this->closing && !this->touched) {
            wait_until(this, at_us);
            ixt_node_handle_timeout(this->node, now_us());
        }
    }
    /* What the server sent before it knew that it is not wanted any more is refused. */
    for (int ended = 0; ended < 2; ended++) {
        do {
            while (carry_once(this, out, room, &at_us)) {
            }
            wait_until(this, this->received_us + quiet_us);
        } while (this->touched || now_us() < this->received_us + quiet_us);
        ixt_node_local_ended(this->node, now_us());
    }
    while (carry_once(this, out, room, &at_us)) {
    }
    pthread_mutex_unlock(&this->lock);
    natsConnection_FlushTimeout(this->client, CLOSE_MS);
    free(out);
    return NULL;
}

/* -- the pipe ------------------------------------------------------------------------------------------------ */

static ssize_t read_node(pipe_t *pipe, void *bytes, size_t length) {
    carried_t *this = pipe->own;
    pthread_mutex_lock(&this->lock);
    size_t here = this->to - this->from;
    size_t moved = here < length ? here : length;
    memcpy(bytes, this->local + this->from, moved);
    this->from += moved;
    bool over = this->over;
    if (this->from == this->to && !over) {
        eventfd_t ignored;
        eventfd_read(this->readable, &ignored);
    }
    touched(this); /* there is room again */
    if (moved == 0 && !over) {
        errno = EAGAIN;
        return -1;
    }
    return (ssize_t)moved;
}

static ssize_t write_node(pipe_t *pipe, const void *bytes, size_t length) {
    carried_t *this = pipe->own;
    pthread_mutex_lock(&this->lock);
    ixt_node_read_local(this->node, bytes, length, now_us());
    touched(this);
    return (ssize_t)length;
}

static void close_node(pipe_t *pipe) {
    carried_t *this = pipe->own;
    pthread_mutex_lock(&this->lock);
    this->closing = true;
    touched(this);
    pthread_join(this->carrier, NULL);
    for (size_t at = 0; at < this->listen_count; at++) {
        natsSubscription_Destroy(this->listens[at].subscription);
        free(this->listens[at].subject);
    }
    natsConnection_Destroy(this->client);
    nats_CloseAndWait(CLOSE_MS); /* nobody calls back any more */
    close(this->readable);
    ixt_node_free(this->node);
    free(this);
}

pipe_t pipe_nats(const char *url, const char *roots) {
    carried_t *this = calloc(1, sizeof *this);
    char *servers = strdup(url);
    if (!this || !servers) {
        die("memory", "there is no more");
    }
    /* For the loop alone, and not for the threads that begin here. */
    sigset_t term;
    sigemptyset(&term);
    sigaddset(&term, SIGTERM);
    sigaddset(&term, SIGINT);
    pthread_sigmask(SIG_BLOCK, &term, NULL);
    start_us = clock_us(CLOCK_REALTIME) - clock_us(CLOCK_MONOTONIC);
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_mutex_init(&this->lock, NULL);
    pthread_cond_init(&this->work, &attributes);
    this->readable = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);

    natsOptions *options = NULL;
    need(natsOptions_Create(&options), "NATS");
    char *asked = strchr(servers, '?');
    if (asked) {
        *asked++ = 0;
        if (strncmp(asked, "creds=", 6) != 0) {
            die("nats", "what is asked for behind ? is not known");
        }
        need(natsOptions_SetUserCredentialsFromFiles(options, asked + 6, NULL), asked);
    }
    need(natsOptions_SetURL(options, servers), "the address of NATS");
    need(natsOptions_SetName(options, "ixt matrix"), "NATS");
    need(natsOptions_SetNoEcho(options, true), "NATS");
    need(natsOptions_SetSendAsap(options, true), "NATS");
    need(natsOptions_SetPingInterval(options, PINGS_MS), "NATS");
    /* For as long as others wait for this node, 5 s, it may connect again. */
    need(natsOptions_SetReconnectWait(options, 100), "NATS");
    need(natsOptions_SetMaxReconnect(options, 50), "NATS");
    need(natsOptions_SetErrorHandler(options, refused, this), "NATS");
    need(natsOptions_SetClosedCB(options, lost, this), "NATS");
    if (strcmp(roots, "-") != 0) {
        need(natsOptions_LoadCATrustedCertificates(options, roots), roots);
    }
    need(natsConnection_Connect(&this->client, options), "NATS");
    natsOptions_Destroy(options);
    free(servers);

    uint8_t seed[32];
    ixt_node_config_t config;
    ixt_node_config_init(&config);
    config.max_message = (size_t)natsConnection_GetMaxPayload(this->client);
    if (getrandom(seed, sizeof seed, 0) != (ssize_t)sizeof seed ||
        ixt_node_new(&config, NULL, 0, seed, now_us(), &this->node, NULL) != IXT_OK) {
        die("the node", "cannot be made");
    }
    if (pthread_create(&this->carrier, NULL, carry, this) != 0) {
        die("the carrier", strerror(errno));
    }
    return (pipe_t){.fd = this->readable, .read = read_node, .write = write_node, .close = close_node, .own = this};
}
