/* ixt.h: module invocations and credit-controlled streams, in C.
 *
 * Made by bindings/c/tests/header.rs; do not edit.
 *
 * Conventions, for every function:
 *
 * - It returns ixt_status_t: IXT_OK, or the number of an error. Other outputs are out-parameters. They are
 *   written on success alone; where an exception is made, its comment says so. With
 *   IXT_ERR_BUFFER_TOO_SMALL, `*written` holds the size that is needed, and nothing else has changed.
 * - Buffers are the caller's. What an input holds is told as places in it (ixt_span_t), and not copied. The
 *   library keeps no pointer beyond a call, and nothing that it gives but the handles (ixt_stream_t,
 *   ixt_connection_t, ixt_host_t, ixt_node_t) has to be freed.
 * - Ownership has four words. Borrowed for the call: the caller keeps it, and may do with it what it likes
 *   after the call. Borrowed until X: it is the library's, and valid until X. Transferred: the other side
 *   frees it from now on. Copied: the library has a copy of its own.
 * - A pointer must not be NULL unless its comment says so, with one exception: data of length 0 may be NULL.
 *   A NULL where none may be is IXT_ERR_NULL_POINTER. Out-parameters of one call must not overlap.
 * - Text is UTF-8 of a given length; no NUL is needed at its end, and none may stand in it.
 * - Nothing waits, reads a clock, draws a random number, starts a thread, calls back, or holds state of a
 *   thread. A panic inside is caught, and IXT_ERR_PANIC returned.
 *
 * Link with `pkg-config --cflags --libs ixt`.
 */

#ifndef IXT_H
#define IXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// The version of this header. ixt_version_number() is that of the loaded library.
#define IXT_VERSION_MAJOR 0
#define IXT_VERSION_MINOR 1
#define IXT_VERSION_PATCH 0
#define IXT_VERSION_NUMBER 1000
#define IXT_VERSION "0.1.0"

// Initialises an ixt_slice_t with a string literal, without its NUL: `.subject = IXT_TEXT("alice")`.
#define IXT_TEXT(literal) {(const uint8_t *)(literal), sizeof(literal) - 1}

// The name of every queue group that a node listens in.
#define IXT_NODE_QUEUE "ixt"

// Most capabilities of a context, and most metadata entries.
#define IXT_MAX_ENTRIES 64

// Room for any encoded context, in bytes.
#define IXT_MAX_CONTEXT 16384

// Room for a field's name, with its NUL.
#define IXT_ERROR_FIELD 64

// Room for a message, with its NUL.
#define IXT_ERROR_MESSAGE 160

// The largest payload of a data frame in bytes, unless both ends agreed otherwise. What functions take
// as `max_payload` is this number or the one agreed on; there is no number that stands for it.
#define IXT_MAX_PAYLOAD 1048576

// What a frame may have beyond the payload limit, in bytes.
#define IXT_MAX_OVERHEAD 20480

// The longest message of an error or cancel frame, and the longest details, in bytes each.
#define IXT_MAX_TEXT 4096

// Room in the buffer of ixt_node_drain() beside that of the largest message: for subjects, the longest of which is
// the name of a topic that fills its context, escaped.
#define IXT_NODE_OVERHEAD 131072

// Room for any one frame that ixt_stream_drain() and ixt_stream_poll_transmit() give, in bytes.
#define IXT_MAX_CONTROL 8272

// Room for a traceparent header with its NUL.
#define IXT_TRACEPARENT 56

// The version of the binary interface. Programs and language bindings compare it with what
// ixt_abi_version() returns before anything else, and go no further where they differ. It grows by one
// with every change that a program built before cannot take.
#define IXT_ABI_VERSION 1

// The values of `by`: who ended the stream.
typedef enum {
  // The peer's frame.
  IXT_BY_PEER = 1,
  // This end's application, deadline or check.
  IXT_BY_LOCAL = 2,
} ixt_by;

// The values of `reason` in a cancel: why a stream was given up.
typedef enum {
  // No reason given.
  IXT_CANCEL_UNSPECIFIED = 0,
  // A person or the application asked for it.
  IXT_CANCEL_USER_REQUESTED = 1,
  // The deadline of the context passed.
  IXT_CANCEL_DEADLINE_EXCEEDED = 2,
  // Nobody is there to take the messages.
  IXT_CANCEL_CONSUMER_GONE = 3,
  // A later invocation took its place.
  IXT_CANCEL_SUPERSEDED = 4,
  // The invocation that caused this one was cancelled.
  IXT_CANCEL_UPSTREAM_CANCELLED = 5,
  // The peer granted no credit for too long.
  IXT_CANCEL_BACKPRESSURE_TIMEOUT = 6,
  // The process shuts down.
  IXT_CANCEL_SHUTDOWN = 7,
} ixt_cancel_reason;

// The values of `reason` in a close: why a direction ended in order. Only `IXT_CLOSE_COMPLETED` is success.
typedef enum {
  // No reason given; never reads as success.
  IXT_CLOSE_UNSPECIFIED = 0,
  // All that there was has been sent.
  IXT_CLOSE_COMPLETED = 1,
  // A limit of the sender was reached.
  IXT_CLOSE_LIMIT_REACHED = 2,
  // Nothing was sent for too long.
  IXT_CLOSE_IDLE = 3,
  // The sender is about to go.
  IXT_CLOSE_GOING_AWAY = 4,
} ixt_close_reason;

// The values of `reason` where a connection ends or is about to.
typedef enum {
  // No reason given.
  IXT_END_UNSPECIFIED = 0,
  // An end goes away in order.
  IXT_END_SHUTDOWN = 1,
  // Frames that the protocol does not allow where they stand.
  IXT_END_PROTOCOL_VIOLATION = 2,
  // The byte stream ended within a frame.
  IXT_END_TORN_FRAME = 3,
  // A frame larger than the limit.
  IXT_END_OVERSIZED_FRAME = 4,
  // A frame that does not decode.
  IXT_END_MALFORMED_FRAME = 5,
  // Broken rules of streams, too many of them.
  IXT_END_TOO_MANY_VIOLATIONS = 6,
  // Nothing came for too long.
  IXT_END_IDLE = 7,
  // No version of the connection protocol in common.
  IXT_END_VERSION = 8,
  // More waits to be sent than the limits allow.
  IXT_END_OVERLOAD = 9,
  // The peer may not connect.
  IXT_END_REFUSED = 10,
  // The byte stream ended between frames, or could not be read or written.
  IXT_END_TRANSPORT = 11,
} ixt_end_reason;

// The values of `code`: why a stream failed.
typedef enum {
  // No code given.
  IXT_CODE_UNKNOWN = 0,
  // The work was cancelled.
  IXT_CODE_CANCELLED = 1,
  // The request is wrong, whatever the state of the system.
  IXT_CODE_INVALID_ARGUMENT = 2,
  // The work took too long.
  IXT_CODE_DEADLINE_EXCEEDED = 3,
  // What was asked for, or who was to do it, does not exist.
  IXT_CODE_NOT_FOUND = 4,
  // The caller is not known.
  IXT_CODE_UNAUTHENTICATED = 5,
  // The caller is known and may not.
  IXT_CODE_PERMISSION_DENIED = 6,
  // A limit or quota is spent.
  IXT_CODE_RESOURCE_EXHAUSTED = 7,
  // Try again later.
  IXT_CODE_UNAVAILABLE = 8,
  // A defect.
  IXT_CODE_INTERNAL = 9,
  // A frame that its state forbids, or too many or too few messages for the kind.
  IXT_CODE_PROTOCOL_VIOLATION = 10,
  // Data without credit, a grant of zero, or a window beyond 2^31 - 1.
  IXT_CODE_FLOW_CONTROL_VIOLATION = 11,
  // A gap, a duplicate, or a final sequence that does not match.
  IXT_CODE_SEQUENCE_VIOLATION = 12,
} ixt_error_code;

// The values of ixt_event_t's `kind`.
typedef enum {
  // The responder's stream has begun: interaction, credit, context, stream_id by ixt_stream_id(). Hand
  // the time to ixt_stream_handle_timeout() before a handler sees it.
  IXT_EVENT_OPENED = 1,
  // A message, in order and under credit: sequence, payload.
  IXT_EVENT_DATA = 2,
  // The credit to send grew: credit.
  IXT_EVENT_CREDIT = 3,
  // A ticket has its credit: ticket. Send with it, or drop it.
  IXT_EVENT_READY = 4,
  // The stream, or its sender half, ended before a ticket had a credit: ticket.
  IXT_EVENT_ENDED = 5,
  // The peer's direction ended in order: reason.
  IXT_EVENT_CLOSED = 6,
  // The responder's close ended this opener's sender half; no frame is sent for it.
  IXT_EVENT_FINISHED = 7,
  // The stream failed, by the peer or by a check of this end: code, by. The texts are in the outcome.
  IXT_EVENT_FAILED = 8,
  // The stream was cancelled, by the peer or by its deadline: reason, by. The text is in the outcome.
  IXT_EVENT_CANCELLED = 9,
  // The peer broke a rule that ends no stream: violation.
  IXT_EVENT_VIOLATION = 10,
  // Of a connection: the stream has ended and all of it that was to leave has left; its key names nothing
  // any more: outcome, and as of failed, cancelled or closed.
  IXT_EVENT_OVER = 20,
  // Of a connection: both hellos have passed, so that streams may be opened: credit, data.
  IXT_EVENT_ESTABLISHED = 21,
  // Of a connection: a frame of a stream that is not known here: stream_id. A diagnostic.
  IXT_EVENT_UNKNOWN_STREAM = 22,
  // Of a connection: the answer to a ping: number.
  IXT_EVENT_PONG = 23,
  // Of a connection: the peer goes away; no stream can be opened any more: reason, credit, data.
  IXT_EVENT_GOING_AWAY = 24,
  // Of a connection: an end goes away and no stream is left. Close the transport.
  IXT_EVENT_DRAINED = 25,
  // The connection has ended, and every stream with it: reason, by, data. Transmit what is left, then
  // close the transport.
  IXT_EVENT_CONNECTION_ENDED = 26,
  // An event of a later version.
  IXT_EVENT_UNKNOWN = 65535,
} ixt_event_kind;

// The values of ixt_frame_t's `kind`.
typedef enum {
  // Begins a stream: interaction, credit, context.
  IXT_FRAME_OPEN = 0,
  // One message: sequence, payload.
  IXT_FRAME_DATA = 1,
  // Ends the stream as failed: code, sequence, message, details.
  IXT_FRAME_ERROR = 2,
  // Ends one direction in order: reason, sequence.
  IXT_FRAME_CLOSE = 3,
  // Ends the stream as cancelled: reason, message.
  IXT_FRAME_CANCEL = 4,
  // Allows the peer further data frames: credit.
  IXT_FRAME_CREDIT = 5,
  // A kind of a later schema, whole: tag, frame.
  IXT_FRAME_UNKNOWN = 65535,
} ixt_frame_kind;

// The values of `sender` and `receiver` in ixt_state_t: one direction at this end.
typedef enum {
  // Before the open.
  IXT_HALF_IDLE = 0,
  // Frames may pass.
  IXT_HALF_OPEN = 1,
  // Ended in order.
  IXT_HALF_CLOSED = 2,
  // Ended by an error.
  IXT_HALF_FAILED = 3,
  // Ended by a cancel or the deadline.
  IXT_HALF_CANCELLED = 4,
} ixt_half;

// The values of `kind` in ixt_host_answer_t.
typedef enum {
  // The module is announced. A refusal fails the stream instead.
  IXT_HOST_ACCEPTED = 1,
  // An endpoint that was asked for: number, name_length.
  IXT_HOST_ENDPOINT = 2,
} ixt_host_answer_kind;

// The values of `interaction`: how many messages each side may send. Numbers that are not here come
// from a later schema and are kept as they are; so it is with the three enumerations below.
typedef enum {
  // One message each way.
  IXT_INTERACTION_UNARY = 0,
  // Any number from the opener, one back.
  IXT_INTERACTION_CLIENT_STREAM = 1,
  // One from the opener, any number back.
  IXT_INTERACTION_SERVER_STREAM = 2,
  // Any number each way.
  IXT_INTERACTION_BIDI_STREAM = 3,
} ixt_interaction;

// The values of `kind` in ixt_outcome_t.
typedef enum {
  // The stream has not ended.
  IXT_OUTCOME_NONE = 0,
  // Both directions ended in order: reason. Only IXT_CLOSE_COMPLETED is success.
  IXT_OUTCOME_COMPLETED = 1,
  // An error frame, or a broken rule: code, by, and two texts.
  IXT_OUTCOME_FAILED = 2,
  // A cancel frame, or the deadline: reason, by, and a text.
  IXT_OUTCOME_CANCELLED = 3,
} ixt_outcome_kind;

// The values of what ixt_stream_receive() says that became of a frame.
typedef enum {
  // It changed the state or raised an event; there is nothing more to it.
  IXT_RECEIVED_DONE = 0,
  // The responder's stream has begun; the frame is the open.
  IXT_RECEIVED_OPENED = 1,
  // A message; the frame is the data.
  IXT_RECEIVED_DATA = 2,
  // It was ignored and counted; correct peers cause this by crossing.
  IXT_RECEIVED_IGNORED = 3,
} ixt_received;

// The values of ixt_status_t.
typedef enum {
  // Success.
  IXT_OK = 0,
  // The message, or the segment table before it, ends too early.
  IXT_ERR_TRUNCATED = 1,
  // Bytes follow the message.
  IXT_ERR_TRAILING_BYTES = 2,
  // More than 16 segments.
  IXT_ERR_TOO_MANY_SEGMENTS = 3,
  // The segment table declares more than the payload limit and 20 KiB.
  IXT_ERR_MESSAGE_TOO_LARGE = 4,
  // The payload of a data frame is larger than the endpoint's limit.
  IXT_ERR_FRAME_TOO_LARGE = 5,
  // An encoded context is larger than 16 KiB.
  IXT_ERR_CONTEXT_TOO_LARGE = 6,
  // A pointer leads outside the message or to something of the wrong shape.
  IXT_ERR_BAD_POINTER = 7,
  // Deeper than 8 levels.
  IXT_ERR_TOO_DEEP = 8,
  // Reading visited more than twice the words of the message.
  IXT_ERR_TRAVERSAL_LIMIT = 9,
  // Text that is not UTF-8, holds a NUL, or lacks its final NUL.
  IXT_ERR_BAD_TEXT = 10,
  // The stream id is all zeros.
  IXT_ERR_NIL_STREAM_ID = 11,
  // An id of the wrong length.
  IXT_ERR_BAD_ID_LENGTH = 12,
  // A metadata key stands twice.
  IXT_ERR_DUPLICATE_KEY = 13,
  // A capability stands twice.
  IXT_ERR_DUPLICATE_CAPABILITY = 14,
  // A metadata key that is empty, longer than 128 bytes, or not `[a-z0-9_.-]+`.
  IXT_ERR_BAD_METADATA_KEY = 15,
  // More than 64 metadata entries.
  IXT_ERR_TOO_MANY_METADATA = 16,
  // A metadata value over 4 KiB, or all entries together over 8 KiB.
  IXT_ERR_METADATA_TOO_LARGE = 17,
  // More than 64 capabilities.
  IXT_ERR_TOO_MANY_CAPABILITIES = 18,
  // A capability longer than 256 bytes.
  IXT_ERR_CAPABILITY_TOO_LONG = 19,
  // A token reference longer than 1 KiB.
  IXT_ERR_TOKEN_TOO_LONG = 20,
  // A message text or error details longer than 4 KiB.
  IXT_ERR_MESSAGE_TEXT_TOO_LONG = 21,
  // The bytes decode, but the value encodes to other bytes.
  IXT_ERR_NOT_CANONICAL = 22,
  // The text form is malformed. This library has no text form and does not return it.
  IXT_ERR_BAD_JSON = 23,
  // A method that is empty or longer than 256 bytes.
  IXT_ERR_BAD_METHOD = 24,
  // The stream has not been opened.
  IXT_ERR_NOT_OPEN = 100,
  // The stream has been opened already.
  IXT_ERR_ALREADY_OPEN = 101,
  // The interaction kind allows one message in this direction, and it has been sent.
  IXT_ERR_TOO_MANY_MESSAGES = 102,
  // The interaction kind demands a message before the close.
  IXT_ERR_MISSING_MESSAGE = 103,
  // This direction, or the whole stream, has ended.
  IXT_ERR_STREAM_ENDED = 104,
  // A grant of nothing, or for more than was delivered.
  IXT_ERR_INVALID_GRANT = 105,
  // A grant would take the outstanding credit past 2^31 - 1.
  IXT_ERR_WINDOW_OVERFLOW = 106,
  // There is no credit for this send.
  IXT_ERR_CREDIT_EXHAUSTED = 107,
  // Too much waits to be sent on this stream, or on the connection.
  IXT_ERR_QUEUE_FULL = 108,
  // The peer allows no more streams at once.
  IXT_ERR_TOO_MANY_STREAMS = 109,
  // The id is that of a stream that lives or has ended lately.
  IXT_ERR_STREAM_ID_IN_USE = 110,
  // The peer's hello has not come yet.
  IXT_ERR_NOT_ESTABLISHED = 111,
  // An end of the connection goes away, and no stream can be opened.
  IXT_ERR_GOING_AWAY = 112,
  // An argument that the function cannot take.
  IXT_ERR_INVALID_ARGUMENT = 200,
  // A NULL where a pointer is required.
  IXT_ERR_NULL_POINTER = 201,
  // The caller's buffer is smaller than the output. `*written` says what is needed; nothing else
  // has changed, and the call can be made again.
  IXT_ERR_BUFFER_TOO_SMALL = 202,
  // The handle was closed before. For languages that close handles; this library does not return it.
  IXT_ERR_CLOSED = 203,
  // A panic was caught. This is a defect of Ixt. A stream to which it happened takes no further command.
  IXT_ERR_PANIC = 204,
  // The loaded library is of another ABI version than the caller was built for.
  IXT_ERR_ABI_MISMATCH = 205,
} ixt_status;

// The values of `subject_kind`: on whose behalf. It says who, and grants nothing.
typedef enum {
  // A principal authenticated at an ingress; with an empty name: anonymous.
  IXT_SUBJECT_EXTERNAL = 0,
  // A person operating the deployment.
  IXT_SUBJECT_OPERATOR = 1,
  // A module acting on its own behalf.
  IXT_SUBJECT_MODULE = 2,
  // The runtime itself; without a name.
  IXT_SUBJECT_SYSTEM = 3,
  // A kind of a later schema, without any authority; decoding alone gives it.
  IXT_SUBJECT_UNKNOWN = 65535,
} ixt_subject_kind;

// The values of `target_kind`: where the invocation goes.
typedef enum {
  // Any module that provides this service; with an empty name: no target.
  IXT_TARGET_SERVICE = 0,
  // This module.
  IXT_TARGET_MODULE = 1,
  // Every module subscribed to this topic; empty: all.
  IXT_TARGET_BROADCAST = 2,
  // One waiting call, by 16 bytes minted for it alone.
  IXT_TARGET_REPLY = 3,
  // An endpoint handed out at run time.
  IXT_TARGET_DYNAMIC_ENDPOINT = 4,
  // A kind of a later schema: unroutable; decoding alone gives it.
  IXT_TARGET_UNKNOWN = 65535,
} ixt_target_kind;

// The values of `violation`: a broken rule that ends no stream, for the host to count.
typedef enum {
  // A frame of a stream that is not open here. A diagnostic, never a ground to drop a peer.
  IXT_VIOLATION_UNKNOWN_STREAM = 1,
  // Data, or another final sequence, after the peer's close.
  IXT_VIOLATION_FRAME_AFTER_CLOSE = 2,
  // A kind of frame that this version does not know.
  IXT_VIOLATION_UNKNOWN_FRAME = 3,
  // A rule of a later version.
  IXT_VIOLATION_OTHER = 65535,
} ixt_violation;

// One end of a connection: many streams over one ordered byte pipe, such as a socket. It takes what was
// read of the pipe, commands and the time; it fills buffers with what is to be written, and gives events.
// After every input, drain the outputs until there are none: ixt_connection_drain(). Outputs that are not
// drained are late, never lost and never reordered.
//
// Streams are named by their key, a number that is never 0 and names one stream from its open until
// IXT_EVENT_OVER. A key whose stream is over names no other stream.
//
// It never waits, reads a clock, calls back, or keeps a pointer of the caller's. Times are microseconds
// since the Unix epoch, read once at the start and moved on by a monotonic clock.
//
// Threads: functions that take `const ixt_connection_t *` may run at the same time; one that takes
// `ixt_connection_t *` runs alone. A connection may be used from any thread, one after the other.
typedef struct ixt_connection_t ixt_connection_t;

// A host of modules without IO (specification 25): for tests of modules without a socket, and for hosts in
// other languages. It takes what was read of each connection and the time, and fills buffers with what is to
// be written to each. After every input, drain the outputs until there are none:
// ixt_host_poll_writable(), ixt_host_poll_transmit().
//
// Connections are named by a number that is never 0 and never used twice. Times are as for
// ixt_connection_t.
//
// Threads: a host may be used from any thread, one after the other; every function runs alone on it.
typedef struct ixt_host_t ixt_host_t;

// What stands between a module's connection and a client of NATS, within the module's process: to the module it is
// its host. On one side there is the module's byte pipe: ixt_node_read_local() takes what ixt_connection_t has to
// transmit, ixt_node_poll_local() gives what it is to receive. On the other side there are messages with subjects,
// which the client carries: ixt_node_receive() takes those that came, ixt_node_poll_publish() gives those that
// leave, and ixt_node_poll_subscription() what to subscribe to. The client must not be sent its own messages (its
// option `no_echo`), and must be told when nobody listens to one (`no_responders`).
//
// It never waits, reads a clock, calls back, or keeps a pointer of the caller's. After every input, drain the
// outputs until there are none: subscriptions, messages, the module's pipe; ixt_node_drain() does it in one call.
// Times are as for ixt_connection_t.
//
// Threads: a node may be used from any thread, one after the other; every function runs alone on it.
typedef struct ixt_node_t ixt_node_t;

// One endpoint of one stream. It takes commands, the peer's frames and the time; it gives frames to
// transmit and events. After every input, drain the outputs until there are none: ixt_stream_drain().
// Outputs that are not drained are late, never lost and never reordered.
//
// It never waits, reads a clock, calls back, or keeps a pointer of the caller's.
//
// Threads: functions that take `const ixt_stream_t *` may run at the same time; one that takes
// `ixt_stream_t *` runs alone. A stream may be used from any thread, one after the other.
typedef struct ixt_stream_t ixt_stream_t;

// What a function returns: `IXT_OK`, or one of ixt_status. Numbers are never used again, and
// later versions may return further ones.
typedef int32_t ixt_status_t;

// What went wrong and where, in memory of the caller's. Functions that take one as `error` fill it
// when they fail and leave it alone when they succeed; where none is wanted, `error` is NULL.
//
// It holds names of fields and numbers, and never bytes of the input.
typedef struct {
  // The byte of the input at which it went wrong; SIZE_MAX where that is not known.
  size_t offset;
  // As returned by the function.
  ixt_status_t status;
  // The field, by its name in the schema, such as "metadata[3].key"; empty where none applies.
  // NUL-terminated.
  char field[64];
  // For people. NUL-terminated.
  char message[160];
} ixt_error_t;

// Bytes or text of the caller's, by pointer. Text is UTF-8 and needs no NUL at its end. `data` may be
// NULL where `length` is 0. Borrowed for the call.
typedef struct {
  // The first byte.
  const uint8_t *data;
  // Bytes.
  size_t length;
} ixt_slice_t;

// The settings of one end of a connection. ixt_connection_config_init() fills in the usual ones, which are
// safe against a hostile peer; then change what has to be.
typedef struct {
  // Bytes of one stream that may wait to be sent before its senders have to wait: 1 MiB.
  size_t max_queued_stream;
  // Bytes of all streams that may wait to be sent: 16 MiB.
  size_t max_queued;
  // A random number, which keeps a peer from choosing ids that collide; 0 is for tests.
  uint64_t seed;
  // Told to the peer, for people; at most 128 bytes. Copied by ixt_connection_new().
  ixt_slice_t software;
  // The largest payload of a data frame, in bytes; the smaller one of the two ends' holds. 1 MiB; at most
  // 256 MiB.
  uint32_t max_payload;
  // How many streams the peer may have open at once: 10,000.
  uint32_t max_streams;
  // Data frames that every opener may send at once, without a round trip: 64. At most the window.
  uint32_t initial_credit;
  // Data frames that a stream's sender may be ahead of its reader: 64. 1 to 2^31 - 1.
  uint32_t window;
  // Streams that the peer may open in a second: 200,000.
  uint32_t max_opens;
  // Rules that the peer may break at once before the connection ends; one a second is forgiven. 100.
  uint32_t max_violations;
  // Ids of ended streams that are remembered: 4,096.
  uint32_t remembered;
  // Without a byte of the peer for so many milliseconds the connection ends; 0 means never. 60,000.
  uint32_t idle_ms;
  // Without a byte of the peer for so many milliseconds a ping is sent; 0 means never. 15,000.
  uint32_t keepalive_ms;
} ixt_connection_config_t;

// What has passed on a connection, for metrics.
typedef struct {
  // Frames that came whole.
  uint64_t frames_in;
  // Frames that left, or have begun to.
  uint64_t frames_out;
  // Bytes that came.
  uint64_t bytes_in;
  // Bytes that left.
  uint64_t bytes_out;
  // Streams that were opened, here or by the peer.
  uint64_t opened;
  // Streams of the peer that were refused.
  uint64_t refused;
  // Frames of streams that were never known here.
  uint64_t unknown;
  // Frames that crossed with the end of their stream.
  uint64_t ignored;
  // Rules of streams that the peer broke.
  uint64_t violations;
  // Streams that live now.
  uint64_t streams;
  // Bytes that wait to be sent.
  uint64_t queued;
} ixt_connection_stats_t;

// What an endpoint looks like at one moment.
typedef struct {
  // Frames of the peer that were ignored.
  uint64_t ignored;
  // Data frames accepted for sending so far.
  uint64_t sent;
  // Data frames received so far.
  uint64_t received;
  // When ixt_stream_handle_timeout() has something to do: the deadline of an open stream, in milliseconds
  // since the Unix epoch; 0 for never.
  uint64_t next_timeout_ms;
  // Data frames that may be sent now and that no ticket holds; 0 unless the sender half is open.
  uint32_t credit;
  // Data frames that the peer may still send; 0 unless the receiver half is open.
  uint32_t outstanding;
  // One of ixt_half.
  uint16_t sender;
  // One of ixt_half.
  uint16_t receiver;
  // One of ixt_interaction; at a responder it means nothing before the open.
  uint16_t interaction;
  // 1 when both halves have ended, else 0.
  uint16_t ended;
} ixt_state_t;

// A piece of the input that the caller gave: `input + offset`, `length` bytes. Where a piece is empty
// or not there, both are 0.
typedef struct {
  // Bytes from the beginning of the input.
  uint32_t offset;
  // Bytes.
  uint32_t length;
} ixt_span_t;

// A metadata entry as places in an input.
typedef struct {
  // `[a-z0-9_.-]+` of at most 128 bytes, unique in its context.
  ixt_span_t key;
  // Any text without NUL of at most 4 KiB.
  ixt_span_t value;
} ixt_entry_span_t;

// A context, as places in an input: what decoding gives, and what ixt_context_view_encode() takes with
// the same or another input. It holds no pointer. All zeros are the anonymous context.
//
// Text is UTF-8 without NUL, and not NUL-terminated.
typedef struct {
  // What all invocations of one piece of work share: a W3C trace-id. Zeros for none.
  uint8_t correlation_id[16];
  // The name of this invocation: a W3C parent-id. Zeros for none.
  uint8_t span_id[8];
  // The span of the invocation that caused this one. Zeros for none.
  uint8_t parent_span_id[8];
  // Until when, in milliseconds since the Unix epoch; 0 for no deadline.
  uint64_t deadline_ms;
  // One of ixt_subject_kind.
  uint16_t subject_kind;
  // The tag of the subject on the wire; it differs from `subject_kind` where that is unknown.
  uint16_t subject_tag;
  // One of ixt_target_kind.
  uint16_t target_kind;
  // The tag of the target on the wire; it differs from `target_kind` where that is unknown.
  uint16_t target_tag;
  // How many of `capabilities` there are, at most 64.
  uint32_t capability_count;
  // How many of `metadata` there are, at most 64.
  uint32_t metadata_count;
  // The W3C trace-flags; bit 0 says sampled.
  uint8_t trace_flags;
  // 0.
  uint8_t reserved[7];
  // The id of a reply; else zeros, and not looked at.
  uint8_t reply[16];
  // The module that sent it.
  ixt_span_t source_module;
  // The subject's name.
  ixt_span_t subject;
  // The target's name or topic.
  ixt_span_t target;
  // The handle of the presented token: a secret, which never belongs into a log.
  ixt_span_t token_ref;
  // The whole encoded context. To encode, it is needed for an unknown subject or target alone; then it
  // is what is encoded, and all else is not looked at.
  ixt_span_t context;
  // The granted patterns, sorted by bytes when decoded. Those past `capability_count` are not written.
  ixt_span_t capabilities[IXT_MAX_ENTRIES];
  // Sorted by the bytes of the keys when decoded. Those past `metadata_count` are not written.
  ixt_entry_span_t metadata[IXT_MAX_ENTRIES];
} ixt_context_view_t;

// A metadata entry by pointers.
typedef struct {
  // `[a-z0-9_.-]+` of at most 128 bytes, unique in its context.
  ixt_slice_t key;
  // Any text without NUL of at most 4 KiB.
  ixt_slice_t value;
} ixt_entry_t;

// A context by pointers, to encode. All zeros are the anonymous context.
//
// Text is UTF-8 without NUL, and needs no NUL at its end. Capabilities and metadata may stand in any
// order. All that it points to is borrowed for the call.
typedef struct {
  // What all invocations of one piece of work share: a W3C trace-id. Zeros for none.
  uint8_t correlation_id[16];
  // The name of this invocation: a W3C parent-id. Zeros for none.
  uint8_t span_id[8];
  // The span of the invocation that caused this one. Zeros for none.
  uint8_t parent_span_id[8];
  // Until when, in milliseconds since the Unix epoch; 0 for no deadline.
  uint64_t deadline_ms;
  // One of ixt_subject_kind, unknown excepted.
  uint16_t subject_kind;
  // One of ixt_target_kind, unknown excepted.
  uint16_t target_kind;
  // The W3C trace-flags; bit 0 says sampled.
  uint8_t trace_flags;
  // 0.
  uint8_t reserved[3];
  // The module that sends it.
  ixt_slice_t source_module;
  // The subject's name; empty for the system.
  ixt_slice_t subject;
  // The target's name or topic, or the 16 bytes of a reply.
  ixt_slice_t target;
  // The handle of the presented token, never the token itself; at most 1 KiB.
  ixt_slice_t token_ref;
  // The granted patterns; NULL where there are none.
  const ixt_slice_t *capabilities;
  // How many of `capabilities` there are.
  size_t capability_count;
  // NULL where there is none.
  const ixt_entry_t *metadata;
  // How many of `metadata` there are.
  size_t metadata_count;
} ixt_context_value_t;

// A frame, as places in an input: what decoding gives, and what ixt_frame_encode() takes with the same
// or another input. It holds no pointer. Fields that its kind has no use for are 0 when decoded and not
// looked at when encoded.
typedef struct {
  // The stream that it belongs to; never all zeros.
  uint8_t stream_id[16];
  // Of data: its number, from 0 on. Of an error: how many data frames were accepted for sending before
  // it. Of a close: how many data frames were sent.
  uint64_t sequence;
  // Of an open: data frames that the opener is ready to receive. Of a credit: further data frames allowed.
  uint32_t credit;
  // One of ixt_frame_kind.
  uint16_t kind;
  // The tag on the wire; it differs from `kind` where that is IXT_FRAME_UNKNOWN.
  uint16_t tag;
  // Of an open: one of ixt_interaction, or a number of a later schema.
  uint16_t interaction;
  // Of an error: one of ixt_error_code, or a number of a later schema.
  uint16_t code;
  // Of a close: one of ixt_close_reason. Of a cancel: one of ixt_cancel_reason. Or a number of
  // a later schema.
  uint16_t reason;
  // 0.
  uint16_t reserved;
  // Of an open: the encoded invocation context; empty means anonymous.
  ixt_span_t context;
  // Of data: the application's bytes.
  ixt_span_t payload;
  // Of an error or cancel: text for people.
  ixt_span_t message;
  // Of an error: the application's bytes.
  ixt_span_t details;
  // The whole encoded frame, for whoever passes it on as it came. To encode, it is needed for an
  // unknown kind alone.
  ixt_span_t frame;
} ixt_frame_t;

// What a host has at one moment.
typedef struct {
  // Connections.
  size_t connections;
  // Modules that are announced.
  size_t modules;
  // Streams that go through.
  size_t streams;
} ixt_host_counts_t;

// A service that a module provides.
typedef struct {
  // `[a-z0-9][a-z0-9_.-]{0,127}`.
  ixt_slice_t name;
  // The capability that a caller needs; empty for none.
  ixt_slice_t requires;
  // The interactions that it answers: bit 1 << IXT_INTERACTION_UNARY, and so on; 0 for all.
  uint32_t interactions;
} ixt_service_offer_t;

// Who a module is and what it provides. All of it is borrowed for the call.
typedef struct {
  // The module's name: `[a-z0-9][a-z0-9_.-]{0,127}`.
  ixt_slice_t module;
  // Proves the name, where the host's policy demands it; may be empty.
  ixt_slice_t token;
  // `service_count` of them; may be NULL where there are none.
  const ixt_service_offer_t *services;
  // How many services.
  size_t service_count;
  // Broadcasts that it wants: `topic_count` texts; may be NULL where there are none.
  const ixt_slice_t *topics;
  // How many topics.
  size_t topic_count;
} ixt_announce_t;

// What a host tells a module.
typedef struct {
  // Of an endpoint: the number that the module gave.
  uint64_t number;
  // Of an endpoint: bytes of its name.
  size_t name_length;
  // One of ixt_host_answer_kind.
  uint16_t kind;
} ixt_host_answer_t;

// The settings of a node. ixt_node_config_init() fills in the usual ones.
typedef struct {
  // The largest message that the server takes, in bytes: `max_payload` of its greeting. 1 MiB; less than 64 KiB
  // is taken as 64 KiB.
  size_t max_message;
  // Other nodes at once: 10,000.
  size_t max_peers;
  // When nothing came from another node for so many milliseconds, while a stream with it lives, it is asked for
  // the number of its last message: 1,000.
  uint32_t keepalive_ms;
  // When nothing came from it for so many milliseconds, its streams end as unavailable: 5,000.
  uint32_t lease_ms;
  // For so many milliseconds an open waits for somebody to take it, before it fails as unavailable: 5,000.
  uint32_t patience_ms;
  // After so many milliseconds at the latest a caller is told that its open was taken: 20.
  uint32_t taken_ms;
  // After so many milliseconds without a stream another node is forgotten: 60,000.
  uint32_t idle_ms;
} ixt_node_config_t;

// What a node has seen, for metrics.
typedef struct {
  // Other nodes with which there are pipes.
  uint64_t peers;
  // Streams of the module that nobody has taken yet.
  uint64_t leaving;
  // Streams that live.
  uint64_t streams;
  // Messages that were missing or came twice, each the end of a pipe.
  uint64_t gaps;
  // Nodes that were silent for too long, or of which the server said that nobody is there.
  uint64_t lost;
  // Messages that were none, or did not come by the subject of what they want.
  uint64_t malformed;
} ixt_node_stats_t;

// What to listen to, or no more.
typedef struct {
  // The subject, with wildcards: UTF-8 without a NUL. Borrowed until the next call on the node.
  const uint8_t *subject;
  // Bytes of it; 0 where there is nothing.
  size_t subject_length;
  // Whether each message goes to one of all who listen: in the queue group IXT_NODE_QUEUE.
  bool is_shared;
  // False where it is to be given up.
  bool is_wanted;
} ixt_node_subscription_t;

// A message to be published. All of it is borrowed until the next call on the node.
typedef struct {
  // Where to: UTF-8 without a NUL.
  const uint8_t *subject;
  // Bytes of the subject; 0 where there is no message.
  size_t subject_length;
  // The reply subject.
  const uint8_t *reply;
  // Bytes of the reply subject; 0 where the message has none.
  size_t reply_length;
  // The message.
  const uint8_t *payload;
  // Bytes of the message.
  size_t payload_length;
} ixt_node_message_t;

// What ixt_node_drain() gave.
typedef struct {
  // As ixt_node_next_timeout(): 0 for never.
  uint64_t at_us;
  // Bytes for the module to read from its pipe.
  size_t local;
  // Messages to be published.
  size_t count;
  // There may be more than there was room for, for the module or to be published: another call is due.
  bool more;
  // ixt_node_poll_subscription() has something.
  bool has_subscription;
  // As ixt_node_has_ended().
  bool has_ended;
} ixt_node_drained_t;

// What a message asks and with what, as places in the input that it was decoded from.
typedef struct {
  // What is asked: 1 to 256 bytes of UTF-8 without NUL, not NUL-terminated.
  ixt_span_t method;
  // The application's bytes.
  ixt_span_t body;
} ixt_handle_payload_t;

// The settings of an endpoint. Where a function takes NULL for it, they are IXT_MAX_PAYLOAD, 0, 0.
typedef struct {
  // The largest payload, for sending and receiving. Both ends must agree on it; IXT_MAX_PAYLOAD, where
  // they have agreed on nothing.
  size_t max_payload;
  // Frames that may be outstanding where grants follow ixt_stream_consume(), at most 2^31 - 1; 0 for
  // grants by hand, with ixt_stream_grant().
  uint32_t window;
  // The credit that the opener has from the beginning because the connection agreed on it: for an
  // opener its own first credit, for a responder what it knows the opener to have.
  uint32_t agreed_credit;
} ixt_config_t;

// The sending end alone of a stream that is open already: it sends under credit, takes the peer's
// credit, error and cancel, and has ended with its close. It is a stream, and every ixt_stream_ function
// takes it: ixt_stream_wait() for a ticket, ixt_stream_drain() for events, ixt_stream_free() in the end.
typedef ixt_stream_t ixt_sender_t;

// How a stream ended. The first end decides; nothing changes it.
typedef struct {
  // Bytes of the message, which ixt_stream_outcome_message() gives; at most IXT_MAX_TEXT.
  size_t message_length;
  // Bytes of the details, which ixt_stream_outcome_details() gives; at most IXT_MAX_TEXT.
  size_t details_length;
  // One of ixt_outcome_kind.
  uint16_t kind;
  // Of failed: one of ixt_error_code, or a number of a later schema.
  uint16_t code;
  // Of completed: one of ixt_close_reason. Of cancelled: one of ixt_cancel_reason. Or a number
  // of a later schema.
  uint16_t reason;
  // Of failed and cancelled: one of ixt_by.
  uint16_t by;
} ixt_outcome_t;

// What a traceparent header says.
typedef struct {
  // The trace-id; not all zeros when it was read.
  uint8_t correlation_id[16];
  // The parent-id, the caller's span; not all zeros when it was read.
  uint8_t span_id[8];
  // The trace-flags; bit 0 says sampled.
  uint8_t trace_flags;
} ixt_traceparent_t;

// Something that happened at a stream. It holds no pointer; fields that its kind has no use for are 0.
typedef struct {
  // Of data: its number.
  uint64_t sequence;
  // Of ready and ended: the number that ixt_stream_wait() gave.
  uint64_t ticket;
  // Of credit: how many more. Of opened: what the opener is ready to receive.
  uint32_t credit;
  // One of ixt_event_kind.
  uint16_t kind;
  // Of opened: one of ixt_interaction.
  uint16_t interaction;
  // Of failed: one of ixt_error_code, or a number of a later schema.
  uint16_t code;
  // Of closed: one of ixt_close_reason. Of cancelled: one of ixt_cancel_reason. Or a number of
  // a later schema.
  uint16_t reason;
  // Of failed and cancelled: one of ixt_by.
  uint16_t by;
  // Of violation: one of ixt_violation.
  uint16_t violation;
  // Of data: the application's bytes, in the input of the call that gave the event.
  ixt_span_t payload;
  // Of opened: the encoded invocation context, in the input of the call that gave the event.
  ixt_span_t context;
} ixt_event_t;

// Something that happened on a connection. Fields that its kind has no use for are 0 and NULL.
typedef struct {
  // The stream's key; 0 where it is the connection's event.
  uint64_t stream;
  // Of data: its sequence. Of ready and ended: the ticket. Of pong: the round trip in microseconds.
  uint64_t number;
  // Of data: the payload. Of opened: the encoded context. Of failed, cancelled, over, going away and
  // connection ended: a message for people. Of established: the peer's software. Borrowed until the next
  // ixt_connection_receive(), ixt_connection_poll_events() or ixt_connection_drain() of this connection;
  // a payload and a context may stand in the input of the call that gave the event, and are gone with it.
  const uint8_t *data;
  // Bytes of it.
  size_t length;
  // Of failed, and of over after it: the details. Borrowed as `data`.
  const uint8_t *details;
  // Bytes of them.
  size_t details_length;
  // Of opened and of unknown stream: the stream's id.
  uint8_t stream_id[16];
  // Of credit: how many more. Of established: the streams that may be opened at once. Of going away: the
  // grace in milliseconds.
  uint32_t credit;
  // One of ixt_event_kind.
  uint16_t kind;
  // Of opened: one of ixt_interaction.
  uint16_t interaction;
  // Of failed, and of over after it: one of ixt_error_code, or a number of a later schema.
  uint16_t code;
  // Of closed and of over in order: one of ixt_close_reason. Of cancelled, and of over after it: one of
  // ixt_cancel_reason. Of going away and connection ended: one of ixt_end_reason. Or a number of a later
  // schema.
  uint16_t reason;
  // Of failed, cancelled, over and connection ended: one of ixt_by.
  uint16_t by;
  // Of violation: one of ixt_violation.
  uint16_t violation;
  // Of over: one of ixt_outcome_kind.
  uint16_t outcome;
} ixt_connection_event_t;

// So many messages of one stream.
typedef struct {
  // The stream's key.
  uint64_t stream;
  // How many messages of it the application is done with.
  uint32_t frames;
} ixt_consumed_t;

// A message to be published, in the buffer that ixt_node_drain() has filled.
typedef struct {
  // Where to.
  ixt_span_t subject;
  // The reply subject; of length 0 where the message has none.
  ixt_span_t reply;
  // The message.
  ixt_span_t payload;
} ixt_node_packed_t;

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

// Whether a granted pattern covers a required capability, a concrete one. `fs.*` covers `fs.read` and
// `fs.read.home`, not `fs`, not `fsx.read`. What is malformed, bytes that are not UTF-8 too, covers
// nothing and is covered by nothing.
//
// granted, wanted: UTF-8, borrowed for the call. covered: written on success.
// Returns: IXT_OK, IXT_ERR_NULL_POINTER.
// Threads: may be called at any time from any thread.
ixt_status_t ixt_capability_covers(const uint8_t *granted,
                                   size_t granted_length,
                                   const uint8_t *wanted,
                                   size_t wanted_length,
                                   bool *covered);

// Whether each pattern of `child` is covered by one of `parent`, so that handing on `child` hands on no
// authority that `parent` lacks. An empty `child` always is; a malformed pattern in `child` never is.
//
// parent, child: so many slices of UTF-8; they and what they point to are borrowed for the call.
// attenuates: written on success.
// Returns: IXT_OK, IXT_ERR_NULL_POINTER.
// Threads: may be called at any time from any thread.
ixt_status_t ixt_capabilities_attenuate(const ixt_slice_t *parent,
                                        size_t parent_count,
                                        const ixt_slice_t *child,
                                        size_t child_count,
                                        bool *attenuates);

// Whether a pattern of a child is covered by a pattern of its parent: ixt_capabilities_attenuate() for
// one of each, without arrays.
//
// parent, child: UTF-8, borrowed for the call. attenuates: written on success.
// Returns: IXT_OK, IXT_ERR_NULL_POINTER.
// Threads: may be called at any time from any thread.
ixt_status_t ixt_capability_attenuates(const uint8_t *parent,
                                       size_t parent_length,
                                       const uint8_t *child,
                                       size_t child_length,
                                       bool *attenuates);

// Whether an encoded context grants a required capability: one of its patterns covers it. Never for a
// subject of a later schema, which has no authority.
//
// context: an encoded context of `length` bytes, none for anonymous; borrowed for the call. wanted:
// UTF-8, borrowed for the call. granted: written on success. error: NULL, or written on failure.
// Returns: IXT_OK, a refusal of the context (1 to 99), IXT_ERR_NULL_POINTER.
// Threads: may be called at any time from any thread.
ixt_status_t ixt_context_has_capability(const uint8_t *context,
                                        size_t length,
                                        const uint8_t *wanted,
                                        size_t wanted_length,
                                        bool *granted,
                                        ixt_error_t *error);

// Makes one end of a new connection. What says hello to the peer is there to be transmitted.
//
// config: NULL for the usual one; copied. control_id: 16 bytes that were never used as the id of a stream,
// such as a UUIDv7; borrowed for the call. now_us: the time. connection: written on success; ownership is
// transferred to the caller, who gives it back to ixt_connection_free(). error: NULL, or written on
// failure.
// Returns: IXT_OK, IXT_ERR_INVALID_ARGUMENT with the setting as the field, IXT_ERR_NIL_STREAM_ID,
// IXT_ERR_BAD_TEXT, IXT_ERR_NULL_POINTER.
// Threads: may be called at any time from any thread.
ixt_status_t ixt_connection_new(const ixt_connection_config_t *config,
                                const uint8_t *control_id,
                                uint64_t now_us,
                                ixt_connection_t **connection,
                                ixt_error_t *error);

// Frees a connection. Nothing is sent: see ixt_connection_go_away() and ixt_connection_end().
//
// connection: ownership is transferred back; NULL is allowed and does nothing.
// Threads: nobody else may be using the connection.
void ixt_connection_free(ixt_connection_t *connection);

// Opens a stream. The window of the settings holds for what the peer sends on it. Transmit after it.
//
// stream_id: 16 bytes that were never used before, such as a UUIDv7; borrowed for the call. interaction: one
// of ixt_interaction. context: an encoded context of `context_length` bytes, none for anonymous; its
// deadline is the stream's; borrowed for the call. stream: written on success: its key. error: NULL, or
// written on failure.
// Returns: IXT_OK; IXT_ERR_NOT_ESTABLISHED before IXT_EVENT_ESTABLISHED; IXT_ERR_GOING_AWAY once an end
// goes away; IXT_ERR_CLOSED after the end; IXT_ERR_TOO_MANY_STREAMS, as the peer allows;
// IXT_ERR_QUEUE_FULL while too much waits to be sent; IXT_ERR_STREAM_ID_IN_USE; IXT_ERR_NIL_STREAM_ID;
// IXT_ERR_INVALID_ARGUMENT; a refusal of the context (1 to 99); IXT_ERR_NULL_POINTER, IXT_ERR_PANIC.
// Nothing has changed then.
// Threads: runs alone on this connection.
ixt_status_t ixt_connection_open(ixt_connection_t *connection,
                                 const uint8_t *stream_id,
                                 uint16_t interaction,
                                 const uint8_t *context,
                                 size_t context_length,
                                 uint64_t *stream,
                                 ixt_error_t *error);

// Opens a stream that carries one message of the opener's, sends that, and closes this direction, in one
// call: a unary or a server-streaming call whose frames leave together. Transmit after it.
//
// interaction: IXT_INTERACTION_UNARY or IXT_INTERACTION_SERVER_STREAM. payload: `payload_length` bytes,
// borrowed for the call. The rest is as for ixt_connection_open().
// Returns: as ixt_connection_open(); IXT_ERR_FRAME_TOO_LARGE; IXT_ERR_INVALID_ARGUMENT for another
// interaction. Nothing has changed then.
// Threads: runs alone on this connection.
ixt_status_t ixt_connection_open_send_close(ixt_connection_t *connection,
                                            const uint8_t *stream_id,
                                            uint16_t interaction,
                                            const uint8_t *context,
                                            size_t context_length,
                                            const uint8_t *payload,
                                            size_t payload_length,
                                            uint64_t *stream,
                                            ixt_error_t *error);

// Spends a free credit and queues the message. Transmit after it.
//
// stream: its key. payload: `length` bytes, borrowed for the call.
// Returns: IXT_OK; IXT_ERR_CREDIT_EXHAUSTED or IXT_ERR_QUEUE_FULL, where ixt_connection_wait() helps;
// IXT_ERR_STREAM_ENDED, IXT_ERR_FRAME_TOO_LARGE, IXT_ERR_TOO_MANY_MESSAGES, IXT_ERR_NULL_POINTER,
// IXT_ERR_PANIC. Nothing has changed then.
// Threads: runs alone on this connection.
ixt_status_t ixt_connection_try_send(ixt_connection_t *connection,
                                     uint64_t stream,
                                     const uint8_t *payload,
                                     size_t length);

// Sends the last message of this direction and closes it, in one call. Transmit after it.
//
// stream, payload: as for ixt_connection_try_send(). reason: one of ixt_close_reason.
// Returns: as ixt_connection_try_send().
// Threads: runs alone on this connection.
ixt_status_t ixt_connection_send_close(ixt_connection_t *connection,
                                       uint64_t stream,
                                       const uint8_t *payload,
                                       size_t length,
                                       uint16_t reason);

// Spends the credit of a ready ticket and queues the message. Transmit after it.
//
// ticket: a number that IXT_EVENT_READY named. The rest is as for ixt_connection_try_send().
// Returns: as ixt_connection_try_send(); the ticket keeps its credit where it fails, and with
// IXT_ERR_QUEUE_FULL it becomes ready again.
// Threads: runs alone on this connection.
ixt_status_t ixt_connection_send_with(ixt_connection_t *connection,
                                      uint64_t stream,
                                      uint64_t ticket,
                                      const uint8_t *payload,
                                      size_t length);

// Queues for one credit and for room. IXT_EVENT_READY says when both are there, at once where they are;
// IXT_EVENT_ENDED when the stream went first. Drain after it.
//
// stream: its key. ticket: written on success. Numbers ascend and are not used again in a stream.
// Returns: IXT_OK, IXT_ERR_STREAM_ENDED, IXT_ERR_TOO_MANY_MESSAGES, IXT_ERR_NULL_POINTER, IXT_ERR_PANIC.
// Threads: runs alone on this connection.
ixt_status_t ixt_connection_wait(ixt_connection_t *connection,
                                 uint64_t stream,
                                 uint64_t *ticket);

// Gives a ticket up. A credit that it held goes to the next one, or is free again. A ticket that is spent
// or unknown is no matter. Drain after it.
//
// stream: its key.
// Returns: IXT_OK, IXT_ERR_NULL_POINTER, IXT_ERR_PANIC.
// Threads: runs alone on this connection.
ixt_status_t ixt_connection_drop_ticket(ixt_connection_t *connection,
                                        uint64_t stream,
                                        uint64_t ticket);

// The application is done with so many messages of a stream: grants follow, in steps of half of the
// window. Transmit after it.
//
// stream: its key; none for a stream that is over.
// Returns: IXT_OK, also for a stream that is over; IXT_ERR_INVALID_GRANT for more than was delivered;
// IXT_ERR_NULL_POINTER, IXT_ERR_PANIC.
// Threads: runs alone on this connection.
ixt_status_t ixt_connection_consume(ixt_connection_t *connection,
                                    uint64_t stream,
                                    uint32_t frames);

// ixt_connection_consume() for several streams in one call.
//
// consumed: `count` of them, borrowed for the call; may be NULL when `count` is 0.
// Returns: as ixt_connection_consume(), of the first one that fails; those before it are done.
// Threads: runs alone on this connection.
ixt_status_t ixt_connection_consume_batch(ixt_connection_t *connection,
                                          const ixt_consumed_t *consumed,
                                          size_t count);

// Ends this end's direction of a stream in order, behind what is queued. Drain after it.
//
// stream: its key. reason: one of ixt_close_reason. already_ended: NULL, or written on success: whether
// there was nothing left to end.
// Returns: IXT_OK, also for a stream that is over; IXT_ERR_MISSING_MESSAGE where the kind demands a message
// that was not sent; IXT_ERR_NULL_POINTER, IXT_ERR_PANIC.
// Threads: runs alone on this connection.
ixt_status_t ixt_connection_close(ixt_connection_t *connection,
                                  uint64_t stream,
                                  uint16_t reason,
                                  bool *already_ended);

// Ends a stream as failed; what is queued of it is dropped. Drain after it.
//
// stream: its key. code: one of ixt_error_code. message: UTF-8 without NUL, `message_length` bytes, copied.
// details: `details_length` bytes, copied. already_ended: as for ixt_connection_close().
// Returns: IXT_OK, also for a stream that is over; IXT_ERR_MESSAGE_TEXT_TOO_LONG, IXT_ERR_BAD_TEXT,
// IXT_ERR_NULL_POINTER, IXT_ERR_PANIC. Nothing has changed then.
// Threads: runs alone on this connection.
ixt_status_t ixt_connection_fail(ixt_connection_t *connection,
                                 uint64_t stream,
                                 uint16_t code,
                                 const uint8_t *message,
                                 size_t message_length,
                                 const uint8_t *details,
                                 size_t details_length,
                                 bool *already_ended);

// Ends a stream as cancelled; what is queued of it is dropped. Drain after it.
//
// stream: its key. reason: one of ixt_cancel_reason. message: UTF-8 without NUL, `message_length` bytes,
// copied. already_ended: as for ixt_connection_close().
// Returns: as ixt_connection_fail().
// Threads: runs alone on this connection.
ixt_status_t ixt_connection_cancel(ixt_connection_t *connection,
                                   uint64_t stream,
                                   uint16_t reason,
                                   const uint8_t *message,
                                   size_t message_length,
                                   bool *already_ended);

// Sends a ping, unless one is under way; IXT_EVENT_PONG follows. Transmit after it.
//
// Returns: IXT_OK, IXT_ERR_NULL_POINTER, IXT_ERR_PANIC.
// Threads: runs alone on this connection.
ixt_status_t ixt_connection_ping(ixt_connection_t *connection);

// Goes away in order: no stream can be opened any more, here or by the peer. Those that run may finish until
// `grace_ms` have passed; then they are cancelled (IXT_CANCEL_SHUTDOWN). IXT_EVENT_DRAINED says when none is
// left. Drain after it.
//
// message: UTF-8 for people, `message_length` bytes, copied.
// Returns: IXT_OK, IXT_ERR_BAD_TEXT, IXT_ERR_NULL_POINTER, IXT_ERR_PANIC.
// Threads: runs alone on this connection.
ixt_status_t ixt_connection_go_away(ixt_connection_t *connection,
                                    uint32_t grace_ms,
                                    const uint8_t *message,
                                    size_t message_length);

// Ends the connection at once: every stream fails as unavailable, and the peer is told why as the last thing
// that leaves. Drain after it.
//
// reason: one of ixt_end_reason. message: UTF-8 for people, `message_length` bytes, copied.
// Returns: IXT_OK, IXT_ERR_BAD_TEXT, IXT_ERR_NULL_POINTER, IXT_ERR_PANIC.
// Threads: runs alone on this connection.
ixt_status_t ixt_connection_end(ixt_connection_t *connection,
                                uint16_t reason,
                                const uint8_t *message,
                                size_t message_length);

// Fills in the usual settings.
//
// config: written on success.
// Returns: IXT_OK, IXT_ERR_NULL_POINTER.
// Threads: may be called at any time from any thread.
ixt_status_t ixt_connection_config_init(ixt_connection_config_t *config);

// Hands what was read of the transport to the connection, and takes all events of it in one call: those of
// the frames that it holds, in order, and those that waited before. Frames need not be whole: the beginning
// of one is kept.
//
// It stops when `events` is full, and behind a message that came in parts, whose bytes would not last. While
// `*more` is true, call it again with the rest of the input: `bytes + *consumed`. Then transmit.
//
// bytes: `length` bytes, borrowed for the call; payloads and contexts of the events stand in them, or in the
// library's memory for a frame that came in parts, borrowed until the next call of this function,
// ixt_connection_poll_events() or ixt_connection_drain(). now_us: the time. events: room for `capacity`
// events, of which the first `*count` are written. count, consumed, more: written on success.
// Returns: IXT_OK, also where the bytes end the connection, which an event says;
// IXT_ERR_INVALID_ARGUMENT for no room for events; IXT_ERR_NULL_POINTER, IXT_ERR_PANIC.
// Threads: runs alone on this connection.
ixt_status_t ixt_connection_receive(ixt_connection_t *connection,
                                    const uint8_t *bytes,
                                    size_t length,
                                    uint64_t now_us,
                                    ixt_connection_event_t *events,
                                    size_t capacity,
                                    size_t *count,
                                    size_t *consumed,
                                    bool *more);

// The byte stream from the peer has ended, or could not be read or written: the connection ends, which an
// event says. Drain after it.
//
// Returns: IXT_OK, IXT_ERR_NULL_POINTER, IXT_ERR_PANIC.
// Threads: runs alone on this connection.
ixt_status_t ixt_connection_transport_ended(ixt_connection_t *connection);

// Tells the time: deadlines of streams, pings, a peer that has gone silent, the end of going away. Drain
// after it.
//
// now_us: the time.
// Returns: IXT_OK, IXT_ERR_NULL_POINTER, IXT_ERR_PANIC.
// Threads: runs alone on this connection.
ixt_status_t ixt_connection_handle_timeout(ixt_connection_t *connection,
                                           uint64_t now_us);

// When ixt_connection_handle_timeout() has something to do.
//
// at_us: written on success: the time; 0 for never.
// Returns: IXT_OK, IXT_ERR_NULL_POINTER, IXT_ERR_PANIC.
// Threads: runs alone on this connection.
ixt_status_t ixt_connection_next_timeout(ixt_connection_t *connection, uint64_t *at_us);

// Fills a buffer with as many frames as fit. A frame that would not fit an empty buffer either is cut, and
// goes on in the next call, so any buffer will do; 64 KiB is a good one. Control frames come first, and
// streams with data take turns. There may be events after it, of room that was made.
//
// out: room for `capacity` bytes. filled: written on success: bytes to write to the transport; 0 when there
// is nothing to send.
// Returns: IXT_OK, IXT_ERR_NULL_POINTER, IXT_ERR_PANIC.
// Threads: runs alone on this connection.
ixt_status_t ixt_connection_poll_transmit(ixt_connection_t *connection,
                                          uint8_t *out,
                                          size_t capacity,
                                          size_t *filled);

// Takes events that come from no frame: of commands, of the time, of room that was made.
//
// events: room for `capacity` events, of which the first `*count` are written; their texts are borrowed
// until the next call of this function, ixt_connection_receive() or ixt_connection_drain(). count: written
// on success; less than `capacity` where no more are left.
// Returns: IXT_OK, IXT_ERR_NULL_POINTER, IXT_ERR_PANIC.
// Threads: runs alone on this connection.
ixt_status_t ixt_connection_poll_events(ixt_connection_t *connection,
                                        ixt_connection_event_t *events,
                                        size_t capacity,
                                        size_t *count);

// ixt_connection_poll_transmit() and ixt_connection_poll_events() in one call, for where calls cost: fills a
// buffer with frames, and takes the events.
//
// out: room for `capacity` bytes. filled: written on success: bytes to write to the transport. events: room
// for `event_capacity` events, of which the first `*event_count` are written, as for
// ixt_connection_poll_events(). event_count: written on success. more: written on success: whether another
// call is due, for frames or for events.
// Returns: IXT_OK, IXT_ERR_NULL_POINTER, IXT_ERR_PANIC.
// Threads: runs alone on this connection.
ixt_status_t ixt_connection_drain(ixt_connection_t *connection,
                                  uint8_t *out,
                                  size_t capacity,
                                  size_t *filled,
                                  ixt_connection_event_t *events,
                                  size_t event_capacity,
                                  size_t *event_count,
                                  bool *more);

// Whether ixt_connection_poll_transmit() has something.
//
// has: written on success.
// Returns: IXT_OK, IXT_ERR_NULL_POINTER.
// Threads: runs beside others that take `const ixt_connection_t *`.
ixt_status_t ixt_connection_has_transmit(const ixt_connection_t *connection, bool *has);

// Whether the connection has ended. Once nothing is left to transmit, close the transport.
//
// ended: written on success.
// Returns: IXT_OK, IXT_ERR_NULL_POINTER.
// Threads: runs beside others that take `const ixt_connection_t *`.
ixt_status_t ixt_connection_has_ended(const ixt_connection_t *connection, bool *ended);

// What has passed.
//
// stats: written on success.
// Returns: IXT_OK, IXT_ERR_NULL_POINTER.
// Threads: runs beside others that take `const ixt_connection_t *`.
ixt_status_t ixt_connection_stats(const ixt_connection_t *connection,
                                  ixt_connection_stats_t *stats);

// What a stream looks like now. Of ixt_state_t, `sent`, `received`, `next_timeout_ms` and `interaction` are 0
// here.
//
// stream: its key. state: written on success.
// Returns: IXT_OK, IXT_ERR_STREAM_ENDED for a stream that is over, IXT_ERR_NULL_POINTER.
// Threads: runs beside others that take `const ixt_connection_t *`.
ixt_status_t ixt_connection_stream_state(const ixt_connection_t *connection,
                                         uint64_t stream,
                                         ixt_state_t *state);

// Decodes one whole context; no bytes at all are the anonymous one. Nothing is copied: the view holds
// places in `bytes`. Capabilities and metadata come out sorted, whatever order they came in.
//
// bytes: `length` bytes, borrowed for the call; the places mean something as long as the caller keeps
// them. view: written on success. error: NULL, or written on failure.
// Returns: IXT_OK, a refusal (1 to 99), IXT_ERR_NULL_POINTER.
// Threads: may be called at any time from any thread.
ixt_status_t ixt_context_decode(const uint8_t *bytes,
                                size_t length,
                                ixt_context_view_t *view,
                                ixt_error_t *error);

// Decodes one whole context, and refuses, as IXT_ERR_NOT_CANONICAL, bytes that its value does not encode
// to: no bytes at all too, for the anonymous context encodes to 16.
//
// As ixt_context_decode().
// Returns: IXT_OK, a refusal (1 to 99), IXT_ERR_NULL_POINTER.
// Threads: may be called at any time from any thread.
ixt_status_t ixt_context_decode_canonical(const uint8_t *bytes,
                                          size_t length,
                                          ixt_context_view_t *view,
                                          ixt_error_t *error);

// Encodes a context.
//
// value: it and all that it points to are borrowed for the call. out: room for `capacity` bytes, of
// which IXT_MAX_CONTEXT are always enough; may be NULL when `capacity` is 0, to ask for the size.
// written: the bytes written, on success; the bytes needed, with IXT_ERR_BUFFER_TOO_SMALL. error: NULL,
// or written on failure.
// Returns: IXT_OK; IXT_ERR_BUFFER_TOO_SMALL; a refusal of the value (1 to 99); IXT_ERR_INVALID_ARGUMENT
// for a kind that is not known; IXT_ERR_NULL_POINTER.
// Threads: may be called at any time from any thread.
ixt_status_t ixt_context_encode(const ixt_context_value_t *value,
                                uint8_t *out,
                                size_t capacity,
                                size_t *written,
                                ixt_error_t *error);

// Encodes a context whose parts stand in an input, such as one that was decoded. One of a later schema
// encodes to the bytes that it came with.
//
// view: borrowed for the call. bytes: the `length` bytes in which its places are, borrowed for the
// call. out, capacity, written, error: as for ixt_context_encode(); `out` must not overlap `bytes`.
// Returns: IXT_OK; IXT_ERR_BUFFER_TOO_SMALL; a refusal of the value (1 to 99); IXT_ERR_INVALID_ARGUMENT
// for a place outside `bytes` and for a kind that is not known; IXT_ERR_NULL_POINTER.
// Threads: may be called at any time from any thread.
ixt_status_t ixt_context_view_encode(const ixt_context_view_t *view,
                                     const uint8_t *bytes,
                                     size_t length,
                                     uint8_t *out,
                                     size_t capacity,
                                     size_t *written,
                                     ixt_error_t *error);

// Encodes the anonymous context: an external caller with an empty name and no capability.
//
// out: room for `capacity` bytes; 16 are enough. written: the bytes written, on success; the bytes
// needed, with IXT_ERR_BUFFER_TOO_SMALL.
// Returns: IXT_OK, IXT_ERR_BUFFER_TOO_SMALL, IXT_ERR_NULL_POINTER.
// Threads: may be called at any time from any thread.
ixt_status_t ixt_context_anonymous(uint8_t *out, size_t capacity, size_t *written);

// Encodes the context of the runtime itself, with the capability `*`.
//
// out: room for `capacity` bytes; 96 are enough. written: the bytes written, on success; the bytes
// needed, with IXT_ERR_BUFFER_TOO_SMALL.
// Returns: IXT_OK, IXT_ERR_BUFFER_TOO_SMALL, IXT_ERR_NULL_POINTER.
// Threads: may be called at any time from any thread.
ixt_status_t ixt_context_system(uint8_t *out, size_t capacity, size_t *written);

// Encodes the context of an invocation that another one causes. The correlation id, the trace flags,
// the subject and the token's handle are the parent's; its span becomes the parent span; the deadline is
// the earlier of both; the metadata is the parent's with the child's own over it.
//
// parent: an encoded context of `parent_length` bytes, borrowed for the call. own: what the child has
// of its own: span_id, source_module, target, deadline_ms, capabilities, metadata; all else must be
// zeros; it and all that it points to are borrowed for the call. inherit_capabilities: whether the child
// has its parent's capabilities; else it has its own, each of which one of the parent's must cover. out,
// capacity, written, error: as for ixt_context_encode().
// Returns: IXT_OK; IXT_ERR_BUFFER_TOO_SMALL; IXT_ERR_INVALID_ARGUMENT for a capability that the parent
// lacks, for another value of an ingress key (`tenant`, `auth.strength`, `ingress.*`), and for what
// must be zeros; a refusal of the parent or of the value (1 to 99); IXT_ERR_NULL_POINTER.
// Threads: may be called at any time from any thread.
ixt_status_t ixt_context_child(const uint8_t *parent,
                               size_t parent_length,
                               const ixt_context_value_t *own,
                               bool inherit_capabilities,
                               uint8_t *out,
                               size_t capacity,
                               size_t *written,
                               ixt_error_t *error);

// As ixt_context_child(), for what the child has of its own as places in an input.
//
// parent: an encoded context of `parent_length` bytes, borrowed for the call. own: borrowed for the
// call. bytes: the `length` bytes in which its places are, borrowed for the call. The rest is as for
// ixt_context_child(); `out` must overlap neither `parent` nor `bytes`.
// Returns: as ixt_context_child(); IXT_ERR_INVALID_ARGUMENT also for a place outside `bytes`.
// Threads: may be called at any time from any thread.
ixt_status_t ixt_context_view_child(const uint8_t *parent,
                                    size_t parent_length,
                                    const ixt_context_view_t *own,
                                    const uint8_t *bytes,
                                    size_t length,
                                    bool inherit_capabilities,
                                    uint8_t *out,
                                    size_t capacity,
                                    size_t *written,
                                    ixt_error_t *error);

// Whether a deadline has passed: it has from its millisecond on. Never without a deadline.
//
// deadline_ms: as in a context, 0 for none. now_ms: milliseconds since the Unix epoch. elapsed: written
// on success.
// Returns: IXT_OK, IXT_ERR_NULL_POINTER.
// Threads: may be called at any time from any thread.
ixt_status_t ixt_context_deadline_elapsed(uint64_t deadline_ms,
                                          uint64_t now_ms,
                                          bool *elapsed);

// Milliseconds until a deadline has passed on every clock that differs from the caller's by at most
// `max_skew_ms`: deadline_ms + max_skew_ms - now_ms, and 0 when that is past. Nothing wraps.
//
// deadline_ms: as in a context, 0 for none. remaining_ms: written on success; UINT64_MAX without a
// deadline.
// Returns: IXT_OK, IXT_ERR_NULL_POINTER.
// Threads: may be called at any time from any thread.
ixt_status_t ixt_context_remaining(uint64_t deadline_ms,
                                   uint64_t now_ms,
                                   uint64_t max_skew_ms,
                                   uint64_t *remaining_ms);

// Finds the end of the first frame in a byte stream of frames back to back, from its segment table alone.
//
// bytes: `length` bytes, borrowed for the call. max_message: largest frame to go on with, most often
// `max_payload + IXT_MAX_OVERHEAD`. frame_length: written on success: the bytes of the first frame where it is
// there whole; else more than `length`, so many as are needed before more can be said.
// Returns: IXT_OK, IXT_ERR_TOO_MANY_SEGMENTS, IXT_ERR_MESSAGE_TOO_LARGE, IXT_ERR_NULL_POINTER.
// Threads: may be called at any time from any thread.
ixt_status_t ixt_frame_split(const uint8_t *bytes,
                             size_t length,
                             size_t max_message,
                             size_t *frame_length);

// Decodes one whole frame. Nothing is copied: the frame holds places in `bytes`.
//
// bytes: `length` bytes, borrowed for the call; the places mean something as long as the caller keeps
// them. max_payload: largest payload to accept. frame: written on success. error: NULL, or written on
// failure.
// Returns: IXT_OK, a refusal (1 to 99), IXT_ERR_NULL_POINTER.
// Threads: may be called at any time from any thread.
ixt_status_t ixt_frame_decode(const uint8_t *bytes,
                              size_t length,
                              size_t max_payload,
                              ixt_frame_t *frame,
                              ixt_error_t *error);

// Decodes one whole frame, and refuses, as IXT_ERR_NOT_CANONICAL, bytes that its value does not encode to.
//
// As ixt_frame_decode().
// Returns: IXT_OK, a refusal (1 to 99), IXT_ERR_NULL_POINTER.
// Threads: may be called at any time from any thread.
ixt_status_t ixt_frame_decode_canonical(const uint8_t *bytes,
                                        size_t length,
                                        size_t max_payload,
                                        ixt_frame_t *frame,
                                        ixt_error_t *error);

// Decodes the frames at the beginning of a byte stream, such as a read buffer holds, in one call.
//
// It stops at the end of `bytes`, at a frame that is not there whole, when `frames` is full, and before
// a frame that is refused; the refusal is returned by the call that begins with that frame.
//
// bytes: `length` bytes, borrowed for the call. max_payload: largest payload to accept. frames: room for
// `capacity` frames, of which the first `*count` are written; their places are in `bytes` as a whole.
// consumed: written on success: bytes of the frames that were decoded. error: NULL, or written on failure.
// Returns: IXT_OK, also for no frame; a refusal (1 to 99) of the first frame; IXT_ERR_NULL_POINTER.
// Threads: may be called at any time from any thread.
ixt_status_t ixt_frame_decode_batch(const uint8_t *bytes,
                                    size_t length,
                                    size_t max_payload,
                                    ixt_frame_t *frames,
                                    size_t capacity,
                                    size_t *count,
                                    size_t *consumed,
                                    ixt_error_t *error);

// The number of bytes that a frame encodes to.
//
// frame: borrowed for the call. bytes: the `length` bytes in which its places are, borrowed for the
// call. encoded_length: written on success. error: NULL, or written on failure.
// Returns: IXT_OK; IXT_ERR_INVALID_ARGUMENT for a place outside `bytes`; IXT_ERR_NIL_STREAM_ID,
// IXT_ERR_BAD_TEXT, IXT_ERR_NULL_POINTER.
// Threads: may be called at any time from any thread.
ixt_status_t ixt_frame_encoded_length(const ixt_frame_t *frame,
                                      const uint8_t *bytes,
                                      size_t length,
                                      size_t *encoded_length,
                                      ixt_error_t *error);

// Encodes a frame whose parts stand in an input, such as one that was decoded. To encode parts that
// stand anywhere, take ixt_open_encode() and its five sisters.
//
// frame: borrowed for the call. bytes: the `length` bytes in which its places are, borrowed for the
// call. max_payload: largest payload to accept. out: room for `capacity` bytes; may be NULL when
// `capacity` is 0, to ask for the size; must not overlap `bytes`. written: the bytes written, on
// success; the bytes needed, with IXT_ERR_BUFFER_TOO_SMALL. error: NULL, or written on failure.
// Returns: IXT_OK; IXT_ERR_BUFFER_TOO_SMALL; a refusal of the value (1 to 99); IXT_ERR_INVALID_ARGUMENT
// for a place outside `bytes`; IXT_ERR_NULL_POINTER.
// Threads: may be called at any time from any thread.
ixt_status_t ixt_frame_encode(const ixt_frame_t *frame,
                              const uint8_t *bytes,
                              size_t length,
                              size_t max_payload,
                              uint8_t *out,
                              size_t capacity,
                              size_t *written,
                              ixt_error_t *error);

// Encodes frames back to back, as many as there is room for, in one call.
//
// frames: `count` frames, borrowed for the call. bytes: the `length` bytes in which the places of all
// are, borrowed for the call. max_payload: largest payload to accept. out: room for `capacity` bytes;
// must not overlap `bytes`. encoded: written on success: how many frames were encoded. It is less than
// `count` where the next one does not fit, or is refused; the refusal is returned by the call that
// begins with it. written: the bytes written, on success; the bytes that the first frame needs, with
// IXT_ERR_BUFFER_TOO_SMALL. error: NULL, or written on failure.
// Returns: IXT_OK; IXT_ERR_BUFFER_TOO_SMALL where not even the first frame fits; a refusal of the first
// frame's value (1 to 99); IXT_ERR_INVALID_ARGUMENT for a place outside `bytes`; IXT_ERR_NULL_POINTER.
// Threads: may be called at any time from any thread.
ixt_status_t ixt_frame_encode_batch(const ixt_frame_t *frames,
                                    size_t count,
                                    const uint8_t *bytes,
                                    size_t length,
                                    size_t max_payload,
                                    uint8_t *out,
                                    size_t capacity,
                                    size_t *encoded,
                                    size_t *written,
                                    ixt_error_t *error);

// Encodes an open frame.
//
// stream_id: 16 bytes, borrowed for the call. interaction: one of ixt_interaction. credit: data
// frames that the opener is ready to receive. context: an encoded invocation context of
// `context_length` bytes; none for anonymous; borrowed for the call. out: room for `capacity` bytes; may be NULL when `capacity` is 0,
// to ask for the size. written: the bytes written, on success; the bytes needed, with
// IXT_ERR_BUFFER_TOO_SMALL.
// Returns: IXT_OK, IXT_ERR_BUFFER_TOO_SMALL, IXT_ERR_NIL_STREAM_ID, IXT_ERR_CONTEXT_TOO_LARGE,
// IXT_ERR_NULL_POINTER.
// Threads: may be called at any time from any thread.
ixt_status_t ixt_open_encode(const uint8_t *stream_id,
                             uint16_t interaction,
                             uint32_t credit,
                             const uint8_t *context,
                             size_t context_length,
                             uint8_t *out,
                             size_t capacity,
                             size_t *written);

// Encodes a data frame.
//
// stream_id: 16 bytes, borrowed for the call. payload: `length` bytes, borrowed for the call.
// max_payload: largest payload to accept. out, capacity, written: as for ixt_open_encode(); 64 bytes
// more than the payload are always enough.
// Returns: IXT_OK, IXT_ERR_BUFFER_TOO_SMALL, IXT_ERR_NIL_STREAM_ID, IXT_ERR_FRAME_TOO_LARGE,
// IXT_ERR_NULL_POINTER.
// Threads: may be called at any time from any thread.
ixt_status_t ixt_data_encode(const uint8_t *stream_id,
                             uint64_t sequence,
                             const uint8_t *payload,
                             size_t length,
                             size_t max_payload,
                             uint8_t *out,
                             size_t capacity,
                             size_t *written);

// Encodes an error frame.
//
// stream_id: 16 bytes, borrowed for the call. code: one of ixt_error_code. sequence: data frames
// accepted for sending before it. message: UTF-8 without NUL, `message_length` bytes, borrowed for the
// call. details: `details_length` bytes, borrowed for the call. out, capacity, written: as for
// ixt_open_encode().
// Returns: IXT_OK, IXT_ERR_BUFFER_TOO_SMALL, IXT_ERR_NIL_STREAM_ID, IXT_ERR_MESSAGE_TEXT_TOO_LONG,
// IXT_ERR_BAD_TEXT, IXT_ERR_NULL_POINTER.
// Threads: may be called at any time from any thread.
ixt_status_t ixt_error_encode(const uint8_t *stream_id,
                              uint16_t code,
                              uint64_t sequence,
                              const uint8_t *message,
                              size_t message_length,
                              const uint8_t *details,
                              size_t details_length,
                              uint8_t *out,
                              size_t capacity,
                              size_t *written);

// Encodes a close frame.
//
// stream_id: 16 bytes, borrowed for the call. reason: one of ixt_close_reason. final_sequence:
// data frames sent. out, capacity, written: as for ixt_open_encode(); 56 bytes are always enough.
// Returns: IXT_OK, IXT_ERR_BUFFER_TOO_SMALL, IXT_ERR_NIL_STREAM_ID, IXT_ERR_NULL_POINTER.
// Threads: may be called at any time from any thread.
ixt_status_t ixt_close_encode(const uint8_t *stream_id,
                              uint16_t reason,
                              uint64_t final_sequence,
                              uint8_t *out,
                              size_t capacity,
                              size_t *written);

// Encodes a cancel frame.
//
// stream_id: 16 bytes, borrowed for the call. reason: one of ixt_cancel_reason. message: UTF-8
// without NUL, `message_length` bytes, borrowed for the call. out, capacity, written: as for
// ixt_open_encode().
// Returns: IXT_OK, IXT_ERR_BUFFER_TOO_SMALL, IXT_ERR_NIL_STREAM_ID, IXT_ERR_MESSAGE_TEXT_TOO_LONG,
// IXT_ERR_BAD_TEXT, IXT_ERR_NULL_POINTER.
// Threads: may be called at any time from any thread.
ixt_status_t ixt_cancel_encode(const uint8_t *stream_id,
                               uint16_t reason,
                               const uint8_t *message,
                               size_t message_length,
                               uint8_t *out,
                               size_t capacity,
                               size_t *written);

// Encodes a credit frame.
//
// stream_id: 16 bytes, borrowed for the call. frames: further data frames allowed. out, capacity,
// written: as for ixt_open_encode(); 48 bytes are always enough.
// Returns: IXT_OK, IXT_ERR_BUFFER_TOO_SMALL, IXT_ERR_NIL_STREAM_ID, IXT_ERR_NULL_POINTER.
// Threads: may be called at any time from any thread.
ixt_status_t ixt_credit_encode(const uint8_t *stream_id,
                               uint32_t frames,
                               uint8_t *out,
                               size_t capacity,
                               size_t *written);

// Makes a host without connections.
//
// policy: the text of a policy file in TOML, `policy_length` bytes, copied; none for the open policy, under
// which every module may do everything. seed: 32 random bytes, copied: who knows them can guess the names of
// endpoints. now_us: the time. host: written on success; ownership is transferred to the caller, who gives
// it back to ixt_host_free().
// Returns: IXT_OK, IXT_ERR_INVALID_ARGUMENT for a policy that is not valid, IXT_ERR_BAD_TEXT,
// IXT_ERR_NULL_POINTER.
// Threads: may be called at any time from any thread.
ixt_status_t ixt_host_new(const uint8_t *policy,
                          size_t policy_length,
                          const uint8_t *seed,
                          uint64_t now_us,
                          ixt_host_t **host);

// Frees a host. Nothing is sent.
//
// host: ownership is transferred back; NULL is allowed and does nothing.
// Threads: nobody else may be using the host.
void ixt_host_free(ixt_host_t *host);

// A new connection. Drain after it.
//
// uid: the user id of the process behind it, as the policy has it. now_us: the time. link: written on
// success: its number.
// Returns: IXT_OK, IXT_ERR_TOO_MANY_STREAMS where there are too many connections, IXT_ERR_NULL_POINTER,
// IXT_ERR_PANIC.
// Threads: runs alone on this host.
ixt_status_t ixt_host_connect(ixt_host_t *host,
                              uint32_t uid,
                              uint64_t now_us,
                              uint64_t *link);

// Takes in what was read of a connection. Drain after it.
//
// link: its number; one that is unknown is no matter. bytes: `length` bytes, borrowed for the call. now_us:
// the time.
// Returns: IXT_OK, IXT_ERR_NULL_POINTER, IXT_ERR_PANIC.
// Threads: runs alone on this host.
ixt_status_t ixt_host_receive(ixt_host_t *host,
                              uint64_t link,
                              const uint8_t *bytes,
                              size_t length,
                              uint64_t now_us);

// The next connection that has something to be written.
//
// link: written on success: its number; 0 when there is none.
// Returns: IXT_OK, IXT_ERR_NULL_POINTER, IXT_ERR_PANIC.
// Threads: runs alone on this host.
ixt_status_t ixt_host_poll_writable(ixt_host_t *host, uint64_t *link);

// Fills a buffer with what is to be written to a connection. Call it until it gives nothing.
//
// link: its number. out: room for `capacity` bytes. filled: written on success; 0 when there is nothing.
// Returns: IXT_OK, IXT_ERR_NULL_POINTER, IXT_ERR_PANIC.
// Threads: runs alone on this host.
ixt_status_t ixt_host_poll_transmit(ixt_host_t *host,
                                    uint64_t link,
                                    uint8_t *out,
                                    size_t capacity,
                                    size_t *filled);

// The byte stream of a connection has ended: its module is gone, and its calls end. Drain after it.
//
// link: its number; one that is unknown is no matter.
// Returns: IXT_OK, IXT_ERR_NULL_POINTER, IXT_ERR_PANIC.
// Threads: runs alone on this host.
ixt_status_t ixt_host_transport_ended(ixt_host_t *host, uint64_t link);

// Whether a connection has ended by itself. Once nothing is left to write to it, close its transport.
//
// link: its number. ended: written on success; true for one that is unknown.
// Returns: IXT_OK, IXT_ERR_NULL_POINTER, IXT_ERR_PANIC.
// Threads: runs alone on this host.
ixt_status_t ixt_host_has_ended(ixt_host_t *host,
                                uint64_t link,
                                bool *ended);

// When ixt_host_handle_timeout() has something to do.
//
// at_us: written on success: the time; 0 for never.
// Returns: IXT_OK, IXT_ERR_NULL_POINTER, IXT_ERR_PANIC.
// Threads: runs alone on this host.
ixt_status_t ixt_host_next_timeout(ixt_host_t *host, uint64_t *at_us);

// Tells the time. Drain after it.
//
// now_us: the time.
// Returns: IXT_OK, IXT_ERR_NULL_POINTER, IXT_ERR_PANIC.
// Threads: runs alone on this host.
ixt_status_t ixt_host_handle_timeout(ixt_host_t *host, uint64_t now_us);

// Tells every module that the host goes away: nothing new is accepted, and what runs may finish until
// `grace_ms` have passed. Drain after it.
//
// message: UTF-8 for people, `message_length` bytes, copied.
// Returns: IXT_OK, IXT_ERR_BAD_TEXT, IXT_ERR_NULL_POINTER, IXT_ERR_PANIC.
// Threads: runs alone on this host.
ixt_status_t ixt_host_go_away(ixt_host_t *host,
                              uint32_t grace_ms,
                              const uint8_t *message,
                              size_t message_length);

// Takes the next refusal, for the audit: one line of JSON without its end.
//
// out: room for `capacity` bytes, of which 4096 are always enough; no NUL is added. written: written on
// success: bytes; 0 when there is none. One for which there is no room is cut to nothing and lost.
// Returns: IXT_OK, IXT_ERR_BUFFER_TOO_SMALL, IXT_ERR_NULL_POINTER, IXT_ERR_PANIC.
// Threads: runs alone on this host.
ixt_status_t ixt_host_poll_refusal(ixt_host_t *host,
                                   uint8_t *out,
                                   size_t capacity,
                                   size_t *written);

// How many connections, modules and streams there are.
//
// counts: written on success.
// Returns: IXT_OK, IXT_ERR_NULL_POINTER, IXT_ERR_PANIC.
// Threads: runs alone on this host.
ixt_status_t ixt_host_counts(ixt_host_t *host, ixt_host_counts_t *counts);

// Encodes the first message of a module to its host, which it sends on a bidi stream to the service
// "ixt.host". The stream stays open as long as the module lives.
//
// announce: borrowed for the call. out: room for `capacity` bytes. written: the bytes written, on success;
// the bytes needed, with IXT_ERR_BUFFER_TOO_SMALL. error: NULL, or written on failure.
// Returns: IXT_OK, IXT_ERR_BUFFER_TOO_SMALL, IXT_ERR_BAD_TEXT, IXT_ERR_INVALID_ARGUMENT for a bit of no
// interaction, IXT_ERR_NULL_POINTER.
// Threads: may be called at any time from any thread.
ixt_status_t ixt_host_announce_encode(const ixt_announce_t *announce,
                                      uint8_t *out,
                                      size_t capacity,
                                      size_t *written,
                                      ixt_error_t *error);

// Encodes the wish for an endpoint; the answer gives the number back, with the endpoint's name.
//
// number: the module's own. out, capacity, written: as for ixt_host_announce_encode(); 64 bytes are enough.
// Returns: IXT_OK, IXT_ERR_BUFFER_TOO_SMALL, IXT_ERR_NULL_POINTER.
// Threads: may be called at any time from any thread.
ixt_status_t ixt_host_open_endpoint_encode(uint64_t number,
                                           uint8_t *out,
                                           size_t capacity,
                                           size_t *written);

// Encodes that an endpoint is given up.
//
// name: the endpoint's, `length` bytes, borrowed for the call. out, capacity, written: as for
// ixt_host_announce_encode().
// Returns: IXT_OK, IXT_ERR_BUFFER_TOO_SMALL, IXT_ERR_BAD_TEXT, IXT_ERR_NULL_POINTER.
// Threads: may be called at any time from any thread.
ixt_status_t ixt_host_close_endpoint_encode(const uint8_t *name,
                                            size_t length,
                                            uint8_t *out,
                                            size_t capacity,
                                            size_t *written);

// Decodes what the host said on the stream of the announcement.
//
// bytes: `length` bytes, borrowed for the call. answer: written on success. name: room for `capacity` bytes,
// in which the name of an endpoint is written on success; no NUL is added; may be NULL when `capacity` is 0.
// Returns: IXT_OK; IXT_ERR_BUFFER_TOO_SMALL for a name without room, when `*answer` is written too;
// IXT_ERR_BAD_POINTER, IXT_ERR_BAD_TEXT, IXT_ERR_MESSAGE_TOO_LARGE; IXT_ERR_INVALID_ARGUMENT for a message
// of a later version; IXT_ERR_NULL_POINTER.
// Threads: may be called at any time from any thread.
ixt_status_t ixt_host_answer_decode(const uint8_t *bytes,
                                    size_t length,
                                    ixt_host_answer_t *answer,
                                    uint8_t *name,
                                    size_t capacity);

// Checks a stream id of unknown length and copies it into 16 bytes of the caller's.
//
// bytes: borrowed for the call. id: 16 bytes, written on success.
// Returns: IXT_OK, IXT_ERR_BAD_ID_LENGTH unless there are 16 bytes, IXT_ERR_NIL_STREAM_ID when all are
// zero, IXT_ERR_NULL_POINTER.
// Threads: may be called at any time from any thread.
ixt_status_t ixt_stream_id_read(const uint8_t *bytes,
                                size_t length,
                                uint8_t *id,
                                ixt_error_t *error);

// Checks a correlation id of unknown length and copies it into 16 bytes of the caller's.
//
// bytes: borrowed for the call. id: 16 bytes, written on success.
// Returns: IXT_OK, IXT_ERR_BAD_ID_LENGTH unless there are 16 bytes, IXT_ERR_NULL_POINTER.
// Threads: may be called at any time from any thread.
ixt_status_t ixt_correlation_id_read(const uint8_t *bytes,
                                     size_t length,
                                     uint8_t *id,
                                     ixt_error_t *error);

// Checks a span id of unknown length and copies it into 8 bytes of the caller's.
//
// bytes: borrowed for the call. id: 8 bytes, written on success.
// Returns: IXT_OK, IXT_ERR_BAD_ID_LENGTH unless there are 8 bytes, IXT_ERR_NULL_POINTER.
// Threads: may be called at any time from any thread.
ixt_status_t ixt_span_id_read(const uint8_t *bytes,
                              size_t length,
                              uint8_t *id,
                              ixt_error_t *error);

// Fills in the usual settings.
//
// config: written on success.
// Returns: IXT_OK, IXT_ERR_NULL_POINTER.
// Threads: may be called at any time from any thread.
ixt_status_t ixt_node_config_init(ixt_node_config_t *config);

// Makes a node whose module has not spoken yet.
//
// config: NULL for the usual one; copied. policy: the text of a policy file in TOML, `policy_length` bytes, copied:
// what this module may do, and what others may claim to it; none for the open policy, where the server's
// permissions decide alone. seed: 32 random bytes, copied, which nobody else may know. now_us: the time. node:
// written on success; ownership is transferred to the caller, who gives it back to ixt_node_free(). error: NULL, or
// written on failure.
// Returns: IXT_OK, IXT_ERR_INVALID_ARGUMENT with the setting as the field, or `policy` for one that is not valid,
// IXT_ERR_BAD_TEXT, IXT_ERR_NULL_POINTER.
// Threads: may be called at any time from any thread.
ixt_status_t ixt_node_new(const ixt_node_config_t *config,
                          const uint8_t *policy,
                          size_t policy_length,
                          const uint8_t *seed,
                          uint64_t now_us,
                          ixt_node_t **node,
                          ixt_error_t *error);

// Frees a node. Nothing is told to others: see ixt_node_local_ended().
//
// node: ownership is transferred back; NULL is allowed and does nothing.
// Threads: nobody else may be using the node.
void ixt_node_free(ixt_node_t *node);

// When ixt_node_handle_timeout() has something to do.
//
// at_us: written on success: the time; 0 for never.
// Returns: IXT_OK, IXT_ERR_NULL_POINTER, IXT_ERR_PANIC.
// Threads: runs alone on this node.
ixt_status_t ixt_node_next_timeout(ixt_node_t *node, uint64_t *at_us);

// Tells the time: others that are silent, opens that nobody takes, deadlines. Drain after it.
//
// now_us: the time.
// Returns: IXT_OK, IXT_ERR_NULL_POINTER, IXT_ERR_PANIC.
// Threads: runs alone on this node.
ixt_status_t ixt_node_handle_timeout(ixt_node_t *node, uint64_t now_us);

// What a node has seen.
//
// stats: written on success.
// Returns: IXT_OK, IXT_ERR_NULL_POINTER, IXT_ERR_PANIC.
// Threads: runs alone on this node.
ixt_status_t ixt_node_stats(ixt_node_t *node, ixt_node_stats_t *stats);

// Takes in what the module has written into its pipe: what its ixt_connection_t has to transmit. Drain after it.
//
// bytes: `length` bytes, borrowed for the call. now_us: the time.
// Returns: IXT_OK, IXT_ERR_NULL_POINTER, IXT_ERR_PANIC.
// Threads: runs alone on this node.
ixt_status_t ixt_node_read_local(ixt_node_t *node,
                                 const uint8_t *bytes,
                                 size_t length,
                                 uint64_t now_us);

// Fills a buffer with what the module is to read from its pipe. Call it until it gives nothing. It gives nothing
// while subscriptions are not confirmed by ixt_node_subscribed(): a module that is announced can be called.
//
// out: room for `capacity` bytes. filled: written on success; 0 when there is nothing.
// Returns: IXT_OK, IXT_ERR_NULL_POINTER, IXT_ERR_PANIC.
// Threads: runs alone on this node.
ixt_status_t ixt_node_poll_local(ixt_node_t *node,
                                 uint8_t *out,
                                 size_t capacity,
                                 size_t *filled);

// The module's pipe has ended. What still leaves tells the others: drain, and then close the client.
//
// now_us: the time.
// Returns: IXT_OK, IXT_ERR_NULL_POINTER, IXT_ERR_PANIC.
// Threads: runs alone on this node.
ixt_status_t ixt_node_local_ended(ixt_node_t *node,
                                  uint64_t now_us);

// Whether the module's connection has ended by itself. Once nothing is left for the module to read, end its pipe.
//
// ended: written on success.
// Returns: IXT_OK, IXT_ERR_NULL_POINTER, IXT_ERR_PANIC.
// Threads: runs alone on this node.
ixt_status_t ixt_node_has_ended(ixt_node_t *node,
                                bool *ended);

// Takes in a message of a subscription. One that is none of this protocol, or of which the subject does not bear
// out what it says, is counted and has no effect. Drain after it.
//
// subject: `subject_length` bytes of UTF-8, borrowed for the call. payload: `payload_length` bytes, borrowed for the
// call. now_us: the time.
// Returns: IXT_OK, IXT_ERR_BAD_TEXT, IXT_ERR_NULL_POINTER, IXT_ERR_PANIC.
// Threads: runs alone on this node.
ixt_status_t ixt_node_receive(ixt_node_t *node,
                              const uint8_t *subject,
                              size_t subject_length,
                              const uint8_t *payload,
                              size_t payload_length,
                              uint64_t now_us);

// Takes in a message of the server's with the status 503 and no payload: nobody listens to a message that this node
// has sent. Drain after it.
//
// subject: that of the message, which is the reply subject of the one that was sent; `length` bytes of UTF-8,
// borrowed for the call. now_us: the time.
// Returns: IXT_OK, IXT_ERR_BAD_TEXT, IXT_ERR_NULL_POINTER, IXT_ERR_PANIC.
// Threads: runs alone on this node.
ixt_status_t ixt_node_no_responders(ixt_node_t *node,
                                    const uint8_t *subject,
                                    size_t length,
                                    uint64_t now_us);

// Takes in an error that the server sent: what its permissions refuse fails as permissionDenied; any other has no
// effect. Drain after it.
//
// words: the server's own, such as `Permissions Violation for Publish to "x"`, with whatever the client has put
// around them; `length` bytes of UTF-8, borrowed for the call. now_us: the time.
// Returns: IXT_OK, IXT_ERR_BAD_TEXT, IXT_ERR_NULL_POINTER, IXT_ERR_PANIC.
// Threads: runs alone on this node.
ixt_status_t ixt_node_server_error(ixt_node_t *node,
                                   const uint8_t *words,
                                   size_t length,
                                   uint64_t now_us);

// The server has taken all that ixt_node_poll_subscription() gave: it has answered what was sent behind them. Drain
// after it.
//
// Returns: IXT_OK, IXT_ERR_NULL_POINTER, IXT_ERR_PANIC.
// Threads: runs alone on this node.
ixt_status_t ixt_node_subscribed(ixt_node_t *node);

// Takes the next subject to listen to, or to give up. When it gives nothing more: once the server has taken all of
// them, ixt_node_subscribed().
//
// subscription: written on success; its subject is borrowed until the next call on the node, and has length 0 where
// there is none.
// Returns: IXT_OK, IXT_ERR_NULL_POINTER, IXT_ERR_PANIC.
// Threads: runs alone on this node.
ixt_status_t ixt_node_poll_subscription(ixt_node_t *node,
                                        ixt_node_subscription_t *subscription);

// Takes the next message that leaves. Ask for no more than the client takes: what is not asked for waits in the node
// within bounds, and whoever sends too quickly waits with it.
//
// message: written on success; borrowed until the next call on the node; its subject has length 0 where there is
// none.
// Returns: IXT_OK, IXT_ERR_NULL_POINTER, IXT_ERR_PANIC.
// Threads: runs alone on this node.
ixt_status_t ixt_node_poll_publish(ixt_node_t *node,
                                   ixt_node_message_t *message);

// All outputs of a node in one call, for where calls cost: what ixt_node_poll_local() gives, what
// ixt_node_poll_publish() gives, packed, and what there is besides. Only subscriptions are taken one by one.
//
// local: room for `local_capacity` bytes for the module; 0 where none are wanted now. out: room for `capacity` bytes,
// in which messages are packed, of at least `max_message` + IXT_NODE_OVERHEAD; it takes as many messages as surely
// fit. messages: room for `message_capacity` messages, of which the first `drained->count` are written, as places in
// `out`; where it is 0 none are wanted now, and `capacity` may be 0. drained: written on success.
// Returns: IXT_OK; IXT_ERR_BUFFER_TOO_SMALL for less `capacity` than that, and nothing has changed;
// IXT_ERR_NULL_POINTER, IXT_ERR_PANIC.
// Threads: runs alone on this node.
ixt_status_t ixt_node_drain(ixt_node_t *node,
                            uint8_t *local,
                            size_t local_capacity,
                            uint8_t *out,
                            size_t capacity,
                            ixt_node_packed_t *messages,
                            size_t message_capacity,
                            ixt_node_drained_t *drained);

// Encodes a call in one message: what a caller sends as the one message of a unary stream that it opens
// with the same context.
//
// context: `context_length` encoded bytes. method: `method_length` bytes of UTF-8 without NUL, 1 to 256.
// body: `body_length` bytes. All are borrowed for the call. max_payload: the largest payload of the
// connection, which the message has to keep to; IXT_MAX_PAYLOAD by default. out: room for `capacity`
// bytes; may be NULL when `capacity` is 0, to ask for the size. written: the bytes written, on success;
// the bytes needed, with IXT_ERR_BUFFER_TOO_SMALL. error: NULL, or written on failure.
// Returns: IXT_OK; IXT_ERR_BUFFER_TOO_SMALL; IXT_ERR_BAD_METHOD, IXT_ERR_BAD_TEXT, IXT_ERR_FRAME_TOO_LARGE;
// a refusal of the context (1 to 99); IXT_ERR_NULL_POINTER.
// Threads: may be called at any time from any thread.
ixt_status_t ixt_handle_payload_encode(const uint8_t *context,
                                       size_t context_length,
                                       const uint8_t *method,
                                       size_t method_length,
                                       const uint8_t *body,
                                       size_t body_length,
                                       size_t max_payload,
                                       uint8_t *out,
                                       size_t capacity,
                                       size_t *written,
                                       ixt_error_t *error);

// Decodes a call in one message, whatever its context. Who answers a stream calls
// ixt_handle_payload_accept() in its place.
//
// bytes: `length` bytes, borrowed for the call; the places in `payload` mean something as long as the
// caller keeps them. max_payload: as for ixt_handle_payload_encode(). payload: written on success.
// context: room for `capacity` bytes, of which IXT_MAX_CONTEXT are always enough, in which the context's
// canonical bytes are written; `written`: how many, or how many are needed, with
// IXT_ERR_BUFFER_TOO_SMALL. error: NULL, or written on failure.
// Returns: IXT_OK; IXT_ERR_BUFFER_TOO_SMALL; a refusal (1 to 99); IXT_ERR_NULL_POINTER.
// Threads: may be called at any time from any thread.
ixt_status_t ixt_handle_payload_decode(const uint8_t *bytes,
                                       size_t length,
                                       size_t max_payload,
                                       ixt_handle_payload_t *payload,
                                       uint8_t *context,
                                       size_t capacity,
                                       size_t *written,
                                       ixt_error_t *error);

// Decodes the message of a stream, and refuses one that says another context than the stream's open: the
// open's is the one that the host has checked. A stream whose message is refused, by whichever status,
// ends with ixt_connection_fail() and IXT_CODE_INVALID_ARGUMENT.
//
// bytes, length, max_payload, payload, error: as for ixt_handle_payload_decode(). open: the
// `open_length` bytes of the open's context as they came, borrowed for the call.
// Returns: IXT_OK; IXT_ERR_INVALID_ARGUMENT where the contexts differ; a refusal of the message or of the
// open's context (1 to 99); IXT_ERR_NULL_POINTER.
// Threads: may be called at any time from any thread.
ixt_status_t ixt_handle_payload_accept(const uint8_t *bytes,
                                       size_t length,
                                       const uint8_t *open,
                                       size_t open_length,
                                       size_t max_payload,
                                       ixt_handle_payload_t *payload,
                                       ixt_error_t *error);

// Makes the sending end of a stream that is open already.
//
// stream_id: 16 bytes, copied. credit: data frames that it may send at once, at most 2^31 - 1. config:
// NULL for the usual one, of which `max_payload` counts; copied. sender: written on success; ownership is
// transferred to the caller, who gives it back to ixt_stream_free().
// Returns: IXT_OK, IXT_ERR_NIL_STREAM_ID, IXT_ERR_WINDOW_OVERFLOW, IXT_ERR_INVALID_ARGUMENT,
// IXT_ERR_NULL_POINTER.
// Threads: may be called at any time from any thread.
ixt_status_t ixt_sender_new(const uint8_t *stream_id,
                            uint32_t credit,
                            const ixt_config_t *config,
                            ixt_sender_t **sender);

// Spends a free credit, and encodes the data frame: ixt_stream_try_send().
//
// payload, length, out, capacity, written: as for ixt_stream_try_send(), borrowed for the call.
// Returns: as ixt_stream_try_send().
// Threads: runs alone on this sender.
ixt_status_t ixt_sender_try_send(ixt_sender_t *sender,
                                 const uint8_t *payload,
                                 size_t length,
                                 uint8_t *out,
                                 size_t capacity,
                                 size_t *written);

// Adds the credit of a credit frame of the peer's. Drain after it: tickets may have become ready, and a
// grant of 0 or past 2^31 - 1 fails the stream, as it would in a frame.
//
// ignored: NULL, or written on success: whether the sender had ended, so that the credit means nothing.
// Returns: IXT_OK, IXT_ERR_NULL_POINTER, IXT_ERR_PANIC.
// Threads: runs alone on this sender.
ixt_status_t ixt_sender_grant_credit(ixt_sender_t *sender,
                                     uint32_t frames,
                                     bool *ignored);

// Ends the stream in order, and encodes the close frame, in one call. Drain after it where tickets wait.
//
// reason: one of ixt_close_reason. out: room for `capacity` bytes; 56 are enough. written: the
// bytes written, on success, 0 where the stream had ended already; the bytes needed, with
// IXT_ERR_BUFFER_TOO_SMALL, when nothing has changed.
// Returns: IXT_OK, IXT_ERR_BUFFER_TOO_SMALL, IXT_ERR_NOT_OPEN, IXT_ERR_MISSING_MESSAGE,
// IXT_ERR_NULL_POINTER, IXT_ERR_PANIC.
// Threads: runs alone on this sender.
ixt_status_t ixt_sender_close(ixt_sender_t *sender,
                              uint16_t reason,
                              uint8_t *out,
                              size_t capacity,
                              size_t *written);

// Ends the stream as cancelled, and encodes the cancel frame, in one call. Drain after it where tickets
// wait.
//
// reason: one of ixt_cancel_reason. message: UTF-8 without NUL, `message_length` bytes, copied.
// out, capacity, written: as for ixt_sender_close(); IXT_MAX_CONTROL bytes are enough.
// Returns: IXT_OK, IXT_ERR_BUFFER_TOO_SMALL, IXT_ERR_NOT_OPEN, IXT_ERR_MESSAGE_TEXT_TOO_LONG,
// IXT_ERR_BAD_TEXT, IXT_ERR_NULL_POINTER, IXT_ERR_PANIC.
// Threads: runs alone on this sender.
ixt_status_t ixt_sender_cancel(ixt_sender_t *sender,
                               uint16_t reason,
                               const uint8_t *message,
                               size_t message_length,
                               uint8_t *out,
                               size_t capacity,
                               size_t *written);

// Ends the stream as failed, and encodes the error frame, in one call. Drain after it where tickets wait.
//
// code: one of ixt_error_code. message: UTF-8 without NUL, `message_length` bytes, copied. details:
// `details_length` bytes, copied. out, capacity, written: as for ixt_sender_close(); IXT_MAX_CONTROL
// bytes are enough.
// Returns: IXT_OK, IXT_ERR_BUFFER_TOO_SMALL, IXT_ERR_NOT_OPEN, IXT_ERR_MESSAGE_TEXT_TOO_LONG,
// IXT_ERR_BAD_TEXT, IXT_ERR_NULL_POINTER, IXT_ERR_PANIC.
// Threads: runs alone on this sender.
ixt_status_t ixt_sender_error(ixt_sender_t *sender,
                              uint16_t code,
                              const uint8_t *message,
                              size_t message_length,
                              const uint8_t *details,
                              size_t details_length,
                              uint8_t *out,
                              size_t capacity,
                              size_t *written);

// The name of a status, the same in every language, such as "Truncated"; "Ok" for IXT_OK, and
// "Unknown" for a number that this version does not know.
//
// Returns: a NUL-terminated text, never NULL, borrowed until the library is unloaded.
// Threads: may be called at any time from any thread.
const char *ixt_status_name(ixt_status_t status);

// What a status says in a few words, for people, such as "the message ends too early".
//
// Returns: a NUL-terminated text, never NULL, borrowed until the library is unloaded.
// Threads: may be called at any time from any thread.
const char *ixt_status_says(ixt_status_t status);

// Makes the end that will open a stream of this kind.
//
// interaction: one of ixt_interaction. config: NULL for the usual one; copied. stream: written on
// success; ownership is transferred to the caller, who gives it back to ixt_stream_free().
// Returns: IXT_OK, IXT_ERR_INVALID_ARGUMENT, IXT_ERR_NULL_POINTER.
// Threads: may be called at any time from any thread.
ixt_status_t ixt_stream_new_opener(uint16_t interaction,
                                   const ixt_config_t *config,
                                   ixt_stream_t **stream);

// Makes the end that will answer an open.
//
// config: NULL for the usual one; copied. stream: written on success; ownership is transferred to the
// caller, who gives it back to ixt_stream_free().
// Returns: IXT_OK, IXT_ERR_INVALID_ARGUMENT, IXT_ERR_NULL_POINTER.
// Threads: may be called at any time from any thread.
ixt_status_t ixt_stream_new_responder(const ixt_config_t *config,
                                      ixt_stream_t **stream);

// Makes the end that answers an open and hands it the open frame, in one call. Drain it then, and tell
// it the time.
//
// config: NULL for the usual one; copied. bytes: one whole open frame of `length` bytes, borrowed for
// the call. stream: written on success; ownership is transferred to the caller, who gives it back to
// ixt_stream_free(). received: written on success: IXT_RECEIVED_OPENED, or IXT_RECEIVED_DONE where the
// open breaks a rule; the stream has failed then, and an error frame is there to transmit. frame: NULL,
// or written on success, with places in `bytes`. error: NULL, or written on failure.
// Returns: IXT_OK; a refusal (1 to 99); IXT_ERR_INVALID_ARGUMENT for another frame than an open;
// IXT_ERR_NULL_POINTER.
// Threads: may be called at any time from any thread.
ixt_status_t ixt_stream_accept(const ixt_config_t *config,
                               const uint8_t *bytes,
                               size_t length,
                               ixt_stream_t **stream,
                               uint16_t *received,
                               ixt_frame_t *frame,
                               ixt_error_t *error);

// Frees a stream. Nothing is sent: to end a stream that is open, fail or cancel it before.
//
// stream: ownership is transferred back; NULL is allowed and does nothing.
// Threads: nobody else may be using the stream.
void ixt_stream_free(ixt_stream_t *stream);

// Opens the stream, and encodes the open frame, which leaves before any other.
//
// stream_id: 16 bytes that were never used before, such as a UUIDv7; borrowed for the call. credit:
// data frames that this end is ready to receive. context: an encoded context of `context_length` bytes,
// none for anonymous; its deadline is the stream's; borrowed for the call. out: room for `capacity`
// bytes; must not overlap `context`. written: the bytes written, on success; the bytes needed, with
// IXT_ERR_BUFFER_TOO_SMALL. error: NULL, or written on failure.
// Returns: IXT_OK, IXT_ERR_BUFFER_TOO_SMALL, IXT_ERR_ALREADY_OPEN, IXT_ERR_NOT_OPEN at a responder,
// IXT_ERR_NIL_STREAM_ID, IXT_ERR_WINDOW_OVERFLOW, a refusal of the context (1 to 99),
// IXT_ERR_NULL_POINTER, IXT_ERR_PANIC. Nothing has changed then.
// Threads: runs alone on this stream.
ixt_status_t ixt_stream_open(ixt_stream_t *stream,
                             const uint8_t *stream_id,
                             uint32_t credit,
                             const uint8_t *context,
                             size_t context_length,
                             uint8_t *out,
                             size_t capacity,
                             size_t *written,
                             ixt_error_t *error);

// Spends a free credit, and encodes the data frame, in one call. There is nothing to drain after it.
//
// payload: `length` bytes, borrowed for the call. out: room for `capacity` bytes, of which 64 more than
// the payload are always enough; must not overlap `payload`. written: the bytes written, on success; the
// bytes needed, with IXT_ERR_BUFFER_TOO_SMALL, when no credit was spent.
// Returns: IXT_OK, IXT_ERR_BUFFER_TOO_SMALL, IXT_ERR_NOT_OPEN, IXT_ERR_STREAM_ENDED,
// IXT_ERR_FRAME_TOO_LARGE, IXT_ERR_TOO_MANY_MESSAGES, IXT_ERR_CREDIT_EXHAUSTED, IXT_ERR_NULL_POINTER,
// IXT_ERR_PANIC. Nothing has changed then.
// Threads: runs alone on this stream.
ixt_status_t ixt_stream_try_send(ixt_stream_t *stream,
                                 const uint8_t *payload,
                                 size_t length,
                                 uint8_t *out,
                                 size_t capacity,
                                 size_t *written);

// Spends the credit of a ready ticket, and encodes the data frame, in one call. There is nothing to
// drain after it. Where it fails, the ticket keeps its credit.
//
// ticket: a number that IXT_EVENT_READY named. The rest is as for ixt_stream_try_send().
// Returns: as ixt_stream_try_send(); IXT_ERR_CREDIT_EXHAUSTED where the ticket is not ready.
// Threads: runs alone on this stream.
ixt_status_t ixt_stream_send_with(ixt_stream_t *stream,
                                  uint64_t ticket,
                                  const uint8_t *payload,
                                  size_t length,
                                  uint8_t *out,
                                  size_t capacity,
                                  size_t *written);

// Queues for one credit. IXT_EVENT_READY says when it is there, at once where credit is free;
// IXT_EVENT_ENDED when the stream went first. Drain after it.
//
// ticket: written on success. Numbers ascend and are not used again in this stream.
// Returns: IXT_OK, IXT_ERR_NOT_OPEN, IXT_ERR_STREAM_ENDED, IXT_ERR_TOO_MANY_MESSAGES,
// IXT_ERR_NULL_POINTER, IXT_ERR_PANIC.
// Threads: runs alone on this stream.
ixt_status_t ixt_stream_wait(ixt_stream_t *stream, uint64_t *ticket);

// Gives a ticket up. A credit that it held goes to the next one in the queue, or is free again. A ticket
// that is spent or unknown is no matter. Drain after it.
//
// Returns: IXT_OK, IXT_ERR_NULL_POINTER, IXT_ERR_PANIC.
// Threads: runs alone on this stream.
ixt_status_t ixt_stream_drop_ticket(ixt_stream_t *stream,
                                    uint64_t ticket);

// Grants the peer so many frames more. Without effect in a direction that carries exactly one message,
// and once the direction has ended. Drain after it.
//
// Returns: IXT_OK, IXT_ERR_NOT_OPEN, IXT_ERR_INVALID_GRANT for 0, IXT_ERR_WINDOW_OVERFLOW past
// 2^31 - 1 outstanding, IXT_ERR_NULL_POINTER, IXT_ERR_PANIC.
// Threads: runs alone on this stream.
ixt_status_t ixt_stream_grant(ixt_stream_t *stream,
                              uint32_t frames);

// Says that the application has consumed so many messages: grants again once half a window is due, or
// all that was granted has been sent and consumed.
// Without effect where grants are by hand.
//
// granted: NULL, or written on success: whether there is a credit frame to drain. Where it is false,
// nothing need be drained.
// Returns: IXT_OK; IXT_ERR_INVALID_GRANT for more than was delivered and not yet consumed;
// IXT_ERR_WINDOW_OVERFLOW; IXT_ERR_NULL_POINTER, IXT_ERR_PANIC. Nothing has changed then.
// Threads: runs alone on this stream.
ixt_status_t ixt_stream_consume(ixt_stream_t *stream,
                                uint32_t frames,
                                bool *granted);

// Ends this end's direction in order; a responder's close ends the stream in every kind but bidi.
// Tickets still waiting end. Drain after it.
//
// reason: one of ixt_close_reason. already_ended: NULL, or written on success: whether there was
// nothing left to end, so that no frame is sent and the recorded outcome stands.
// Returns: IXT_OK; IXT_ERR_NOT_OPEN; IXT_ERR_MISSING_MESSAGE where the kind demands a message that was
// not sent; IXT_ERR_NULL_POINTER, IXT_ERR_PANIC.
// Threads: runs alone on this stream.
ixt_status_t ixt_stream_close(ixt_stream_t *stream,
                              uint16_t reason,
                              bool *already_ended);

// Ends the stream as failed. Both halves fail, one that was closed too. Drain after it.
//
// code: one of ixt_error_code. message: UTF-8 without NUL, `message_length` bytes, copied. details:
// `details_length` bytes, copied. already_ended: as for ixt_stream_close().
// Returns: IXT_OK, IXT_ERR_NOT_OPEN, IXT_ERR_MESSAGE_TEXT_TOO_LONG, IXT_ERR_BAD_TEXT,
// IXT_ERR_NULL_POINTER, IXT_ERR_PANIC. Nothing has changed then.
// Threads: runs alone on this stream.
ixt_status_t ixt_stream_fail(ixt_stream_t *stream,
                             uint16_t code,
                             const uint8_t *message,
                             size_t message_length,
                             const uint8_t *details,
                             size_t details_length,
                             bool *already_ended);

// Ends the stream as cancelled. Both halves are cancelled, one that was closed too. Drain after it.
//
// reason: one of ixt_cancel_reason. message: UTF-8 without NUL, `message_length` bytes, copied.
// already_ended: as for ixt_stream_close().
// Returns: IXT_OK, IXT_ERR_NOT_OPEN, IXT_ERR_MESSAGE_TEXT_TOO_LONG, IXT_ERR_BAD_TEXT,
// IXT_ERR_NULL_POINTER, IXT_ERR_PANIC. Nothing has changed then.
// Threads: runs alone on this stream.
ixt_status_t ixt_stream_cancel(ixt_stream_t *stream,
                               uint16_t reason,
                               const uint8_t *message,
                               size_t message_length,
                               bool *already_ended);

// Tells the time. At or past the deadline the stream ends as cancelled. Drain after it where
// `ended_now` is true.
//
// now_ms: milliseconds since the Unix epoch. ended_now: NULL, or written on success: whether this ended
// the stream.
// Returns: IXT_OK, IXT_ERR_NULL_POINTER, IXT_ERR_PANIC.
// Threads: runs alone on this stream.
ixt_status_t ixt_stream_handle_timeout(ixt_stream_t *stream,
                                       uint64_t now_ms,
                                       bool *ended_now);

// Decodes one whole frame of the peer and hands it to the stream. Drain after it.
//
// A frame that breaks a rule is no error of this call: the stream fails, with an event and an error frame
// to transmit. One that does not decode is an error, and nothing has changed; the peer's byte stream can
// then not be trusted any more.
//
// bytes: one whole frame of `length` bytes, borrowed for the call. received: written on success: one of
// enum ixt_received. frame: NULL, or written on success, with places in `bytes`. error: NULL, or written
// on failure.
// Returns: IXT_OK, a refusal (1 to 99), IXT_ERR_NULL_POINTER, IXT_ERR_PANIC.
// Threads: runs alone on this stream.
ixt_status_t ixt_stream_receive(ixt_stream_t *stream,
                                const uint8_t *bytes,
                                size_t length,
                                uint16_t *received,
                                ixt_frame_t *frame,
                                ixt_error_t *error);

// Hands a frame that was decoded before, by ixt_frame_decode_batch() most often, to the stream: for who
// routes the frames of many streams. Drain after it.
//
// frame: borrowed for the call. bytes: the `length` bytes in which its places are, borrowed for the
// call. received: written on success: one of ixt_received. error: NULL, or written on failure.
// Returns: IXT_OK; a refusal of the value (1 to 99); IXT_ERR_INVALID_ARGUMENT for a place outside
// `bytes`; IXT_ERR_NULL_POINTER, IXT_ERR_PANIC.
// Threads: runs alone on this stream.
ixt_status_t ixt_stream_receive_frame(ixt_stream_t *stream,
                                      const ixt_frame_t *frame,
                                      const uint8_t *bytes,
                                      size_t length,
                                      uint16_t *received,
                                      ixt_error_t *error);

// Hands a read buffer to the stream and drains it, in one call: all whole frames at the beginning of
// `bytes`, one after the other, with all that they cause.
//
// It stops at the end of `bytes`, at a frame that is not there whole, before a frame that is refused
// (the refusal is returned by the call that begins with it), and when `events` is full. Opens and
// messages are events here, with places in `bytes`; use them before the bytes are moved.
//
// bytes: `length` bytes, borrowed for the call. consumed: written on success: bytes of the frames that
// were taken. out, capacity, written, events, event_capacity, event_count, more: as for
// ixt_stream_drain(); `out` must not overlap `bytes`. Without room for events nothing is taken. error:
// NULL, or written on failure.
// Returns: IXT_OK, also for no frame; a refusal (1 to 99) of the first frame; IXT_ERR_NULL_POINTER,
// IXT_ERR_PANIC.
// Threads: runs alone on this stream.
ixt_status_t ixt_stream_receive_batch(ixt_stream_t *stream,
                                      const uint8_t *bytes,
                                      size_t length,
                                      size_t *consumed,
                                      uint8_t *out,
                                      size_t capacity,
                                      size_t *written,
                                      ixt_event_t *events,
                                      size_t event_capacity,
                                      size_t *event_count,
                                      bool *more,
                                      ixt_error_t *error);

// Takes all that the stream has to say, as far as there is room: frames to transmit, back to back, and
// events. What finds no room stays for the next call.
//
// out: room for `capacity` bytes, of which IXT_MAX_CONTROL take at least one frame; may be NULL when
// `capacity` is 0. written: written on success: bytes to transmit. events: room for `event_capacity`
// events, of which the first `*event_count` are written; may be NULL when `event_capacity` is 0.
// event_count: written on success. more: written on success: whether something is left, so that another
// call is due.
// Returns: IXT_OK, IXT_ERR_NULL_POINTER, IXT_ERR_PANIC.
// Threads: runs alone on this stream.
ixt_status_t ixt_stream_drain(ixt_stream_t *stream,
                              uint8_t *out,
                              size_t capacity,
                              size_t *written,
                              ixt_event_t *events,
                              size_t event_capacity,
                              size_t *event_count,
                              bool *more);

// Takes the next frame to transmit.
//
// out: room for `capacity` bytes, of which IXT_MAX_CONTROL are always enough. written: the bytes
// written, on success, 0 where there is no frame; the bytes needed, with IXT_ERR_BUFFER_TOO_SMALL, when
// the frame stays for the next call.
// Returns: IXT_OK, IXT_ERR_BUFFER_TOO_SMALL, IXT_ERR_NULL_POINTER, IXT_ERR_PANIC.
// Threads: runs alone on this stream.
ixt_status_t ixt_stream_poll_transmit(ixt_stream_t *stream,
                                      uint8_t *out,
                                      size_t capacity,
                                      size_t *written);

// Takes events, in order.
//
// events: room for `capacity` events, of which the first `*count` are written. count: written on
// success; less than `capacity` where no more are left.
// Returns: IXT_OK, IXT_ERR_NULL_POINTER, IXT_ERR_PANIC.
// Threads: runs alone on this stream.
ixt_status_t ixt_stream_poll_events(ixt_stream_t *stream,
                                    ixt_event_t *events,
                                    size_t capacity,
                                    size_t *count);

// What the endpoint looks like now.
//
// state: written on success.
// Returns: IXT_OK, IXT_ERR_NULL_POINTER.
// Threads: runs beside others that take `const ixt_stream_t *`.
ixt_status_t ixt_stream_state(const ixt_stream_t *stream, ixt_state_t *state);

// The stream's id.
//
// id: 16 bytes, written on success.
// Returns: IXT_OK, IXT_ERR_NOT_OPEN before the open, IXT_ERR_NULL_POINTER.
// Threads: runs beside others that take `const ixt_stream_t *`.
ixt_status_t ixt_stream_id(const ixt_stream_t *stream, uint8_t *id);

// How the stream ended; IXT_OUTCOME_NONE before its end.
//
// outcome: written on success.
// Returns: IXT_OK, IXT_ERR_NULL_POINTER.
// Threads: runs beside others that take `const ixt_stream_t *`.
ixt_status_t ixt_stream_outcome(const ixt_stream_t *stream, ixt_outcome_t *outcome);

// The message of the error or cancel that ended the stream: UTF-8 of the peer's or of this end's, for
// people. Where it is the peer's it is not to be trusted.
//
// out: room for `capacity` bytes, of which IXT_MAX_TEXT are always enough; no NUL is added. written: the
// bytes written, on success, 0 where there is none; the bytes needed, with IXT_ERR_BUFFER_TOO_SMALL.
// Returns: IXT_OK, IXT_ERR_BUFFER_TOO_SMALL, IXT_ERR_NULL_POINTER.
// Threads: runs beside others that take `const ixt_stream_t *`.
ixt_status_t ixt_stream_outcome_message(const ixt_stream_t *stream,
                                        uint8_t *out,
                                        size_t capacity,
                                        size_t *written);

// The details of the error that ended the stream.
//
// out, capacity, written: as for ixt_stream_outcome_message().
// Returns: IXT_OK, IXT_ERR_BUFFER_TOO_SMALL, IXT_ERR_NULL_POINTER.
// Threads: runs beside others that take `const ixt_stream_t *`.
ixt_status_t ixt_stream_outcome_details(const ixt_stream_t *stream,
                                        uint8_t *out,
                                        size_t capacity,
                                        size_t *written);

// Writes a traceparent header of version 00: 55 characters and a NUL. There is none where an id is all
// zeros, which W3C forbids.
//
// traceparent: borrowed for the call. out: room for `capacity` characters; IXT_TRACEPARENT are enough.
// written: the characters without the NUL, on success: 55, or 0 where there is no header, when `out` is
// left alone; IXT_TRACEPARENT, with IXT_ERR_BUFFER_TOO_SMALL.
// Returns: IXT_OK, IXT_ERR_BUFFER_TOO_SMALL, IXT_ERR_NULL_POINTER.
// Threads: may be called at any time from any thread.
ixt_status_t ixt_traceparent_write(const ixt_traceparent_t *traceparent,
                                   char *out,
                                   size_t capacity,
                                   size_t *written);

// Reads a traceparent header. One that is malformed counts as absent, which is no error.
//
// header: `length` characters, borrowed for the call; no NUL at the end is needed, and one is malformed.
// traceparent: written where the header is well-formed. found: written on success: whether it is.
// Returns: IXT_OK, IXT_ERR_NULL_POINTER.
// Threads: may be called at any time from any thread.
ixt_status_t ixt_traceparent_read(const uint8_t *header,
                                  size_t length,
                                  ixt_traceparent_t *traceparent,
                                  bool *found);

// The version of the binary interface of the loaded library, to compare with IXT_ABI_VERSION.
//
// Threads: may be called at any time from any thread.
uint32_t ixt_abi_version(void);

// The version of the loaded library, such as "0.1.0".
//
// Returns: a NUL-terminated text, never NULL, borrowed until the library is unloaded.
// Threads: may be called at any time from any thread.
const char *ixt_version(void);

// The version of the loaded library as one number, to compare with IXT_VERSION_NUMBER:
// major * 1000000 + minor * 1000 + patch.
//
// Threads: may be called at any time from any thread.
uint32_t ixt_version_number(void);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* IXT_H */
