/* C against Rust: libixt beside the loops that ixt-bench lends, in one process and in turns.
 *
 *   cc -O2 bench.c -lixt -lixt_bench
 *
 * Prints one JSON object a line; benches/report.py reads them. */

#define _POSIX_C_SOURCE 200809L

#include <ixt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Nanoseconds of so many iterations in Rust: benches/rust/src/lent.rs. With CALLED added, each operation is
 * a call, as here; without, the compiler may put it into the loop. */
int64_t ixt_bench_rust(uint32_t operation, size_t size, uint64_t iterations);

enum { ROUNDS = 601, BATCH_NS = 250000, MOST_ROOM = (64 << 10) + 512 };
enum { FRAME_ENCODE, FRAME_DECODE, CONTEXT_DECODE = 3, SEND = 5, CONTEXT_BUILD, CALLED = 16 };

/* Allocations, by standing in front of glibc's. */
static uint64_t allocations;
#ifdef __GLIBC__
extern void *__libc_malloc(size_t), *__libc_calloc(size_t, size_t), *__libc_realloc(void *, size_t);
void *malloc(size_t size) { return allocations++, __libc_malloc(size); }
void *calloc(size_t count, size_t size) { return allocations++, __libc_calloc(count, size); }
void *realloc(void *memory, size_t size) { return allocations++, __libc_realloc(memory, size); }
#endif

static const uint8_t STREAM_ID[16] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16};
static uint8_t payload[64 << 10], out[MOST_ROOM], encoded[MOST_ROOM];
static size_t encoded_length;
static ixt_sender_t *sender;

/* The compiler must take the value to be used, and memory to be read. */
#define KEEP(value) __asm__ volatile("" : : "g"(value) : "memory")

static void check(ixt_status_t status, const char *what) {
    if (status != IXT_OK) {
        fprintf(stderr, "%s: status %d\n", what, (int)status);
        exit(1);
    }
}

static ixt_slice_t slice(const char *text) {
    return (ixt_slice_t){(const uint8_t *)text, strlen(text)};
}

static size_t frame_encode(size_t size) {
    size_t written;
    check(ixt_data_encode(STREAM_ID, 7, payload, size, IXT_MAX_PAYLOAD, out, sizeof out, &written), "encode");
    KEEP(out);
    return written;
}

static void frame_decode(void) {
    ixt_frame_t frame;
    check(ixt_frame_decode(encoded, encoded_length, IXT_MAX_PAYLOAD, &frame, NULL), "decode");
    if (frame.kind != IXT_FRAME_DATA) {
        abort();
    }
    KEEP(frame.stream_id);
    KEEP(frame.sequence);
    KEEP(encoded + frame.payload.offset);
    KEEP(frame.payload.length);
}

static size_t context_encode(void) {
    const ixt_slice_t capabilities[] = {slice("fs.read"), slice("storage.documents.*")};
    const ixt_entry_t metadata[] = {
        {slice("auth.strength"), slice("mfa")},
        {slice("ingress.kind"), slice("http")},
        {slice("ingress.source_ip"), slice("192.0.2.17")},
        {slice("tenant"), slice("example-tenant")},
    };
    const ixt_context_value_t value = {
        .correlation_id = {0x4b, 0xf9, 0x2f, 0x35, 0x77, 0xb3, 0x4d, 0xa6, 0xa3, 0xce, 0x92, 0x9d, 0x0e, 0x0e,
                           0x47, 0x36},
        .span_id = {0x00, 0xf0, 0x67, 0xaa, 0x0b, 0xa9, 0x02, 0xb7},
        .parent_span_id = {0x53, 0x99, 0x5c, 0x3f, 0x42, 0xcd, 0x8a, 0xd8},
        .deadline_ms = 1795000000000,
        .subject_kind = IXT_SUBJECT_OPERATOR,
        .target_kind = IXT_TARGET_SERVICE,
        .trace_flags = 1,
        .source_module = slice("gateway.http"),
        .subject = slice("alice@example.org"),
        .target = slice("storage.documents"),
        .token_ref = slice("vault:7f3a91c2"),
        .capabilities = capabilities,
        .capability_count = 2,
        .metadata = metadata,
        .metadata_count = 4,
    };
    size_t written;
    check(ixt_context_encode(&value, out, sizeof out, &written, NULL), "context");
    KEEP(out);
    return written;
}

static void keep_span(ixt_span_t span) {
    KEEP(encoded + span.offset);
    KEEP(span.length);
}

static void context_decode(void) {
    ixt_context_view_t view;
    check(ixt_context_decode(encoded, encoded_length, &view, NULL), "decode");
    KEEP(view.correlation_id);
    KEEP(view.span_id);
    KEEP(view.parent_span_id);
    KEEP(view.trace_flags);
    KEEP(view.deadline_ms);
    KEEP(view.target_kind);
    KEEP(view.subject_kind);
    keep_span(view.source_module);
    keep_span(view.target);
    keep_span(view.subject);
    keep_span(view.token_ref);
    for (uint32_t i = 0; i < view.capability_count; i++) {
        keep_span(view.capabilities[i]);
    }
    for (uint32_t i = 0; i < view.metadata_count; i++) {
        keep_span(view.metadata[i].key);
        keep_span(view.metadata[i].value);
    }
}

static void send_frame(size_t size) {
    size_t written;
    check(ixt_sender_try_send(sender, payload, size, out, sizeof out, &written), "send");
    KEEP(out);
}

static void run(uint32_t operation, size_t size, uint64_t iterations) {
    for (uint64_t i = 0; i < iterations; i++) {
        switch (operation) {
        case FRAME_ENCODE: frame_encode(size); break;
        case FRAME_DECODE: frame_decode(); break;
        case CONTEXT_BUILD: context_encode(); break;
        case CONTEXT_DECODE: context_decode(); break;
        default: send_frame(size); break;
        }
    }
}

static double ours(uint32_t operation, size_t size, uint64_t iterations) {
    struct timespec from, to;
    clock_gettime(CLOCK_MONOTONIC, &from);
    run(operation, size, iterations);
    clock_gettime(CLOCK_MONOTONIC, &to);
    return ((double)(to.tv_sec - from.tv_sec) * 1e9 + (double)(to.tv_nsec - from.tv_nsec)) / (double)iterations;
}

static double theirs(uint32_t operation, size_t size, uint64_t iterations) {
    return (double)ixt_bench_rust(operation, size, iterations) / (double)iterations;
}

static uint64_t calibrate(double (*side)(uint32_t, size_t, uint64_t), uint32_t operation, size_t size) {
    for (uint64_t iterations = 1;; iterations *= 2) {
        /* The fastest of some, for one that is interrupted would make the batches too short. */
        double took = side(operation, size, iterations);
        for (int again = 0; again < 4; again++) {
            double other = side(operation, size, iterations);
            took = other < took ? other : took;
        }
        if (took * (double)iterations >= BATCH_NS / 4.0) {
            return 1 + (uint64_t)(BATCH_NS / took);
        }
    }
}

static int ascending(const void *a, const void *b) {
    double first = *(const double *)a, second = *(const double *)b;
    return (first > second) - (first < second);
}

static double median(double *values) {
    qsort(values, ROUNDS, sizeof *values, ascending);
    return values[ROUNDS / 2];
}

static void compare(const char *name, uint32_t operation, size_t size, size_t shown, uint32_t how) {
    double mine[ROUNDS], rust[ROUNDS], ratio[ROUNDS];
    const char *peer = how == CALLED ? "Rust, called" : "Rust, inlined";
    uint64_t mine_count = calibrate(ours, operation, size);
    uint64_t rust_count = calibrate(theirs, operation + how, size);
    for (int round = 0; round < ROUNDS; round++) {
        if (round % 2) {
            mine[round] = ours(operation, size, mine_count);
            rust[round] = theirs(operation + how, size, rust_count);
        } else {
            rust[round] = theirs(operation + how, size, rust_count);
            mine[round] = ours(operation, size, mine_count);
        }
        ratio[round] = rust[round] / mine[round];
    }
    uint64_t before = allocations;
    run(operation, size, 64);
    double each = (double)(allocations - before) / 64;
    char counted[32] = "null";
#ifdef __GLIBC__
    snprintf(counted, sizeof counted, "%g", each);
#endif
    printf("{\"language\": \"C\", \"operation\": \"%s\", \"size\": %zu, \"ours_ns\": %.2f, \"peer\": \"%s\", "
           "\"peer_ns\": %.2f, \"ratio\": %.4f, \"ours_allocs\": %s, \"peer_allocs\": null}\n",
           name, shown, median(mine), peer, median(rust), median(ratio), counted);
}

static void print_hex(const char *name, size_t length) {
    printf("\"%s\": \"", name);
    for (size_t i = 0; i < length; i++) {
        printf("%02x", out[i]);
    }
    printf("\", ");
}

int main(void) {
    static const size_t sizes[] = {64, 1 << 10, 64 << 10};
    if (ixt_abi_version() != IXT_ABI_VERSION) {
        fprintf(stderr, "the library has another ABI version than the header\n");
        return 1;
    }
    for (size_t i = 0; i < sizeof payload; i++) {
        payload[i] = (uint8_t)(i % 251);
    }
    check(ixt_sender_new(STREAM_ID, 0x7fffffff, NULL, &sender), "sender");

    printf("{\"language\": \"C\", ");
    size_t context_length = context_encode();
    print_hex("context", context_length);
    print_hex("frame", frame_encode(64));
    printf("\"versions\": {}}\n");

    static const uint32_t both[] = {CALLED, 0};
    for (size_t i = 0; i < 3; i++) {
        for (size_t how = 0; how < 2; how++) {
            compare("frame encode", FRAME_ENCODE, sizes[i], sizes[i], both[how]);
            encoded_length = frame_encode(sizes[i]);
            memcpy(encoded, out, encoded_length);
            compare("frame decode", FRAME_DECODE, sizes[i], sizes[i], both[how]);
        }
    }
    encoded_length = context_encode();
    memcpy(encoded, out, encoded_length);
    for (size_t how = 0; how < 2; how++) {
        compare("context build and encode", CONTEXT_BUILD, 0, context_length, both[how]);
        compare("context decode", CONTEXT_DECODE, 0, context_length, both[how]);
        compare("try_send and encode", SEND, 64, 64, both[how]);
    }
    ixt_stream_free(sender);
    return 0;
}
