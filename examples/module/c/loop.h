/* One connection to a host in one epoll loop: what every module in C needs, apart from what it does.
 *
 * A program describes its services by handlers and runs the loop, which calls them. All of it is one thread. All
 * rules are libixt's: the loop moves bytes, tells the time, and keeps what there is no credit for yet. */
#ifndef LOOP_H
#define LOOP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "ixt.h"

/* A stream, of either side, from its open until `over` has returned. */
typedef struct stream stream_t;

/* What a program does with a stream. Each may be NULL. Bytes are borrowed until the handler returns. */
typedef struct {
    /* A caller has opened the stream with this context. */
    void (*opened)(stream_t *stream, ixt_slice_t context);
    /* A message came. True when the program is done with it: the peer may send another one. */
    bool (*message)(stream_t *stream, ixt_slice_t bytes);
    /* In place of `message`: a call in one message (HandlePayload), whose context is that of the open; where it is
     * not, the call has failed already. */
    void (*called)(stream_t *stream, ixt_slice_t method, ixt_slice_t body);
    /* All that was sent has left, after loop_offer() said no. */
    void (*room)(stream_t *stream);
    /* The peer has sent all. */
    void (*closed)(stream_t *stream);
    /* The stream has ended, as the event says; with IXT_OUTCOME_NONE where the connection has. */
    void (*over)(stream_t *stream, const ixt_connection_event_t *end);
} handlers_t;

typedef struct {
    const char *name;
    /* The capability that callers need; NULL for none. */
    const char *requires;
    /* One of ixt_interaction. */
    uint16_t interaction;
    handlers_t handlers;
} service_t;

typedef struct {
    const char *name;
    const service_t *services;
    size_t service_count;
    /* Messages of one stream that its sender may be ahead of this program; 0 for the usual 64. */
    uint32_t window;
    /* The host has accepted the module. May be NULL. */
    void (*announced)(void);
} module_t;

/* An ordered byte pipe that does not block. `read` and `write` are as those of a socket: -1 with EAGAIN, where there
 * is nothing and where nothing more is taken. */
typedef struct pipe {
    int fd;
    ssize_t (*read)(struct pipe *pipe, void *bytes, size_t length);
    ssize_t (*write)(struct pipe *pipe, const void *bytes, size_t length);
    void (*close)(struct pipe *pipe);
    /* The pipe's own. */
    void *own;
} pipe_t;

/* Ends the program with status 1 and a line. */
_Noreturn void die(const char *what, const char *why);

/* Connects to a Unix socket, given by its path or as unix:///path; ends the program where nobody listens. */
pipe_t pipe_unix(const char *where);

/* Announces the module and serves until SIGTERM, SIGINT or loop_stop(). Gives the exit status: 0 after such a stop. */
int loop_run(const module_t *module, pipe_t *pipe);

/* Leaves in order: takes nothing new, and what runs may finish within a second. */
void loop_stop(void);

/* Opens a stream to a service. parent: the context of the call that this one is made for, or empty. message: for a
 * unary call and a server stream, the one message, after which the stream is closed. handlers: kept. own: for
 * loop_own(). Gives NULL where no stream can be opened. */
stream_t *loop_call(const char *service, uint16_t interaction, ixt_slice_t parent, ixt_slice_t message,
                    const handlers_t *handlers, void *own);

/* Calls a service in one message that says the method; the rest as loop_call(). */
stream_t *loop_message(const char *service, const char *method, ixt_slice_t parent, ixt_slice_t body,
                       const handlers_t *handlers, void *own);

/* A pointer of the program's, for each stream. */
void **loop_own(stream_t *stream);

/* Sends a message, or a copy once there is credit. of: a stream of which one message is done with when it has left,
 * or NULL: so what is passed on from one stream to the other is held back by its reader. */
void loop_send(stream_t *stream, ixt_slice_t bytes, stream_t *of);

/* Sends a message if it can leave now. If not, `room` is called when there may be credit. */
bool loop_offer(stream_t *stream, ixt_slice_t bytes);

/* Ends this direction in order, when all that was sent has left. */
void loop_close(stream_t *stream);

/* Ends the stream as failed, with one of ixt_error_code. */
void loop_fail(stream_t *stream, uint16_t code, ixt_slice_t message);

/* Ends the stream as cancelled, with one of ixt_cancel_reason. */
void loop_cancel(stream_t *stream, uint16_t reason, ixt_slice_t message);

#endif
