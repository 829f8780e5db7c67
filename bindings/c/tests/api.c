/* The interface itself: NULL for every pointer, outputs that stay as they are on failure, buffers that are
 * too small, the panic guard, versions, and the rules of each function that vectors and traces do not reach. */
#include <fcntl.h>
#include <unistd.h>

#include "check.h"

/* Hidden: it proves that the guard works in the library as it ships. */
ixt_status_t ixt_test_panic(void);

#define IS_NULL(call) IS(call, IXT_ERR_NULL_POINTER)
#define TEXT(text) ((const uint8_t *)(text)), (sizeof(text) - 1)

static const uint8_t ID[16] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16};
static const uint8_t NIL[16];

/* Fills with a poison, and says whether it is all still there. */
#define POISON(thing) memset(&(thing), 0xa5, sizeof(thing))
#define UNTOUCHED(thing) untouched((const uint8_t *)&(thing), sizeof(thing))
static bool untouched(const uint8_t *bytes, size_t length) {
    for (size_t i = 0; i < length; i++) {
        if (bytes[i] != 0xa5) {
            return false;
        }
    }
    return true;
}

static size_t data_frame(uint8_t *out, size_t room, uint64_t sequence, const char *payload) {
    size_t written = 0;
    OK(ixt_data_encode(ID, sequence, (const uint8_t *)payload, strlen(payload), IXT_MAX_PAYLOAD, out, room, &written));
    return written;
}

static void versions(void) {
    about = "versions";
    CHECK(ixt_abi_version() == IXT_ABI_VERSION);
    CHECK(ixt_version_number() == IXT_VERSION_NUMBER);
    CHECK(IXT_VERSION_NUMBER == IXT_VERSION_MAJOR * 1000000 + IXT_VERSION_MINOR * 1000 + IXT_VERSION_PATCH);
    char text[32];
    snprintf(text, sizeof text, "%d.%d.%d", IXT_VERSION_MAJOR, IXT_VERSION_MINOR, IXT_VERSION_PATCH);
    CHECK(strcmp(text, IXT_VERSION) == 0);
    CHECK(strcmp(text, ixt_version()) == 0);
}

static void statuses(void) {
    about = "statuses";
    CHECK(strcmp(ixt_status_name(IXT_OK), "Ok") == 0);
    CHECK(strcmp(ixt_status_name(IXT_ERR_TRUNCATED), "Truncated") == 0);
    CHECK(strcmp(ixt_status_says(IXT_ERR_TRUNCATED), "the message ends too early") == 0);
    CHECK(strcmp(ixt_status_name(IXT_ERR_ABI_MISMATCH), "AbiMismatch") == 0);
    for (ixt_status_t status = -300; status < 300; status++) {
        CHECK(ixt_status_name(status)[0] && ixt_status_says(status)[0]);
    }
    CHECK(strcmp(ixt_status_name(INT32_MIN), "Unknown") == 0 && strcmp(ixt_status_name(INT32_MAX), "Unknown") == 0);
}

static void panics(void) {
    about = "the panic guard";
    /* What Rust says of a panic on stderr is no news here. */
    int kept = dup(STDERR_FILENO), nowhere = open("/dev/null", O_WRONLY);
    dup2(nowhere, STDERR_FILENO);
    ixt_status_t first = ixt_test_panic(), second = ixt_test_panic();
    dup2(kept, STDERR_FILENO);
    close(kept);
    close(nowhere);
    IS(first, IXT_ERR_PANIC);
    IS(second, IXT_ERR_PANIC);
}

static void errors(void) {
    about = "errors";
    uint8_t frame[128];
    size_t length = data_frame(frame, sizeof frame, 7, "payload");
    ixt_frame_t decoded;
    ixt_error_t error;

    POISON(error);
    OK(ixt_frame_decode(frame, length, IXT_MAX_PAYLOAD, &decoded, &error));
    CHECK(UNTOUCHED(error));
    IS(ixt_frame_decode(frame, length - 1, IXT_MAX_PAYLOAD, &decoded, &error), IXT_ERR_TRUNCATED);
    CHECK(error.status == IXT_ERR_TRUNCATED && error.offset == length - 1);
    CHECK(strstr(error.message, "Truncated") == error.message);
    CHECK(memchr(error.field, 0, sizeof error.field) && memchr(error.message, 0, sizeof error.message));
    IS(ixt_frame_decode(frame, length - 1, IXT_MAX_PAYLOAD, &decoded, NULL), IXT_ERR_TRUNCATED);
    IS(ixt_frame_decode(frame, length, 6, &decoded, &error), IXT_ERR_FRAME_TOO_LARGE);
    CHECK(strcmp(error.field, "data.payload") == 0 && error.offset == SIZE_MAX);

    /* No byte of the input shows: not the token, not a key that is refused. */
    ixt_entry_t metadata = {IXT_TEXT("Secret Key"), IXT_TEXT("secret value")};
    ixt_context_value_t value = {.token_ref = IXT_TEXT("secret token"), .metadata = &metadata, .metadata_count = 1};
    uint8_t out[512];
    size_t written;
    IS(ixt_context_encode(&value, out, sizeof out, &written, &error), IXT_ERR_BAD_METADATA_KEY);
    CHECK(strcmp(error.field, "metadata[0].key") == 0);
    CHECK(!strstr(error.message, "ecret") && !strstr(error.field, "ecret"));
}

static void frames_null(void) {
    about = "frames, NULL";
    uint8_t frame[128], out[256];
    size_t length = data_frame(frame, sizeof frame, 0, "p"), written, count, consumed;
    ixt_frame_t decoded;
    OK(ixt_frame_decode(frame, length, 10, &decoded, NULL));

    IS_NULL(ixt_frame_split(NULL, 8, 100, &written));
    IS_NULL(ixt_frame_split(frame, length, 100, NULL));
    IS_NULL(ixt_frame_decode(NULL, length, 10, &decoded, NULL));
    IS_NULL(ixt_frame_decode(frame, length, 10, NULL, NULL));
    IS_NULL(ixt_frame_decode_canonical(NULL, length, 10, &decoded, NULL));
    IS_NULL(ixt_frame_decode_canonical(frame, length, 10, NULL, NULL));
    IS_NULL(ixt_frame_decode_batch(NULL, length, 10, &decoded, 1, &count, &consumed, NULL));
    IS_NULL(ixt_frame_decode_batch(frame, length, 10, NULL, 1, &count, &consumed, NULL));
    IS_NULL(ixt_frame_decode_batch(frame, length, 10, &decoded, 1, NULL, &consumed, NULL));
    IS_NULL(ixt_frame_decode_batch(frame, length, 10, &decoded, 1, &count, NULL, NULL));
    IS_NULL(ixt_frame_encoded_length(NULL, frame, length, &written, NULL));
    IS_NULL(ixt_frame_encoded_length(&decoded, NULL, length, &written, NULL));
    IS_NULL(ixt_frame_encoded_length(&decoded, frame, length, NULL, NULL));
    IS_NULL(ixt_frame_encode(NULL, frame, length, 10, out, sizeof out, &written, NULL));
    IS_NULL(ixt_frame_encode(&decoded, NULL, length, 10, out, sizeof out, &written, NULL));
    IS_NULL(ixt_frame_encode(&decoded, frame, length, 10, NULL, sizeof out, &written, NULL));
    IS_NULL(ixt_frame_encode(&decoded, frame, length, 10, out, sizeof out, NULL, NULL));
    IS_NULL(ixt_frame_encode_batch(NULL, 1, frame, length, 10, out, sizeof out, &count, &written, NULL));
    IS_NULL(ixt_frame_encode_batch(&decoded, 1, NULL, length, 10, out, sizeof out, &count, &written, NULL));
    IS_NULL(ixt_frame_encode_batch(&decoded, 1, frame, length, 10, NULL, sizeof out, &count, &written, NULL));
    IS_NULL(ixt_frame_encode_batch(&decoded, 1, frame, length, 10, out, sizeof out, NULL, &written, NULL));
    IS_NULL(ixt_frame_encode_batch(&decoded, 1, frame, length, 10, out, sizeof out, &count, NULL, NULL));

    IS_NULL(ixt_open_encode(NULL, 3, 1, NULL, 0, out, sizeof out, &written));
    IS_NULL(ixt_open_encode(ID, 3, 1, NULL, 1, out, sizeof out, &written));
    IS_NULL(ixt_open_encode(ID, 3, 1, NULL, 0, NULL, 8, &written));
    IS_NULL(ixt_open_encode(ID, 3, 1, NULL, 0, out, sizeof out, NULL));
    IS_NULL(ixt_data_encode(NULL, 0, TEXT("p"), 10, out, sizeof out, &written));
    IS_NULL(ixt_data_encode(ID, 0, NULL, 1, 10, out, sizeof out, &written));
    IS_NULL(ixt_data_encode(ID, 0, TEXT("p"), 10, NULL, 8, &written));
    IS_NULL(ixt_data_encode(ID, 0, TEXT("p"), 10, out, sizeof out, NULL));
    IS_NULL(ixt_error_encode(NULL, 1, 0, NULL, 0, NULL, 0, out, sizeof out, &written));
    IS_NULL(ixt_error_encode(ID, 1, 0, NULL, 1, NULL, 0, out, sizeof out, &written));
    IS_NULL(ixt_error_encode(ID, 1, 0, NULL, 0, NULL, 1, out, sizeof out, &written));
    IS_NULL(ixt_error_encode(ID, 1, 0, NULL, 0, NULL, 0, NULL, 8, &written));
    IS_NULL(ixt_error_encode(ID, 1, 0, NULL, 0, NULL, 0, out, sizeof out, NULL));
    IS_NULL(ixt_close_encode(NULL, 1, 0, out, sizeof out, &written));
    IS_NULL(ixt_close_encode(ID, 1, 0, NULL, 8, &written));
    IS_NULL(ixt_close_encode(ID, 1, 0, out, sizeof out, NULL));
    IS_NULL(ixt_cancel_encode(NULL, 1, NULL, 0, out, sizeof out, &written));
    IS_NULL(ixt_cancel_encode(ID, 1, NULL, 1, out, sizeof out, &written));
    IS_NULL(ixt_cancel_encode(ID, 1, NULL, 0, NULL, 8, &written));
    IS_NULL(ixt_cancel_encode(ID, 1, NULL, 0, out, sizeof out, NULL));
    IS_NULL(ixt_credit_encode(NULL, 1, out, sizeof out, &written));
    IS_NULL(ixt_credit_encode(ID, 1, NULL, 8, &written));
    IS_NULL(ixt_credit_encode(ID, 1, out, sizeof out, NULL));

    uint8_t id[16];
    IS_NULL(ixt_stream_id_read(NULL, 16, id, NULL));
    IS_NULL(ixt_stream_id_read(ID, 16, NULL, NULL));
    IS_NULL(ixt_correlation_id_read(NULL, 16, id, NULL));
    IS_NULL(ixt_correlation_id_read(ID, 16, NULL, NULL));
    IS_NULL(ixt_span_id_read(NULL, 8, id, NULL));
    IS_NULL(ixt_span_id_read(ID, 8, NULL, NULL));

    /* A length that no object has is a fault of the caller's, and no crash. */
    IS(ixt_frame_decode(frame, SIZE_MAX, 10, &decoded, NULL), IXT_ERR_INVALID_ARGUMENT);
    IS(ixt_data_encode(ID, 0, frame, SIZE_MAX, 10, out, sizeof out, &written), IXT_ERR_INVALID_ARGUMENT);
    IS(ixt_frame_decode_batch(frame, length, 10, &decoded, SIZE_MAX, &count, &consumed, NULL), IXT_ERR_INVALID_ARGUMENT);
}

static void frames_edges(void) {
    about = "frames, edges";
    uint8_t frame[128], out[4096];
    size_t written, needed;
    ixt_frame_t decoded;

    /* No payload, by NULL and by a pointer; no room, to ask for the size. */
    OK(ixt_data_encode(ID, 0, NULL, 0, 0, out, sizeof out, &written));
    OK(ixt_data_encode(ID, 0, frame, 0, 0, out, sizeof out, &needed));
    CHECK(written == needed);
    IS(ixt_data_encode(ID, 0, NULL, 0, 0, NULL, 0, &needed), IXT_ERR_BUFFER_TOO_SMALL);
    CHECK(written == needed);
    POISON(out);
    IS(ixt_data_encode(ID, 0, TEXT("payload"), 10, out, 63, &needed), IXT_ERR_BUFFER_TOO_SMALL);
    CHECK(needed == 64 && UNTOUCHED(out));
    OK(ixt_data_encode(ID, UINT64_MAX, TEXT("payload"), 7, out, 64, &written));
    CHECK(written == 64);
    IS(ixt_data_encode(NIL, 0, NULL, 0, 0, out, sizeof out, &written), IXT_ERR_NIL_STREAM_ID);
    IS(ixt_data_encode(ID, 0, TEXT("payload"), 6, out, sizeof out, &written), IXT_ERR_FRAME_TOO_LARGE);
    IS(ixt_error_encode(ID, 9, 0, TEXT("a\0b"), NULL, 0, out, sizeof out, &written), IXT_ERR_BAD_TEXT);
    IS(ixt_cancel_encode(ID, 1, TEXT("\xff"), out, sizeof out, &written), IXT_ERR_BAD_TEXT);

    /* What a comment promises to be enough is. */
    static uint8_t text[IXT_MAX_TEXT], control[IXT_MAX_CONTROL];
    memset(text, 'x', sizeof text);
    OK(ixt_error_encode(ID, 12, UINT64_MAX, text, sizeof text, text, sizeof text, control, sizeof control, &written));
    CHECK(written == IXT_MAX_CONTROL);
    OK(ixt_close_encode(ID, 65535, UINT64_MAX, out, 56, &written));
    CHECK(written == 56);
    OK(ixt_credit_encode(ID, UINT32_MAX, out, 48, &written));

    /* Places outside the input are refused, however large they are. */
    size_t length = data_frame(frame, sizeof frame, 3, "payload");
    OK(ixt_frame_decode(frame, length, 10, &decoded, NULL));
    CHECK(decoded.sequence == 3 && memcmp(frame + decoded.payload.offset, "payload", 7) == 0);
    CHECK(decoded.frame.offset == 0 && decoded.frame.length == length);
    decoded.payload = (ixt_span_t){UINT32_MAX, UINT32_MAX};
    IS(ixt_frame_encode(&decoded, frame, length, 10, out, sizeof out, &written, NULL), IXT_ERR_INVALID_ARGUMENT);
    decoded.payload = (ixt_span_t){1, (uint32_t)length};
    IS(ixt_frame_encode(&decoded, frame, length, 10, out, sizeof out, &written, NULL), IXT_ERR_INVALID_ARGUMENT);
    decoded.payload = (ixt_span_t){(uint32_t)length + 1, 0};
    OK(ixt_frame_encode(&decoded, frame, length, 10, out, sizeof out, &written, NULL));
    /* An unknown kind is encoded from its original bytes alone, and a known frame is no such thing. */
    decoded.kind = IXT_FRAME_UNKNOWN;
    IS(ixt_frame_encode(&decoded, frame, length, 10, out, sizeof out, &written, NULL), IXT_ERR_INVALID_ARGUMENT);
    decoded.frame = (ixt_span_t){0, 0};
    IS(ixt_frame_encode(&decoded, frame, length, 10, out, sizeof out, &written, NULL), IXT_ERR_TRUNCATED);

    OK(ixt_frame_split(NULL, 0, 100, &needed));
    CHECK(needed == 8);
    OK(ixt_frame_split(frame, 8, 100, &needed));
    CHECK(needed == length);
    OK(ixt_frame_split(frame, length, length, &needed));
    CHECK(needed == length);
    IS(ixt_frame_split(frame, length, length - 1, &needed), IXT_ERR_MESSAGE_TOO_LARGE);
}

static void frames_batch(void) {
    about = "frames, in batches";
    uint8_t bytes[512], out[512];
    size_t ends[4], length = 0, count, consumed, written;
    for (uint64_t i = 0; i < 4; i++) {
        length += data_frame(bytes + length, sizeof bytes - length, i, "abc");
        ends[i] = length;
    }
    ixt_frame_t frames[8];
    POISON(frames);
    OK(ixt_frame_decode_batch(bytes, length, 10, frames, 8, &count, &consumed, NULL));
    CHECK(count == 4 && consumed == length && UNTOUCHED(frames[4]));
    for (size_t i = 0; i < 4; i++) {
        CHECK(frames[i].sequence == i && memcmp(bytes + frames[i].payload.offset, "abc", 3) == 0);
        CHECK(frames[i].frame.offset + frames[i].frame.length == ends[i]);
    }
    OK(ixt_frame_decode_batch(bytes, length, 10, frames, 2, &count, &consumed, NULL));
    CHECK(count == 2 && consumed == ends[1]);
    OK(ixt_frame_decode_batch(bytes, ends[2] - 1, 10, frames, 8, &count, &consumed, NULL));
    CHECK(count == 2 && consumed == ends[1]);
    OK(ixt_frame_decode_batch(bytes, 0, 10, frames, 8, &count, &consumed, NULL));
    CHECK(count == 0 && consumed == 0);
    OK(ixt_frame_decode_batch(bytes, length, 10, NULL, 0, &count, &consumed, NULL));
    CHECK(count == 0 && consumed == 0);

    /* A frame that is refused is refused by the call that begins with it. */
    ixt_error_t error;
    OK(ixt_frame_decode_batch(bytes, length, 10, frames, 8, &count, &consumed, NULL));
    memset(bytes + ends[1] + 16, 0, 16); /* a nil id */
    OK(ixt_frame_decode_batch(bytes, length, 10, frames, 8, &count, &consumed, &error));
    CHECK(count == 2 && consumed == ends[1]);
    POISON(frames);
    POISON(count);
    IS(ixt_frame_decode_batch(bytes + ends[1], length - ends[1], 10, frames, 8, &count, &consumed, &error),
       IXT_ERR_NIL_STREAM_ID);
    CHECK(UNTOUCHED(frames) && UNTOUCHED(count));

    for (uint64_t i = length = 0; i < 4; i++) {
        length += data_frame(bytes + length, sizeof bytes - length, i, "abc");
    }
    OK(ixt_frame_decode_batch(bytes, length, 10, frames, 8, &count, &consumed, NULL));
    OK(ixt_frame_encode_batch(frames, 4, bytes, length, 10, out, length, &count, &written, NULL));
    CHECK(count == 4 && written == length && memcmp(out, bytes, length) == 0);
    OK(ixt_frame_encode_batch(frames, 4, bytes, length, 10, out, length - 1, &count, &written, NULL));
    CHECK(count == 3 && written == ends[2]);
    IS(ixt_frame_encode_batch(frames, 4, bytes, length, 10, out, 8, &count, &written, NULL), IXT_ERR_BUFFER_TOO_SMALL);
    CHECK(written == ends[0]);
    memset(frames[1].stream_id, 0, 16);
    OK(ixt_frame_encode_batch(frames, 4, bytes, length, 10, out, length, &count, &written, NULL));
    CHECK(count == 1);
    IS(ixt_frame_encode_batch(frames + 1, 3, bytes, length, 10, out, length, &count, &written, NULL), IXT_ERR_NIL_STREAM_ID);
    OK(ixt_frame_encode_batch(NULL, 0, NULL, 0, 10, NULL, 0, &count, &written, NULL));
    CHECK(count == 0 && written == 0);
}

static ixt_context_value_t full_value(void) {
    static const ixt_slice_t capabilities[] = {IXT_TEXT("net.dial"), IXT_TEXT("fs.*")};
    static const ixt_entry_t metadata[] = {{IXT_TEXT("tenant"), IXT_TEXT("acme")}, {IXT_TEXT("baggage"), IXT_TEXT("a=1")}};
    ixt_context_value_t value = {
        .deadline_ms = 5000,
        .subject_kind = IXT_SUBJECT_OPERATOR,
        .target_kind = IXT_TARGET_SERVICE,
        .trace_flags = 1,
        .source_module = IXT_TEXT("gateway"),
        .subject = IXT_TEXT("alice"),
        .target = IXT_TEXT("files"),
        .token_ref = IXT_TEXT("handle"),
        .capabilities = capabilities,
        .capability_count = 2,
        .metadata = metadata,
        .metadata_count = 2,
    };
    memcpy(value.correlation_id, ID, 16);
    memcpy(value.span_id, ID, 8);
    return value;
}

static void contexts_null(void) {
    about = "contexts, NULL";
    uint8_t out[1024];
    size_t length, written;
    bool yes;
    uint64_t remaining;
    ixt_context_view_t view;
    ixt_context_value_t value = full_value(), own = {.span_id = {1}};
    OK(ixt_context_encode(&value, out, sizeof out, &length, NULL));
    OK(ixt_context_decode(out, length, &view, NULL));
    uint8_t again[1024];

    IS_NULL(ixt_context_decode(NULL, length, &view, NULL));
    IS_NULL(ixt_context_decode(out, length, NULL, NULL));
    IS_NULL(ixt_context_decode_canonical(NULL, length, &view, NULL));
    IS_NULL(ixt_context_decode_canonical(out, length, NULL, NULL));
    IS_NULL(ixt_context_encode(NULL, again, sizeof again, &written, NULL));
    IS_NULL(ixt_context_encode(&value, NULL, sizeof again, &written, NULL));
    IS_NULL(ixt_context_encode(&value, again, sizeof again, NULL, NULL));
    IS_NULL(ixt_context_view_encode(NULL, out, length, again, sizeof again, &written, NULL));
    IS_NULL(ixt_context_view_encode(&view, NULL, length, again, sizeof again, &written, NULL));
    IS_NULL(ixt_context_view_encode(&view, out, length, NULL, sizeof again, &written, NULL));
    IS_NULL(ixt_context_view_encode(&view, out, length, again, sizeof again, NULL, NULL));
    IS_NULL(ixt_context_anonymous(NULL, 16, &written));
    IS_NULL(ixt_context_anonymous(again, sizeof again, NULL));
    IS_NULL(ixt_context_system(NULL, 16, &written));
    IS_NULL(ixt_context_system(again, sizeof again, NULL));
    IS_NULL(ixt_context_child(NULL, length, &own, true, again, sizeof again, &written, NULL));
    IS_NULL(ixt_context_child(out, length, NULL, true, again, sizeof again, &written, NULL));
    IS_NULL(ixt_context_child(out, length, &own, true, NULL, sizeof again, &written, NULL));
    IS_NULL(ixt_context_child(out, length, &own, true, again, sizeof again, NULL, NULL));
    ixt_context_view_t own_view;
    memset(&own_view, 0, sizeof own_view);
    IS_NULL(ixt_context_view_child(NULL, length, &own_view, NULL, 0, true, again, sizeof again, &written, NULL));
    IS_NULL(ixt_context_view_child(out, length, NULL, NULL, 0, true, again, sizeof again, &written, NULL));
    IS_NULL(ixt_context_view_child(out, length, &own_view, NULL, 1, true, again, sizeof again, &written, NULL));
    IS_NULL(ixt_context_view_child(out, length, &own_view, NULL, 0, true, NULL, sizeof again, &written, NULL));
    IS_NULL(ixt_context_view_child(out, length, &own_view, NULL, 0, true, again, sizeof again, NULL, NULL));
    IS_NULL(ixt_context_deadline_elapsed(1, 2, NULL));
    IS_NULL(ixt_context_remaining(1, 2, 0, NULL));
    IS_NULL(ixt_context_has_capability(NULL, 1, TEXT("a"), &yes, NULL));
    IS_NULL(ixt_context_has_capability(out, length, NULL, 1, &yes, NULL));
    IS_NULL(ixt_context_has_capability(out, length, TEXT("a"), NULL, NULL));
    IS_NULL(ixt_capability_covers(NULL, 1, TEXT("a"), &yes));
    IS_NULL(ixt_capability_covers(TEXT("a"), NULL, 1, &yes));
    IS_NULL(ixt_capability_covers(TEXT("a"), TEXT("a"), NULL));
    IS_NULL(ixt_capability_attenuates(NULL, 1, TEXT("a"), &yes));
    IS_NULL(ixt_capability_attenuates(TEXT("a"), NULL, 1, &yes));
    IS_NULL(ixt_capability_attenuates(TEXT("a"), TEXT("a"), NULL));
    ixt_slice_t broken = {NULL, 1}, good = IXT_TEXT("a");
    IS_NULL(ixt_capabilities_attenuate(NULL, 1, &good, 1, &yes));
    IS_NULL(ixt_capabilities_attenuate(&good, 1, NULL, 1, &yes));
    IS_NULL(ixt_capabilities_attenuate(&broken, 1, &good, 1, &yes));
    IS_NULL(ixt_capabilities_attenuate(&good, 1, &broken, 1, &yes));
    IS_NULL(ixt_capabilities_attenuate(&good, 1, &good, 1, NULL));

    /* Every pointer within a value. */
    ixt_slice_t *const slices[] = {&value.source_module, &value.subject, &value.target, &value.token_ref};
    for (size_t i = 0; i < 4; i++) {
        ixt_slice_t before = *slices[i];
        *slices[i] = broken;
        IS_NULL(ixt_context_encode(&value, again, sizeof again, &written, NULL));
        *slices[i] = before;
    }
    ixt_entry_t bad_key = {broken, good}, bad_value = {good, broken};
    value.capabilities = NULL;
    IS_NULL(ixt_context_encode(&value, again, sizeof again, &written, NULL));
    value.capabilities = &broken, value.capability_count = 1;
    IS_NULL(ixt_context_encode(&value, again, sizeof again, &written, NULL));
    value.capability_count = 0;
    value.metadata = NULL;
    IS_NULL(ixt_context_encode(&value, again, sizeof again, &written, NULL));
    value.metadata = &bad_key, value.metadata_count = 1;
    IS_NULL(ixt_context_encode(&value, again, sizeof again, &written, NULL));
    value.metadata = &bad_value;
    IS_NULL(ixt_context_encode(&value, again, sizeof again, &written, NULL));
    value.capability_count = SIZE_MAX;
    IS(ixt_context_encode(&value, again, sizeof again, &written, NULL), IXT_ERR_TOO_MANY_CAPABILITIES);

    ixt_traceparent_t trace;
    char header[IXT_TRACEPARENT];
    memset(&trace, 1, sizeof trace);
    IS_NULL(ixt_traceparent_write(NULL, header, sizeof header, &written));
    IS_NULL(ixt_traceparent_write(&trace, NULL, sizeof header, &written));
    IS_NULL(ixt_traceparent_write(&trace, header, sizeof header, NULL));
    IS_NULL(ixt_traceparent_read(NULL, 55, &trace, &yes));
    IS_NULL(ixt_traceparent_read(TEXT("x"), NULL, &yes));
    IS_NULL(ixt_traceparent_read(TEXT("x"), &trace, NULL));
    remaining = 0;
    CHECK(remaining == 0);
}

static void contexts(void) {
    about = "contexts";
    uint8_t out[1024], again[1024];
    size_t length, written;
    bool yes = false;
    ixt_error_t error;
    ixt_context_view_t view;
    ixt_context_value_t value = full_value();

    OK(ixt_context_encode(&value, out, sizeof out, &length, NULL));
    POISON(again);
    IS(ixt_context_encode(&value, again, length - 1, &written, NULL), IXT_ERR_BUFFER_TOO_SMALL);
    CHECK(written == length && UNTOUCHED(again));
    IS(ixt_context_encode(&value, NULL, 0, &written, NULL), IXT_ERR_BUFFER_TOO_SMALL);
    CHECK(written == length);

    /* What came unsorted comes out sorted; entries that are not used are left alone. */
    POISON(view);
    OK(ixt_context_decode(out, length, &view, NULL));
    CHECK(view.capability_count == 2 && memcmp(out + view.capabilities[0].offset, "fs.*", 4) == 0);
    CHECK(view.metadata_count == 2 && memcmp(out + view.metadata[0].key.offset, "baggage", 7) == 0);
    CHECK(UNTOUCHED(view.capabilities[2]) && UNTOUCHED(view.metadata[2]));
    CHECK(view.deadline_ms == 5000 && view.context.length == length && memcmp(view.span_id, ID, 8) == 0);
    OK(ixt_context_view_encode(&view, out, length, again, sizeof again, &written, NULL));
    CHECK(written == length && memcmp(again, out, length) == 0);
    view.source_module.offset = UINT32_MAX;
    IS(ixt_context_view_encode(&view, out, length, again, sizeof again, &written, NULL), IXT_ERR_INVALID_ARGUMENT);
    view.source_module.offset = 0;
    view.capability_count = 65;
    IS(ixt_context_view_encode(&view, out, length, again, sizeof again, &written, NULL), IXT_ERR_TOO_MANY_CAPABILITIES);
    view.capability_count = UINT32_MAX;
    IS(ixt_context_view_encode(&view, out, length, again, sizeof again, &written, NULL), IXT_ERR_TOO_MANY_CAPABILITIES);
    view.capability_count = 0, view.metadata_count = 65;
    IS(ixt_context_view_encode(&view, out, length, again, sizeof again, &written, NULL), IXT_ERR_TOO_MANY_METADATA);
    /* A later schema's context is encoded from its original bytes, and a known one is no such thing. */
    view.metadata_count = 0, view.target_kind = IXT_TARGET_UNKNOWN;
    IS(ixt_context_view_encode(&view, out, length, again, sizeof again, &written, NULL), IXT_ERR_INVALID_ARGUMENT);

    value.subject_kind = IXT_SUBJECT_UNKNOWN;
    IS(ixt_context_encode(&value, again, sizeof again, &written, &error), IXT_ERR_INVALID_ARGUMENT);
    CHECK(strcmp(error.field, "actor.subject") == 0);
    value.subject_kind = IXT_SUBJECT_SYSTEM;
    IS(ixt_context_encode(&value, again, sizeof again, &written, NULL), IXT_ERR_INVALID_ARGUMENT);
    value.subject = (ixt_slice_t){NULL, 0};
    OK(ixt_context_encode(&value, again, sizeof again, &written, NULL));
    value.target_kind = 77;
    IS(ixt_context_encode(&value, again, sizeof again, &written, &error), IXT_ERR_INVALID_ARGUMENT);
    CHECK(strcmp(error.field, "target") == 0);
    value.target_kind = IXT_TARGET_REPLY;
    IS(ixt_context_encode(&value, again, sizeof again, &written, &error), IXT_ERR_BAD_ID_LENGTH);
    value.target = (ixt_slice_t){ID, 16};
    OK(ixt_context_encode(&value, again, sizeof again, &written, NULL));
    OK(ixt_context_decode(again, written, &view, NULL));
    CHECK(view.target_kind == IXT_TARGET_REPLY && memcmp(view.reply, ID, 16) == 0 && view.target.length == 0);

    ixt_slice_t bad_text = IXT_TEXT("\xc3");
    value.source_module = bad_text;
    IS(ixt_context_encode(&value, again, sizeof again, &written, &error), IXT_ERR_BAD_TEXT);
    CHECK(strcmp(error.field, "source_module") == 0);

    /* Zeros, no bytes, and the two that have names. */
    ixt_context_value_t zeros = {0};
    uint8_t least[16];
    OK(ixt_context_encode(&zeros, least, sizeof least, &written, NULL));
    CHECK(written == 16);
    OK(ixt_context_anonymous(again, sizeof again, &written));
    CHECK(written == 16 && memcmp(least, again, 16) == 0);
    IS(ixt_context_anonymous(NULL, 0, &written), IXT_ERR_BUFFER_TOO_SMALL);
    CHECK(written == 16);
    OK(ixt_context_decode(NULL, 0, &view, NULL));
    CHECK(view.subject_kind == IXT_SUBJECT_EXTERNAL && view.subject.length == 0 && view.capability_count == 0);
    OK(ixt_context_view_encode(&view, NULL, 0, again, sizeof again, &written, NULL));
    CHECK(written == 16 && memcmp(least, again, 16) == 0);
    IS(ixt_context_decode_canonical(NULL, 0, &view, NULL), IXT_ERR_NOT_CANONICAL);
    OK(ixt_context_system(again, 96, &written));
    OK(ixt_context_decode(again, written, &view, NULL));
    CHECK(view.subject_kind == IXT_SUBJECT_SYSTEM && view.capability_count == 1);
    OK(ixt_context_has_capability(again, written, TEXT("any.thing"), &yes, NULL));
    CHECK(yes);
    IS(ixt_context_system(again, 8, &length), IXT_ERR_BUFFER_TOO_SMALL);
    CHECK(length == written);
}

static void capabilities(void) {
    about = "capabilities";
    uint8_t out[1024];
    size_t length;
    bool yes;
    ixt_context_value_t value = full_value();
    OK(ixt_context_encode(&value, out, sizeof out, &length, NULL));

    static const struct {
        const char *wanted;
        bool granted;
    } cases[] = {{"fs.read", true}, {"fs.read.home", true}, {"fs", false}, {"fsx", false}, {"net.dial", true}, {"fs.*", false}, {"", false}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        yes = !cases[i].granted;
        OK(ixt_context_has_capability(out, length, (const uint8_t *)cases[i].wanted, strlen(cases[i].wanted), &yes, NULL));
        CHECK(yes == cases[i].granted);
    }
    OK(ixt_context_has_capability(out, length, TEXT("fs.\xff"), &yes, NULL));
    CHECK(!yes);
    IS(ixt_context_has_capability(out, length - 1, TEXT("fs.read"), &yes, NULL), IXT_ERR_TRUNCATED);
    OK(ixt_capability_covers(TEXT("\xff"), TEXT("\xff"), &yes));
    CHECK(!yes);
    OK(ixt_capability_covers(NULL, 0, NULL, 0, &yes));
    CHECK(!yes);
    ixt_slice_t star = IXT_TEXT("*"), bad = IXT_TEXT("\xff");
    OK(ixt_capabilities_attenuate(&star, 1, &bad, 1, &yes));
    CHECK(!yes);
    OK(ixt_capabilities_attenuate(NULL, 0, NULL, 0, &yes));
    CHECK(yes);
}

static void children(void) {
    about = "children";
    uint8_t parent[1024], out[1024], other[1024];
    size_t length, written, view_written;
    ixt_error_t error;
    ixt_context_view_t view;
    ixt_context_value_t value = full_value();
    OK(ixt_context_encode(&value, parent, sizeof parent, &length, NULL));

    ixt_slice_t narrower = IXT_TEXT("fs.read"), wider = IXT_TEXT("db.read");
    ixt_context_value_t own = {
        .span_id = {9},
        .deadline_ms = 4000,
        .target_kind = IXT_TARGET_MODULE,
        .target = IXT_TEXT("disk"),
        .source_module = IXT_TEXT("files"),
        .capabilities = &narrower,
        .capability_count = 1,
    };
    OK(ixt_context_child(parent, length, &own, false, out, sizeof out, &written, NULL));
    OK(ixt_context_decode(out, written, &view, NULL));
    CHECK(view.deadline_ms == 4000 && view.span_id[0] == 9 && memcmp(view.parent_span_id, ID, 8) == 0);
    CHECK(memcmp(view.correlation_id, ID, 16) == 0 && view.trace_flags == 1);
    CHECK(view.capability_count == 1 && view.metadata_count == 2 && view.subject_kind == IXT_SUBJECT_OPERATOR);

    /* The same by places in an input. */
    const char input[] = "diskfilesfs.read";
    ixt_context_view_t own_view;
    memset(&own_view, 0, sizeof own_view);
    own_view.span_id[0] = 9;
    own_view.deadline_ms = 4000;
    own_view.target_kind = IXT_TARGET_MODULE;
    own_view.target = (ixt_span_t){0, 4};
    own_view.source_module = (ixt_span_t){4, 5};
    own_view.capabilities[0] = (ixt_span_t){9, 7};
    own_view.capability_count = 1;
    OK(ixt_context_view_child(parent, length, &own_view, (const uint8_t *)input, 16, false, other, sizeof other, &view_written, NULL));
    CHECK(view_written == written && memcmp(out, other, written) == 0);

    own.capabilities = &wider;
    IS(ixt_context_child(parent, length, &own, false, out, sizeof out, &written, &error), IXT_ERR_INVALID_ARGUMENT);
    CHECK(strcmp(error.field, "actor.capabilities[0]") == 0);
    IS(ixt_context_child(parent, length, &own, true, out, sizeof out, &written, NULL), IXT_ERR_INVALID_ARGUMENT);
    own.capability_count = 0;
    OK(ixt_context_child(parent, length, &own, true, out, sizeof out, &written, NULL));
    OK(ixt_context_decode(out, written, &view, NULL));
    CHECK(view.capability_count == 2);
    OK(ixt_context_child(parent, length, &own, false, out, sizeof out, &written, NULL));
    OK(ixt_context_decode(out, written, &view, NULL));
    CHECK(view.capability_count == 0);
    ixt_entry_t tenant = {IXT_TEXT("tenant"), IXT_TEXT("other")};
    own.metadata = &tenant, own.metadata_count = 1;
    IS(ixt_context_child(parent, length, &own, true, out, sizeof out, &written, NULL), IXT_ERR_INVALID_ARGUMENT);
    own.metadata_count = 0;
    own.trace_flags = 1;
    IS(ixt_context_child(parent, length, &own, true, out, sizeof out, &written, &error), IXT_ERR_INVALID_ARGUMENT);
    CHECK(strcmp(error.field, "trace_flags") == 0);
    own.trace_flags = 0;
    own.correlation_id[3] = 1;
    IS(ixt_context_child(parent, length, &own, true, out, sizeof out, &written, NULL), IXT_ERR_INVALID_ARGUMENT);
    own.correlation_id[3] = 0;
    IS(ixt_context_child(parent, length - 8, &own, true, out, sizeof out, &written, NULL), IXT_ERR_TRUNCATED);
    IS(ixt_context_child(parent, length, &own, true, out, 8, &written, NULL), IXT_ERR_BUFFER_TOO_SMALL);
    OK(ixt_context_child(parent, length, &own, true, out, written, &view_written, NULL));
}

static void deadlines_and_headers(void) {
    about = "deadlines and headers";
    bool yes = true;
    uint64_t left;
    OK(ixt_context_deadline_elapsed(0, UINT64_MAX, &yes));
    CHECK(!yes);
    OK(ixt_context_deadline_elapsed(1000, 999, &yes));
    CHECK(!yes);
    OK(ixt_context_deadline_elapsed(1000, 1000, &yes));
    CHECK(yes);
    OK(ixt_context_remaining(1000, 900, 0, &left));
    CHECK(left == 100);
    OK(ixt_context_remaining(1000, 1030, 50, &left));
    CHECK(left == 20);
    OK(ixt_context_remaining(1000, 2000, 50, &left));
    CHECK(left == 0);
    OK(ixt_context_remaining(UINT64_MAX, 0, UINT64_MAX, &left));
    CHECK(left == UINT64_MAX);
    OK(ixt_context_remaining(0, 900, 50, &left));
    CHECK(left == UINT64_MAX);

    static const char header[] = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    char out[IXT_TRACEPARENT];
    size_t written;
    ixt_traceparent_t trace;
    OK(ixt_traceparent_read(TEXT(header), &trace, &yes));
    CHECK(yes && trace.trace_flags == 1 && trace.correlation_id[0] == 0x0a && trace.span_id[7] == 0x31);
    OK(ixt_traceparent_write(&trace, out, sizeof out, &written));
    CHECK(written == 55 && strcmp(out, header) == 0);
    IS(ixt_traceparent_write(&trace, out, 55, &written), IXT_ERR_BUFFER_TOO_SMALL);
    CHECK(written == IXT_TRACEPARENT);
    memset(trace.span_id, 0, 8);
    POISON(out);
    OK(ixt_traceparent_write(&trace, out, sizeof out, &written));
    CHECK(written == 0 && UNTOUCHED(out));
    POISON(trace);
    OK(ixt_traceparent_read(TEXT("00-no"), &trace, &yes));
    CHECK(!yes && UNTOUCHED(trace));
    OK(ixt_traceparent_read(NULL, 0, &trace, &yes));
    CHECK(!yes);
}

static void streams_null(void) {
    about = "streams, NULL";
    uint8_t out[256], frame[128], open[128], id[16];
    size_t written, count, consumed, length = data_frame(frame, sizeof frame, 0, "p"), open_length;
    uint64_t ticket;
    uint16_t received;
    bool yes;
    ixt_event_t events[4];
    ixt_frame_t decoded;
    ixt_state_t state;
    ixt_outcome_t outcome;
    ixt_stream_t *stream = NULL, *other = NULL;
    OK(ixt_open_encode(ID, IXT_INTERACTION_BIDI_STREAM, 4, NULL, 0, open, sizeof open, &open_length));
    OK(ixt_frame_decode(frame, length, 10, &decoded, NULL));

    IS_NULL(ixt_stream_new_opener(3, NULL, NULL));
    IS_NULL(ixt_stream_new_responder(NULL, NULL));
    IS_NULL(ixt_stream_accept(NULL, NULL, 8, &other, &received, NULL, NULL));
    IS_NULL(ixt_stream_accept(NULL, open, open_length, NULL, &received, NULL, NULL));
    IS_NULL(ixt_stream_accept(NULL, open, open_length, &other, NULL, NULL, NULL));
    CHECK(other == NULL);
    ixt_stream_free(NULL);
    ixt_stream_free(NULL);

    OK(ixt_stream_new_opener(IXT_INTERACTION_BIDI_STREAM, NULL, &stream));
    IS_NULL(ixt_stream_open(NULL, ID, 0, NULL, 0, out, sizeof out, &written, NULL));
    IS_NULL(ixt_stream_open(stream, NULL, 0, NULL, 0, out, sizeof out, &written, NULL));
    IS_NULL(ixt_stream_open(stream, ID, 0, NULL, 1, out, sizeof out, &written, NULL));
    IS_NULL(ixt_stream_open(stream, ID, 0, NULL, 0, NULL, 8, &written, NULL));
    IS_NULL(ixt_stream_open(stream, ID, 0, NULL, 0, out, sizeof out, NULL, NULL));
    OK(ixt_stream_open(stream, ID, 0, NULL, 0, out, sizeof out, &written, NULL));

    IS_NULL(ixt_stream_try_send(NULL, TEXT("p"), out, sizeof out, &written));
    IS_NULL(ixt_stream_try_send(stream, NULL, 1, out, sizeof out, &written));
    IS_NULL(ixt_stream_try_send(stream, TEXT("p"), NULL, 8, &written));
    IS_NULL(ixt_stream_try_send(stream, TEXT("p"), out, sizeof out, NULL));
    IS_NULL(ixt_stream_send_with(NULL, 0, TEXT("p"), out, sizeof out, &written));
    IS_NULL(ixt_stream_send_with(stream, 0, NULL, 1, out, sizeof out, &written));
    IS_NULL(ixt_stream_send_with(stream, 0, TEXT("p"), NULL, 8, &written));
    IS_NULL(ixt_stream_send_with(stream, 0, TEXT("p"), out, sizeof out, NULL));
    IS_NULL(ixt_stream_wait(NULL, &ticket));
    IS_NULL(ixt_stream_wait(stream, NULL));
    IS_NULL(ixt_stream_drop_ticket(NULL, 0));
    IS_NULL(ixt_stream_grant(NULL, 1));
    IS_NULL(ixt_stream_consume(NULL, 1, &yes));
    IS_NULL(ixt_stream_close(NULL, 1, &yes));
    IS_NULL(ixt_stream_fail(NULL, 1, NULL, 0, NULL, 0, &yes));
    IS_NULL(ixt_stream_fail(stream, 1, NULL, 1, NULL, 0, &yes));
    IS_NULL(ixt_stream_fail(stream, 1, NULL, 0, NULL, 1, &yes));
    IS_NULL(ixt_stream_cancel(NULL, 1, NULL, 0, &yes));
    IS_NULL(ixt_stream_cancel(stream, 1, NULL, 1, &yes));
    IS_NULL(ixt_stream_handle_timeout(NULL, 1, &yes));
    IS_NULL(ixt_stream_receive(NULL, frame, length, &received, NULL, NULL));
    IS_NULL(ixt_stream_receive(stream, NULL, length, &received, NULL, NULL));
    IS_NULL(ixt_stream_receive(stream, frame, length, NULL, NULL, NULL));
    IS_NULL(ixt_stream_receive_frame(NULL, &decoded, frame, length, &received, NULL));
    IS_NULL(ixt_stream_receive_frame(stream, NULL, frame, length, &received, NULL));
    IS_NULL(ixt_stream_receive_frame(stream, &decoded, NULL, length, &received, NULL));
    IS_NULL(ixt_stream_receive_frame(stream, &decoded, frame, length, NULL, NULL));
    IS_NULL(ixt_stream_receive_batch(NULL, frame, length, &consumed, out, 8, &written, events, 4, &count, &yes, NULL));
    IS_NULL(ixt_stream_receive_batch(stream, NULL, length, &consumed, out, 8, &written, events, 4, &count, &yes, NULL));
    IS_NULL(ixt_stream_receive_batch(stream, frame, length, NULL, out, 8, &written, events, 4, &count, &yes, NULL));
    IS_NULL(ixt_stream_receive_batch(stream, frame, length, &consumed, NULL, 8, &written, events, 4, &count, &yes, NULL));
    IS_NULL(ixt_stream_receive_batch(stream, frame, length, &consumed, out, 8, NULL, events, 4, &count, &yes, NULL));
    IS_NULL(ixt_stream_receive_batch(stream, frame, length, &consumed, out, 8, &written, NULL, 4, &count, &yes, NULL));
    IS_NULL(ixt_stream_receive_batch(stream, frame, length, &consumed, out, 8, &written, events, 4, NULL, &yes, NULL));
    IS_NULL(ixt_stream_receive_batch(stream, frame, length, &consumed, out, 8, &written, events, 4, &count, NULL, NULL));
    IS_NULL(ixt_stream_drain(NULL, out, 8, &written, events, 4, &count, &yes));
    IS_NULL(ixt_stream_drain(stream, NULL, 8, &written, events, 4, &count, &yes));
    IS_NULL(ixt_stream_drain(stream, out, 8, NULL, events, 4, &count, &yes));
    IS_NULL(ixt_stream_drain(stream, out, 8, &written, NULL, 4, &count, &yes));
    IS_NULL(ixt_stream_drain(stream, out, 8, &written, events, 4, NULL, &yes));
    IS_NULL(ixt_stream_drain(stream, out, 8, &written, events, 4, &count, NULL));
    IS_NULL(ixt_stream_poll_transmit(NULL, out, 8, &written));
    IS_NULL(ixt_stream_poll_transmit(stream, NULL, 8, &written));
    IS_NULL(ixt_stream_poll_transmit(stream, out, 8, NULL));
    IS_NULL(ixt_stream_poll_events(NULL, events, 4, &count));
    IS_NULL(ixt_stream_poll_events(stream, NULL, 4, &count));
    IS_NULL(ixt_stream_poll_events(stream, events, 4, NULL));
    IS_NULL(ixt_stream_state(NULL, &state));
    IS_NULL(ixt_stream_state(stream, NULL));
    IS_NULL(ixt_stream_id(NULL, id));
    IS_NULL(ixt_stream_id(stream, NULL));
    IS_NULL(ixt_stream_outcome(NULL, &outcome));
    IS_NULL(ixt_stream_outcome(stream, NULL));
    IS_NULL(ixt_stream_outcome_message(NULL, out, 8, &written));
    IS_NULL(ixt_stream_outcome_message(stream, NULL, 8, &written));
    IS_NULL(ixt_stream_outcome_message(stream, out, 8, NULL));
    IS_NULL(ixt_stream_outcome_details(NULL, out, 8, &written));
    IS_NULL(ixt_stream_outcome_details(stream, NULL, 8, &written));
    IS_NULL(ixt_stream_outcome_details(stream, out, 8, NULL));

    /* None of that changed anything. */
    OK(ixt_stream_state(stream, &state));
    CHECK(state.sender == IXT_HALF_OPEN && state.sent == 0 && state.received == 0 && state.ignored == 0);
    ixt_stream_free(stream);

    IS_NULL(ixt_sender_new(NULL, 0, NULL, &stream));
    IS_NULL(ixt_sender_new(ID, 0, NULL, NULL));
    OK(ixt_sender_new(ID, 2, NULL, &stream));
    IS_NULL(ixt_sender_try_send(NULL, TEXT("p"), out, sizeof out, &written));
    IS_NULL(ixt_sender_try_send(stream, NULL, 1, out, sizeof out, &written));
    IS_NULL(ixt_sender_try_send(stream, TEXT("p"), NULL, 8, &written));
    IS_NULL(ixt_sender_try_send(stream, TEXT("p"), out, sizeof out, NULL));
    IS_NULL(ixt_sender_grant_credit(NULL, 1, &yes));
    IS_NULL(ixt_sender_close(NULL, 1, out, sizeof out, &written));
    IS_NULL(ixt_sender_close(stream, 1, NULL, 8, &written));
    IS_NULL(ixt_sender_close(stream, 1, out, sizeof out, NULL));
    IS_NULL(ixt_sender_cancel(NULL, 1, NULL, 0, out, sizeof out, &written));
    IS_NULL(ixt_sender_cancel(stream, 1, NULL, 1, out, sizeof out, &written));
    IS_NULL(ixt_sender_cancel(stream, 1, NULL, 0, NULL, 8, &written));
    IS_NULL(ixt_sender_cancel(stream, 1, NULL, 0, out, sizeof out, NULL));
    IS_NULL(ixt_sender_error(NULL, 1, NULL, 0, NULL, 0, out, sizeof out, &written));
    IS_NULL(ixt_sender_error(stream, 1, NULL, 1, NULL, 0, out, sizeof out, &written));
    IS_NULL(ixt_sender_error(stream, 1, NULL, 0, NULL, 1, out, sizeof out, &written));
    IS_NULL(ixt_sender_error(stream, 1, NULL, 0, NULL, 0, NULL, 8, &written));
    IS_NULL(ixt_sender_error(stream, 1, NULL, 0, NULL, 0, out, sizeof out, NULL));
    OK(ixt_stream_state(stream, &state));
    CHECK(state.sender == IXT_HALF_OPEN && state.credit == 2);
    ixt_stream_free(stream);
}

static void stream_settings(void) {
    about = "stream settings";
    ixt_stream_t *stream = NULL;
    ixt_config_t config = {IXT_MAX_PAYLOAD, UINT32_MAX, 0};
    IS(ixt_stream_new_opener(4, NULL, &stream), IXT_ERR_INVALID_ARGUMENT);
    IS(ixt_stream_new_responder(&config, &stream), IXT_ERR_INVALID_ARGUMENT);
    config = (ixt_config_t){IXT_MAX_PAYLOAD, 0, UINT32_MAX};
    IS(ixt_stream_new_responder(&config, &stream), IXT_ERR_INVALID_ARGUMENT);
    IS(ixt_sender_new(ID, UINT32_MAX, NULL, &stream), IXT_ERR_WINDOW_OVERFLOW);
    IS(ixt_sender_new(NIL, 1, NULL, &stream), IXT_ERR_NIL_STREAM_ID);
    CHECK(stream == NULL);

    uint8_t id[16], out[64];
    size_t written;
    POISON(id);
    OK(ixt_stream_new_responder(NULL, &stream));
    IS(ixt_stream_id(stream, id), IXT_ERR_NOT_OPEN);
    CHECK(UNTOUCHED(id));
    IS(ixt_stream_open(stream, ID, 0, NULL, 0, out, sizeof out, &written, NULL), IXT_ERR_NOT_OPEN);
    IS(ixt_stream_open(stream, NIL, 0, NULL, 0, out, 0, &written, NULL), IXT_ERR_NOT_OPEN);
    ixt_stream_free(stream);

    OK(ixt_stream_new_opener(IXT_INTERACTION_UNARY, NULL, &stream));
    IS(ixt_stream_open(stream, NIL, 0, NULL, 0, out, sizeof out, &written, NULL), IXT_ERR_NIL_STREAM_ID);
    IS(ixt_stream_open(stream, ID, 0, NULL, 0, out, 8, &written, NULL), IXT_ERR_BUFFER_TOO_SMALL);
    IS(ixt_stream_id(stream, id), IXT_ERR_NOT_OPEN);
    uint8_t larger[256];
    POISON(larger);
    IS(ixt_stream_open(stream, ID, 0, TEXT("no context"), larger, sizeof larger, &written, NULL), IXT_ERR_TOO_MANY_SEGMENTS);
    CHECK(UNTOUCHED(larger));
    OK(ixt_stream_open(stream, ID, 0, NULL, 0, out, sizeof out, &written, NULL));
    OK(ixt_stream_id(stream, id));
    CHECK(memcmp(id, ID, 16) == 0);
    IS(ixt_stream_open(stream, ID, 0, NULL, 0, out, 0, &written, NULL), IXT_ERR_ALREADY_OPEN);
    IS(ixt_stream_open(stream, NIL, 0, NULL, 0, out, 0, &written, NULL), IXT_ERR_ALREADY_OPEN);
    ixt_stream_free(stream);
}

/* The reason of the engine is the better one, whatever the room is. */
static void sends(void) {
    about = "sends";
    uint8_t out[128];
    size_t written;
    uint64_t ticket;
    ixt_state_t state;
    ixt_config_t config = {4, 0, 1};
    ixt_stream_t *stream;
    OK(ixt_stream_new_opener(IXT_INTERACTION_BIDI_STREAM, &config, &stream));
    IS(ixt_stream_try_send(stream, TEXT("p"), NULL, 0, &written), IXT_ERR_NOT_OPEN);
    OK(ixt_stream_open(stream, ID, 0, NULL, 0, out, sizeof out, &written, NULL));
    IS(ixt_stream_try_send(stream, TEXT("large"), NULL, 0, &written), IXT_ERR_FRAME_TOO_LARGE);
    POISON(out);
    IS(ixt_stream_try_send(stream, TEXT("p"), out, 63, &written), IXT_ERR_BUFFER_TOO_SMALL);
    CHECK(written == 64 && UNTOUCHED(out));
    OK(ixt_stream_state(stream, &state));
    CHECK(state.credit == 1 && state.sent == 0);
    OK(ixt_stream_wait(stream, &ticket));
    IS(ixt_stream_send_with(stream, ticket, TEXT("p"), out, 63, &written), IXT_ERR_BUFFER_TOO_SMALL);
    OK(ixt_stream_send_with(stream, ticket, TEXT("p"), out, 64, &written));
    IS(ixt_stream_try_send(stream, TEXT("p"), NULL, 0, &written), IXT_ERR_CREDIT_EXHAUSTED);
    bool ended = true;
    OK(ixt_stream_cancel(stream, IXT_CANCEL_USER_REQUESTED, NULL, 0, &ended));
    CHECK(!ended);
    OK(ixt_stream_cancel(stream, IXT_CANCEL_USER_REQUESTED, NULL, 0, NULL));
    OK(ixt_stream_close(stream, IXT_CLOSE_COMPLETED, &ended));
    CHECK(ended);
    IS(ixt_stream_try_send(stream, TEXT("p"), NULL, 0, &written), IXT_ERR_STREAM_ENDED);
    ixt_stream_free(stream);
}

/* Two ends joined by hand: a whole bidi stream, in batches, with automatic grants. */
static void conversation(void) {
    about = "a conversation";
    uint8_t wire[1024], back[1024];
    size_t length = 0, back_length = 0, written, consumed, count;
    bool more, granted;
    uint16_t received;
    ixt_event_t events[8];
    ixt_frame_t frame;
    ixt_stream_t *here, *there;
    ixt_config_t window = {IXT_MAX_PAYLOAD, 2, 0};

    OK(ixt_stream_new_opener(IXT_INTERACTION_BIDI_STREAM, NULL, &here));
    OK(ixt_stream_open(here, ID, 4, NULL, 0, wire, sizeof wire, &length, NULL));
    OK(ixt_stream_accept(&window, wire, length, &there, &received, &frame, NULL));
    CHECK(received == IXT_RECEIVED_OPENED && frame.credit == 4 && frame.interaction == IXT_INTERACTION_BIDI_STREAM);
    OK(ixt_stream_drain(there, back, sizeof back, &back_length, events, 8, &count, &more));
    CHECK(back_length == 48 && count == 0 && !more);

    OK(ixt_stream_receive_batch(here, back, back_length, &consumed, wire, sizeof wire, &written, events, 8, &count, &more, NULL));
    CHECK(consumed == back_length && written == 0 && count == 1 && !more);
    CHECK(events[0].kind == IXT_EVENT_CREDIT && events[0].credit == 2);

    length = 0;
    for (int i = 0; i < 2; i++) {
        OK(ixt_stream_try_send(here, TEXT("abc"), wire + length, sizeof wire - length, &written));
        length += written;
    }
    OK(ixt_stream_close(here, IXT_CLOSE_COMPLETED, NULL));
    OK(ixt_stream_drain(here, wire + length, sizeof wire - length, &written, NULL, 0, &count, &more));
    length += written;

    /* All in one read buffer, with the beginning of a frame behind; room for one event at a time. */
    memcpy(wire + length, wire, 8);
    size_t at = 0, messages = 0, closes = 0;
    do {
        OK(ixt_stream_receive_batch(there, wire + at, length + 8 - at, &consumed, back, sizeof back, &written, events, 1, &count, &more, NULL));
        CHECK(written == 0);
        if (count && events[0].kind == IXT_EVENT_DATA) {
            CHECK(events[0].sequence == messages && memcmp(wire + at + events[0].payload.offset, "abc", 3) == 0);
            messages++;
        }
        closes += count && events[0].kind == IXT_EVENT_CLOSED;
        at += consumed;
    } while (count || consumed);
    CHECK(at == length && messages == 2 && closes == 1 && !more);
    OK(ixt_stream_receive_batch(there, wire, length, &consumed, NULL, 0, &written, NULL, 0, &count, &more, NULL));
    CHECK(consumed == 0 && count == 0);

    granted = true;
    OK(ixt_stream_consume(there, 2, &granted));
    CHECK(!granted); /* its receiver half is closed */
    OK(ixt_stream_consume(there, 2, NULL));

    OK(ixt_stream_close(there, IXT_CLOSE_COMPLETED, NULL));
    /* No room: the frame stays, and is told of. */
    OK(ixt_stream_drain(there, NULL, 0, &written, NULL, 0, &count, &more));
    CHECK(written == 0 && more);
    IS(ixt_stream_poll_transmit(there, back, 8, &written), IXT_ERR_BUFFER_TOO_SMALL);
    OK(ixt_stream_poll_transmit(there, back, written, &back_length));
    CHECK(back_length == written);
    OK(ixt_stream_poll_transmit(there, back, 8, &written));
    CHECK(written == 0);

    OK(ixt_stream_receive(here, back, back_length, &received, NULL, NULL));
    CHECK(received == IXT_RECEIVED_DONE);
    OK(ixt_stream_poll_events(here, events, 8, &count));
    CHECK(count == 1 && events[0].kind == IXT_EVENT_CLOSED && events[0].reason == IXT_CLOSE_COMPLETED);
    ixt_outcome_t outcome;
    OK(ixt_stream_outcome(here, &outcome));
    CHECK(outcome.kind == IXT_OUTCOME_COMPLETED && outcome.reason == IXT_CLOSE_COMPLETED);
    ixt_state_t state;
    OK(ixt_stream_state(here, &state));
    CHECK(state.ended == 1 && state.sent == 2);
    ixt_stream_free(here);
    ixt_stream_free(there);
}

static void outcomes(void) {
    about = "outcomes";
    uint8_t out[128], frame[256];
    size_t written, length;
    uint16_t received;
    ixt_outcome_t outcome;
    ixt_stream_t *stream;
    OK(ixt_stream_new_opener(IXT_INTERACTION_BIDI_STREAM, NULL, &stream));
    OK(ixt_stream_open(stream, ID, 0, NULL, 0, out, sizeof out, &written, NULL));
    OK(ixt_stream_outcome(stream, &outcome));
    CHECK(outcome.kind == IXT_OUTCOME_NONE);
    OK(ixt_stream_outcome_message(stream, NULL, 0, &written));
    CHECK(written == 0);

    /* A grant that found no room before the peer's error does not leave after it. */
    OK(ixt_stream_grant(stream, 3));
    IS(ixt_stream_poll_transmit(stream, NULL, 0, &written), IXT_ERR_BUFFER_TOO_SMALL);
    OK(ixt_error_encode(ID, 9, 0, TEXT("it broke"), TEXT("\x01\x02"), frame, sizeof frame, &length));
    OK(ixt_stream_receive(stream, frame, length, &received, NULL, NULL));
    OK(ixt_stream_poll_transmit(stream, out, sizeof out, &written));
    CHECK(written == 0);

    OK(ixt_stream_outcome(stream, &outcome));
    CHECK(outcome.kind == IXT_OUTCOME_FAILED && outcome.code == IXT_CODE_INTERNAL && outcome.by == IXT_BY_PEER);
    CHECK(outcome.message_length == 8 && outcome.details_length == 2);
    POISON(out);
    IS(ixt_stream_outcome_message(stream, out, 7, &written), IXT_ERR_BUFFER_TOO_SMALL);
    CHECK(written == 8 && UNTOUCHED(out));
    OK(ixt_stream_outcome_message(stream, out, 8, &written));
    CHECK(written == 8 && memcmp(out, "it broke", 8) == 0);
    OK(ixt_stream_outcome_details(stream, out, 2, &written));
    CHECK(written == 2 && out[0] == 1);
    ixt_stream_free(stream);

    /* An open that breaks a rule fails the stream, and is no error of the call. */
    OK(ixt_open_encode(ID, 99, 0, NULL, 0, frame, sizeof frame, &length));
    OK(ixt_stream_accept(NULL, frame, length, &stream, &received, NULL, NULL));
    CHECK(received == IXT_RECEIVED_DONE);
    OK(ixt_stream_outcome(stream, &outcome));
    CHECK(outcome.kind == IXT_OUTCOME_FAILED && outcome.code == IXT_CODE_PROTOCOL_VIOLATION && outcome.by == IXT_BY_LOCAL);
    OK(ixt_stream_poll_transmit(stream, frame, sizeof frame, &written));
    CHECK(written > 0);
    ixt_stream_free(stream);

    ixt_stream_t *none = NULL;
    length = data_frame(frame, sizeof frame, 0, "p");
    IS(ixt_stream_accept(NULL, frame, length, &none, &received, NULL, NULL), IXT_ERR_INVALID_ARGUMENT);
    IS(ixt_stream_accept(NULL, frame, length - 1, &none, &received, NULL, NULL), IXT_ERR_TRUNCATED);
    CHECK(none == NULL);
}

/* Bytes that do not decode: the call fails, the stream goes on. */
static void bad_bytes(void) {
    about = "bad bytes";
    uint8_t out[64], wire[512];
    size_t written, length, consumed, count;
    uint16_t received = 77;
    bool more;
    ixt_event_t events[8];
    ixt_error_t error;
    ixt_frame_t frame;
    ixt_stream_t *stream;
    OK(ixt_stream_new_opener(IXT_INTERACTION_BIDI_STREAM, NULL, &stream));
    OK(ixt_stream_open(stream, ID, 4, NULL, 0, out, sizeof out, &written, NULL));
    length = data_frame(wire, sizeof wire, 0, "one");
    size_t first = length;
    length += data_frame(wire + length, sizeof wire - length, 1, "two");
    memset(wire + first + 16, 0, 16);

    POISON(frame);
    IS(ixt_stream_receive(stream, wire + first, length - first, &received, &frame, &error), IXT_ERR_NIL_STREAM_ID);
    CHECK(received == 77 && UNTOUCHED(frame));
    IS(ixt_stream_receive(stream, NULL, 0, &received, &frame, &error), IXT_ERR_TRUNCATED);
    OK(ixt_stream_receive_batch(stream, wire, length, &consumed, out, sizeof out, &written, events, 8, &count, &more, &error));
    CHECK(consumed == first && count == 1 && events[0].kind == IXT_EVENT_DATA);
    POISON(events);
    IS(ixt_stream_receive_batch(stream, wire + first, length - first, &consumed, out, sizeof out, &written, events, 8, &count, &more, &error),
       IXT_ERR_NIL_STREAM_ID);
    CHECK(UNTOUCHED(events));
    /* A table that declares too much is refused at once, not waited for. */
    memset(wire, 0, 8);
    wire[7] = 0x10;
    IS(ixt_stream_receive_batch(stream, wire, 8, &consumed, out, sizeof out, &written, events, 8, &count, &more, &error), IXT_ERR_MESSAGE_TOO_LARGE);

    /* Decoded frames with places that lead nowhere, and texts that decoding would not give. */
    ixt_frame_t bad = {.kind = IXT_FRAME_ERROR, .message = {0, 2}};
    IS(ixt_stream_receive_frame(stream, &bad, TEXT("xy"), &received, NULL), IXT_ERR_NIL_STREAM_ID);
    memcpy(bad.stream_id, ID, 16);
    IS(ixt_stream_receive_frame(stream, &bad, TEXT("x"), &received, NULL), IXT_ERR_INVALID_ARGUMENT);
    IS(ixt_stream_receive_frame(stream, &bad, TEXT("x\0"), &received, NULL), IXT_ERR_BAD_TEXT);
    IS(ixt_stream_receive_frame(stream, &bad, TEXT("\xff\xff"), &received, NULL), IXT_ERR_BAD_TEXT);
    ixt_state_t state;
    OK(ixt_stream_state(stream, &state));
    CHECK(state.sender == IXT_HALF_OPEN && state.received == 1);
    ixt_stream_free(stream);
}

static void senders(void) {
    about = "senders";
    uint8_t out[IXT_MAX_CONTROL];
    size_t written, count;
    uint64_t ticket;
    bool ignored = true, more;
    ixt_event_t events[4];
    ixt_frame_t frame;
    ixt_sender_t *sender;

    OK(ixt_sender_new(ID, 1, NULL, &sender));
    OK(ixt_sender_try_send(sender, TEXT("abc"), out, sizeof out, &written));
    IS(ixt_sender_try_send(sender, TEXT("abc"), out, sizeof out, &written), IXT_ERR_CREDIT_EXHAUSTED);
    OK(ixt_stream_wait(sender, &ticket));
    OK(ixt_sender_grant_credit(sender, 1, &ignored));
    CHECK(!ignored);
    OK(ixt_stream_drain(sender, out, sizeof out, &written, events, 4, &count, &more));
    CHECK(count == 2 && events[0].kind == IXT_EVENT_CREDIT && events[1].kind == IXT_EVENT_READY && events[1].ticket == ticket);
    OK(ixt_stream_send_with(sender, ticket, TEXT("abc"), out, sizeof out, &written));

    /* Too little room: the stream stays open. */
    IS(ixt_sender_close(sender, IXT_CLOSE_COMPLETED, out, 8, &written), IXT_ERR_BUFFER_TOO_SMALL);
    IS(ixt_sender_cancel(sender, IXT_CANCEL_SHUTDOWN, TEXT("going"), out, 8, &count), IXT_ERR_BUFFER_TOO_SMALL);
    IS(ixt_sender_error(sender, IXT_CODE_INTERNAL, TEXT("broken"), NULL, 0, out, 8, &count), IXT_ERR_BUFFER_TOO_SMALL);
    ixt_state_t state;
    OK(ixt_stream_state(sender, &state));
    CHECK(state.sender == IXT_HALF_OPEN);
    size_t needed = written;
    OK(ixt_sender_close(sender, IXT_CLOSE_COMPLETED, out, needed, &written));
    CHECK(written == needed);
    OK(ixt_frame_decode(out, written, 10, &frame, NULL));
    CHECK(frame.kind == IXT_FRAME_CLOSE && frame.sequence == 2 && frame.reason == IXT_CLOSE_COMPLETED);
    OK(ixt_sender_close(sender, IXT_CLOSE_COMPLETED, out, 0, &written));
    CHECK(written == 0);
    OK(ixt_sender_grant_credit(sender, 1, &ignored));
    CHECK(ignored);
    OK(ixt_sender_grant_credit(sender, 1, NULL));
    ixt_stream_free(sender);

    OK(ixt_sender_new(ID, 0, NULL, &sender));
    OK(ixt_sender_cancel(sender, IXT_CANCEL_SHUTDOWN, TEXT("going"), out, sizeof out, &written));
    OK(ixt_frame_decode(out, written, 10, &frame, NULL));
    CHECK(frame.kind == IXT_FRAME_CANCEL && frame.reason == IXT_CANCEL_SHUTDOWN && frame.message.length == 5);
    ixt_stream_free(sender);

    static uint8_t text[IXT_MAX_TEXT + 1];
    memset(text, 'x', sizeof text);
    OK(ixt_sender_new(ID, 0, NULL, &sender));
    IS(ixt_sender_error(sender, 9, text, sizeof text, NULL, 0, out, sizeof out, &written), IXT_ERR_MESSAGE_TEXT_TOO_LONG);
    IS(ixt_sender_error(sender, 9, NULL, 0, text, sizeof text, out, sizeof out, &written), IXT_ERR_MESSAGE_TEXT_TOO_LONG);
    OK(ixt_sender_error(sender, 9, text, IXT_MAX_TEXT, text, IXT_MAX_TEXT, out, IXT_MAX_CONTROL, &written));
    OK(ixt_frame_decode(out, written, 10, &frame, NULL));
    CHECK(frame.kind == IXT_FRAME_ERROR && frame.message.length == IXT_MAX_TEXT && frame.details.length == IXT_MAX_TEXT);
    ixt_stream_free(sender);

    /* A grant beyond fails the sender, as it would in a frame. */
    OK(ixt_sender_new(ID, INT32_MAX, NULL, &sender));
    OK(ixt_sender_grant_credit(sender, 1, &ignored));
    OK(ixt_stream_drain(sender, out, sizeof out, &written, events, 4, &count, &more));
    CHECK(count == 1 && events[0].kind == IXT_EVENT_FAILED && events[0].code == IXT_CODE_FLOW_CONTROL_VIOLATION && written > 0);
    ixt_stream_free(sender);
}

static void deadline(void) {
    about = "a deadline";
    uint8_t context[64], out[256];
    size_t length, written;
    bool ended;
    ixt_context_value_t value = {.deadline_ms = 1000};
    ixt_state_t state;
    ixt_stream_t *stream;
    OK(ixt_context_encode(&value, context, sizeof context, &length, NULL));
    OK(ixt_stream_new_opener(IXT_INTERACTION_BIDI_STREAM, NULL, &stream));
    OK(ixt_stream_open(stream, ID, 0, context, length, out, sizeof out, &written, NULL));
    OK(ixt_stream_state(stream, &state));
    CHECK(state.next_timeout_ms == 1000);
    OK(ixt_stream_handle_timeout(stream, 999, &ended));
    CHECK(!ended);
    OK(ixt_stream_handle_timeout(stream, 1000, &ended));
    CHECK(ended);
    OK(ixt_stream_handle_timeout(stream, 1000, NULL));
    OK(ixt_stream_state(stream, &state));
    CHECK(state.next_timeout_ms == 0 && state.sender == IXT_HALF_CANCELLED);
    ixt_stream_free(stream);
}

static void payloads(void) {
    about = "a call in one message";
    uint8_t context[64], other[64], out[256], again[64];
    size_t length, other_length, written, context_written = 7;
    ixt_handle_payload_t payload;
    ixt_error_t error;
    ixt_context_value_t value = {.deadline_ms = 1000};
    static const uint8_t method[] = "resize", body[] = "64";
    OK(ixt_context_encode(&value, context, sizeof context, &length, NULL));
    OK(ixt_handle_payload_encode(context, length, method, 6, body, 2, IXT_MAX_PAYLOAD, out, sizeof out, &written, NULL));
    OK(ixt_handle_payload_accept(out, written, context, length, IXT_MAX_PAYLOAD, &payload, NULL));
    CHECK(payload.method.length == 6 && memcmp(out + payload.method.offset, method, 6) == 0);
    CHECK(payload.body.length == 2 && memcmp(out + payload.body.offset, body, 2) == 0);

    /* Another context than the open's. */
    value.deadline_ms = 2000;
    OK(ixt_context_encode(&value, other, sizeof other, &other_length, NULL));
    IS(ixt_handle_payload_accept(out, written, other, other_length, IXT_MAX_PAYLOAD, &payload, &error),
       IXT_ERR_INVALID_ARGUMENT);
    CHECK(strcmp(error.field, "context") == 0);
    IS(ixt_handle_payload_accept(out, written, NULL, 0, IXT_MAX_PAYLOAD, &payload, NULL), IXT_ERR_INVALID_ARGUMENT);

    /* Room for the context. */
    IS(ixt_handle_payload_decode(out, written, IXT_MAX_PAYLOAD, &payload, NULL, 0, &context_written, NULL),
       IXT_ERR_BUFFER_TOO_SMALL);
    CHECK(context_written == length);
    OK(ixt_handle_payload_decode(out, written, IXT_MAX_PAYLOAD, &payload, again, sizeof again, &context_written, NULL));
    CHECK(context_written == length && memcmp(again, context, length) == 0);

    /* NULL, empty, not text. */
    OK(ixt_handle_payload_encode(NULL, 0, method, 6, NULL, 0, IXT_MAX_PAYLOAD, out, sizeof out, &written, NULL));
    IS(ixt_handle_payload_encode(NULL, 0, NULL, 0, body, 2, IXT_MAX_PAYLOAD, out, sizeof out, &written, &error),
       IXT_ERR_BAD_METHOD);
    CHECK(strcmp(error.field, "method") == 0);
    IS(ixt_handle_payload_encode(NULL, 0, (const uint8_t *)"\xff", 1, NULL, 0, IXT_MAX_PAYLOAD, out, sizeof out, &written,
                                 NULL),
       IXT_ERR_BAD_TEXT);
    IS(ixt_handle_payload_encode(NULL, 0, NULL, 6, NULL, 0, IXT_MAX_PAYLOAD, out, sizeof out, &written, NULL),
       IXT_ERR_NULL_POINTER);
    IS(ixt_handle_payload_encode(NULL, 0, method, 6, NULL, 0, IXT_MAX_PAYLOAD, out, sizeof out, NULL, NULL),
       IXT_ERR_NULL_POINTER);
    IS(ixt_handle_payload_encode(NULL, 0, method, 6, NULL, 0, IXT_MAX_PAYLOAD, NULL, 0, &written, NULL),
       IXT_ERR_BUFFER_TOO_SMALL);
    IS(ixt_handle_payload_decode(NULL, 0, IXT_MAX_PAYLOAD, &payload, NULL, 0, &written, NULL), IXT_ERR_TRUNCATED);
    IS(ixt_handle_payload_decode(out, 8, IXT_MAX_PAYLOAD, NULL, NULL, 0, &written, NULL), IXT_ERR_NULL_POINTER);
    IS(ixt_handle_payload_accept(out, 8, NULL, 0, IXT_MAX_PAYLOAD, NULL, NULL), IXT_ERR_NULL_POINTER);
}

int main(void) {
    versions();
    statuses();
    panics();
    errors();
    frames_null();
    frames_edges();
    frames_batch();
    contexts_null();
    contexts();
    capabilities();
    children();
    deadlines_and_headers();
    streams_null();
    stream_settings();
    sends();
    conversation();
    outcomes();
    bad_bytes();
    senders();
    deadline();
    payloads();
    about = "";
    return summary("C interface");
}
