/* Replays the traces of the stream state machine: flatten.py traces FOLDER | traces.
 *
 * Each trace runs three times: frames received and drained one by one, a read buffer at a time in one
 * call, and decoded first with the smallest buffers to drain into. */
#include "lines.h"

enum { WAYS = 3, STEPS = 64, TICKETS = 512, EVENTS = 64, FRAMES = 64 };
enum way { ONE_BY_ONE, BATCH, DECODED };

typedef struct {
    char result[24];
    char state[96];
    char *events[EVENTS];
    size_t event_count;
    frame_t frames[FRAMES];
    size_t frame_count;
    char *command;
    frame_t received;
} step_t;

static step_t steps[STEPS];
static size_t step_count;
static char endpoint[16];
static uint16_t endpoint_kind;
static ixt_config_t config;

static struct {
    uint32_t name;
    uint64_t ticket;
} tickets[TICKETS];
static size_t ticket_count;

static const char *const halves[] = {"idle", "open", "closed", "failed", "cancelled"};
static const char *const violations[] = {"", "UnknownStream", "FrameAfterClose", "UnknownFrame"};

static uint64_t ticket_of(uint32_t name) {
    for (size_t i = 0; i < ticket_count; i++) {
        if (tickets[i].name == name) {
            return tickets[i].ticket;
        }
    }
    return UINT64_MAX - name;
}

static uint32_t name_of(uint64_t ticket) {
    for (size_t i = 0; i < ticket_count; i++) {
        if (tickets[i].ticket == ticket) {
            return tickets[i].name;
        }
    }
    return UINT32_MAX;
}

/* What a step gave. */
static uint8_t sent[1 << 17];
static size_t sent_length;
static char *happened[EVENTS];
static size_t happened_count;

static void tell(char *text) {
    if (CHECK(happened_count < EVENTS)) {
        happened[happened_count++] = text;
    }
}

static char *event_text(const ixt_stream_t *stream, const ixt_event_t *event, const uint8_t *input) {
    static uint8_t message[IXT_MAX_TEXT];
    size_t length = 0;
    if (event->kind == IXT_EVENT_FAILED || event->kind == IXT_EVENT_CANCELLED) {
        OK(ixt_stream_outcome_message(stream, message, sizeof message, &length));
    }
    const char *by = event->by == IXT_BY_PEER ? "peer" : "local";
    size_t room = 128 + 2 * (length + event->payload.length + event->context.length);
    char *text = hold(room);
    switch (event->kind) {
    case IXT_EVENT_OPENED:
        snprintf(text, room, "opened %u %s", event->interaction,
                 to_hex(input + event->context.offset, event->context.length));
        break;
    case IXT_EVENT_DATA:
        snprintf(text, room, "data %" PRIu64 " %s", event->sequence,
                 to_hex(input + event->payload.offset, event->payload.length));
        break;
    case IXT_EVENT_CREDIT:
        snprintf(text, room, "credit %" PRIu32, event->credit);
        break;
    case IXT_EVENT_READY:
        snprintf(text, room, "ready %" PRIu32, name_of(event->ticket));
        break;
    case IXT_EVENT_ENDED:
        snprintf(text, room, "ended %" PRIu32, name_of(event->ticket));
        break;
    case IXT_EVENT_CLOSED:
        snprintf(text, room, "closed %u", event->reason);
        break;
    case IXT_EVENT_FINISHED:
        snprintf(text, room, "finished");
        break;
    case IXT_EVENT_FAILED:
        snprintf(text, room, "failed %u %s %s", event->code, by, to_hex(message, length));
        break;
    case IXT_EVENT_CANCELLED:
        snprintf(text, room, "cancelled %u %s %s", event->reason, by, to_hex(message, length));
        break;
    case IXT_EVENT_VIOLATION:
        snprintf(text, room, "violation %s", event->violation <= 3 ? violations[event->violation] : "?");
        break;
    default:
        snprintf(text, room, "event %u", event->kind);
    }
    return text;
}

static void drain(ixt_stream_t *stream, enum way way) {
    ixt_event_t events[8];
    size_t count = 0, written = 0;
    if (way == ONE_BY_ONE) {
        do {
            OK(ixt_stream_poll_events(stream, events, 8, &count));
            for (size_t i = 0; i < count; i++) {
                tell(event_text(stream, &events[i], NULL));
            }
        } while (count == 8);
        do {
            /* Too little room first: the frame must stay. */
            uint8_t nothing;
            ixt_status_t status = ixt_stream_poll_transmit(stream, &nothing, 0, &written);
            CHECK(status == IXT_OK ? written == 0 : status == IXT_ERR_BUFFER_TOO_SMALL);
            size_t needed = written;
            OK(ixt_stream_poll_transmit(stream, sent + sent_length, sizeof sent - sent_length, &written));
            CHECK(written == needed);
            sent_length += written;
        } while (written != 0);
        return;
    }
    size_t room = way == DECODED ? 1 : 8;
    for (bool more = true; more;) {
        OK(ixt_stream_drain(stream, sent + sent_length, IXT_MAX_CONTROL, &written, events, room, &count, &more));
        sent_length += written;
        for (size_t i = 0; i < count; i++) {
            tell(event_text(stream, &events[i], NULL));
        }
        CHECK(!more || written > 0 || count > 0);
    }
}

/* An open that has no bytes, since the codec refuses its context, is handed over as a value. */
static ixt_status_t receive_value(ixt_stream_t *stream, const frame_t *frame, const char **result) {
    ixt_frame_t value = {.kind = frame->kind,
                         .interaction = frame->interaction,
                         .credit = frame->credit,
                         .context = {0, (uint32_t)frame->context.length}};
    memcpy(value.stream_id, frame->id.data, 16);
    ixt_error_t error;
    uint16_t received = 99;
    ixt_status_t status =
        ixt_stream_receive_frame(stream, &value, frame->context.data, frame->context.length, &received, &error);
    CHECK(received == IXT_RECEIVED_DONE);
    *result = "ok";
    return status;
}

static ixt_status_t receive(ixt_stream_t *stream, const frame_t *frame, enum way way, const char **result) {
    static uint8_t bytes[1 << 17];
    size_t length = 0;
    if (frame_encode(frame, IXT_MAX_PAYLOAD, bytes, sizeof bytes, &length) == IXT_ERR_CONTEXT_TOO_LARGE) {
        return receive_value(stream, frame, result);
    }
    /* A block as large as the frame, so that reading past it shows. */
    uint8_t *input = hold(length);
    memcpy(input, bytes, length);

    ixt_error_t error;
    ixt_state_t before, state;
    uint16_t received = 99;
    ixt_frame_t got;
    ixt_status_t status;
    OK(ixt_stream_state(stream, &before));
    if (way == BATCH) {
        ixt_event_t events[4];
        size_t consumed = 0, written = 0, count = 0;
        bool more = false;
        status = ixt_stream_receive_batch(stream, input, length, &consumed, sent + sent_length, IXT_MAX_CONTROL, &written,
                                          events, 4, &count, &more, &error);
        if (status != IXT_OK) {
            return status;
        }
        CHECK(consumed == length);
        sent_length += written;
        for (size_t i = 0; i < count; i++) {
            tell(event_text(stream, &events[i], input));
        }
        OK(ixt_stream_state(stream, &state));
        *result = state.ignored > before.ignored ? "ignored" : "ok";
        return IXT_OK;
    }
    if (way == ONE_BY_ONE) {
        status = ixt_stream_receive(stream, input, length, &received, &got, &error);
    } else {
        status = ixt_frame_decode(input, length, config.max_payload + IXT_MAX_OVERHEAD, &got, &error);
        if (status == IXT_OK) {
            status = ixt_stream_receive_frame(stream, &got, input, length, &received, &error);
        }
    }
    if (status != IXT_OK) {
        return status;
    }
    if (received == IXT_RECEIVED_OPENED || received == IXT_RECEIVED_DATA) {
        bool opened = received == IXT_RECEIVED_OPENED;
        ixt_event_t event = {.kind = opened ? IXT_EVENT_OPENED : IXT_EVENT_DATA,
                             .interaction = got.interaction,
                             .sequence = got.sequence,
                             .payload = got.payload,
                             .context = got.context};
        tell(event_text(stream, &event, input));
    }
    *result = received == IXT_RECEIVED_IGNORED ? "ignored" : "ok";
    return IXT_OK;
}

static ixt_status_t send(ixt_stream_t *stream, const uint64_t *ticket, bytes_t payload) {
    size_t written = SIZE_MAX, room = sizeof sent - sent_length;
    uint8_t *out = sent + sent_length;
    ixt_state_t before, state;
    OK(ixt_stream_state(stream, &before));
    /* Too little room first: no credit may be spent. */
    for (size_t small = 0; small < 64; small += 21) {
        ixt_status_t status = ticket ? ixt_stream_send_with(stream, *ticket, payload.data, payload.length, out, small, &written)
                                     : ixt_stream_try_send(stream, payload.data, payload.length, out, small, &written);
        if (status != IXT_ERR_BUFFER_TOO_SMALL) {
            break;
        }
        OK(ixt_stream_state(stream, &state));
        CHECK(state.credit == before.credit && state.sent == before.sent && written <= payload.length + 64);
        room = written;
    }
    OK(ixt_stream_state(stream, &state));
    if (state.sent > before.sent) {
        sent_length += written;
        return IXT_OK;
    }
    ixt_status_t status = ticket ? ixt_stream_send_with(stream, *ticket, payload.data, payload.length, out, room, &written)
                                 : ixt_stream_try_send(stream, payload.data, payload.length, out, room, &written);
    if (status == IXT_OK) {
        sent_length += written;
    }
    return status;
}

static void run_step(ixt_stream_t *stream, const step_t *step, enum way way) {
    ixt_status_t status = IXT_OK;
    const char *result = "ok", *words;
    bool ended = false;
    ixt_error_t error;
    sent_length = 0;
    happened_count = 0;

    if ((words = after(step->command, "open"))) {
        bytes_t id = hex(words), context = hex(next_word(next_word(words)));
        uint32_t credit = (uint32_t)strtoul(next_word(words), NULL, 10);
        size_t written = 0;
        status = ixt_stream_open(stream, id.data, credit, context.data, context.length, sent, 8, &written, &error);
        if (status == IXT_ERR_BUFFER_TOO_SMALL) {
            status = ixt_stream_open(stream, id.data, credit, context.data, context.length, sent, written, &written, &error);
        }
        if (status == IXT_OK) {
            sent_length = written;
        }
    } else if ((words = after(step->command, "send"))) {
        status = send(stream, NULL, hex(words));
    } else if ((words = after(step->command, "send_with"))) {
        uint64_t ticket = ticket_of((uint32_t)strtoul(words, NULL, 10));
        status = send(stream, &ticket, hex(next_word(words)));
    } else if ((words = after(step->command, "wait"))) {
        uint64_t ticket = 0;
        status = ixt_stream_wait(stream, &ticket);
        if (status == IXT_OK && CHECK(ticket_count < TICKETS)) {
            tickets[ticket_count].name = (uint32_t)strtoul(words, NULL, 10);
            tickets[ticket_count++].ticket = ticket;
        }
    } else if ((words = after(step->command, "drop"))) {
        status = ixt_stream_drop_ticket(stream, ticket_of((uint32_t)strtoul(words, NULL, 10)));
    } else if ((words = after(step->command, "grant"))) {
        status = ixt_stream_grant(stream, (uint32_t)strtoul(words, NULL, 10));
    } else if ((words = after(step->command, "consume"))) {
        bool granted = false;
        status = ixt_stream_consume(stream, (uint32_t)strtoul(words, NULL, 10), &granted);
        CHECK(status != IXT_OK || granted == (step->frame_count > 0));
    } else if ((words = after(step->command, "close"))) {
        status = ixt_stream_close(stream, (uint16_t)atoi(words), &ended);
    } else if ((words = after(step->command, "fail"))) {
        bytes_t message = hex(next_word(words)), details = hex(next_word(next_word(words)));
        status = ixt_stream_fail(stream, (uint16_t)atoi(words), message.data, message.length, details.data,
                                 details.length, &ended);
    } else if ((words = after(step->command, "cancel"))) {
        bytes_t message = hex(next_word(words));
        status = ixt_stream_cancel(stream, (uint16_t)atoi(words), message.data, message.length, &ended);
    } else if ((words = after(step->command, "time"))) {
        bool now = false;
        status = ixt_stream_handle_timeout(stream, strtoull(words, NULL, 10), &now);
        CHECK(now == (step->event_count > 0));
    } else if (after(step->command, "receive")) {
        status = receive(stream, &step->received, way, &result);
    } else {
        fprintf(stderr, "a command that is not understood: %s\n", step->command);
        exit(2);
    }
    if (status != IXT_OK) {
        result = ixt_status_name(status);
    } else if (ended) {
        result = "ended";
    }
    drain(stream, way);

    if (!CHECK(strcmp(result, step->result) == 0)) {
        fprintf(stderr, "  %s: got %s, want %s\n", step->command, result, step->result);
    }

    CHECK(happened_count == step->event_count);
    for (size_t i = 0; i < step->event_count && i < happened_count; i++) {
        const char *want = step->events[i];
        size_t length = strlen(want);
        /* A message that the trace leaves empty is for people, and not compared. */
        bool any = length > 0 && want[length - 1] == ' ' && (after(want, "failed") || after(want, "cancelled"));
        if (!CHECK(any ? strncmp(happened[i], want, length) == 0 : strcmp(happened[i], want) == 0)) {
            fprintf(stderr, "  %s: got %s, want %s\n", step->command, happened[i], want);
        }
    }

    ixt_frame_t frames[FRAMES];
    size_t count = 0, consumed = 0;
    OK(ixt_frame_decode_batch(sent, sent_length, IXT_MAX_PAYLOAD, frames, FRAMES, &count, &consumed, &error));
    CHECK(consumed == sent_length && count == step->frame_count);
    for (size_t i = 0; i < step->frame_count && i < count; i++) {
        const frame_t *want = &step->frames[i];
        bool any = want->message.length == 0 && (want->kind == IXT_FRAME_ERROR || want->kind == IXT_FRAME_CANCEL);
        if (!CHECK(frame_is(want, &frames[i], sent, any))) {
            fprintf(stderr, "  %s: frame %zu of kind %u\n", step->command, i, frames[i].kind);
        }
    }

    ixt_state_t state;
    char text[96];
    OK(ixt_stream_state(stream, &state));
    snprintf(text, sizeof text, "%s %s %" PRIu32 " %" PRIu32 " %" PRIu64, halves[state.sender], halves[state.receiver],
             state.credit, state.outstanding, state.ignored);
    if (!CHECK(strcmp(text, step->state) == 0)) {
        fprintf(stderr, "  %s: got %s, want %s\n", step->command, text, step->state);
    }
}

static void run(enum way way) {
    ixt_stream_t *stream = NULL;
    ticket_count = 0;
    if (strcmp(endpoint, "opener") == 0) {
        OK(ixt_stream_new_opener(endpoint_kind, &config, &stream));
    } else {
        OK(ixt_stream_new_responder(&config, &stream));
    }
    for (size_t i = 0; i < step_count; i++) {
        run_step(stream, &steps[i], way);
    }
    ixt_stream_free(stream);
}

static char *copy(const char *text) {
    char *held_text = hold(strlen(text) + 1);
    strcpy(held_text, text);
    return held_text;
}

int main(void) {
    unsigned long traces = 0;
    static char name[512];
    static step_t step;
    static frame_t frame;
    for (char *line; (line = read_line());) {
        const char *words;
        if ((words = after(line, "begin"))) {
            release();
            step_count = 0;
            snprintf(name, sizeof name, "%s", words);
            about = name;
        } else if ((words = after(line, "endpoint"))) {
            snprintf(endpoint, sizeof endpoint, "%.*s", (int)strcspn(words, " "), words);
            words = next_word(words);
            endpoint_kind = (uint16_t)atoi(words);
            config.max_payload = strtoull(words = next_word(words), NULL, 10);
            config.window = (uint32_t)strtoul(words = next_word(words), NULL, 10);
            config.agreed_credit = (uint32_t)strtoul(next_word(words), NULL, 10);
        } else if ((words = after(line, "result"))) {
            memset(&step, 0, sizeof step);
            snprintf(step.result, sizeof step.result, "%s", words);
        } else if (strncmp(line, "tx.", 3) == 0) {
            CHECK(frame_line(&frame, line + 3));
        } else if (strcmp(line, "transmit") == 0) {
            if (CHECK(step.frame_count < FRAMES)) {
                step.frames[step.frame_count++] = frame;
            }
        } else if ((words = after(line, "event"))) {
            if (CHECK(step.event_count < EVENTS)) {
                step.events[step.event_count++] = copy(words);
            }
        } else if ((words = after(line, "state"))) {
            snprintf(step.state, sizeof step.state, "%s", words);
        } else if (strncmp(line, "rx.", 3) == 0) {
            CHECK(frame_line(&step.received, line + 3));
        } else if ((words = after(line, "do"))) {
            step.command = copy(words);
            if (CHECK(step_count < STEPS)) {
                steps[step_count++] = step;
            }
        } else if (strcmp(line, "run trace") == 0) {
            for (int way = 0; way < WAYS; way++) {
                run((enum way)way);
            }
            traces++;
        } else {
            fprintf(stderr, "a line that is not understood: %.80s\n", line);
            return 2;
        }
    }
    release();
    about = "";
    printf("traces: %lu\n", traces);
    CHECK(traces > 0);
    return summary("C traces");
}
