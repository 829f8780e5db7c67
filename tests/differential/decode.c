/* The verdicts of C: lines `frame HEX` and `context HEX` in, a verdict a line out.
 *
 * What is decoded stands in a block of just its size, so that a sanitizer sees a byte too far. */
#include "ixt.h"
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static ixt_frame_t frame;
static ixt_context_view_t view;

static ixt_status_t decode(bool of_frame, bool canonical, const uint8_t *bytes, size_t length) {
    if (of_frame) {
        return (canonical ? ixt_frame_decode_canonical : ixt_frame_decode)(bytes, length, IXT_MAX_PAYLOAD, &frame, NULL);
    }
    return (canonical ? ixt_context_decode_canonical : ixt_context_decode)(bytes, length, &view, NULL);
}

static ixt_status_t encode(bool of_frame, const uint8_t *bytes, size_t length, uint8_t *out, size_t capacity,
                           size_t *written) {
    if (of_frame) {
        return ixt_frame_encode(&frame, bytes, length, IXT_MAX_PAYLOAD, out, capacity, written, NULL);
    }
    return ixt_context_view_encode(&view, bytes, length, out, capacity, written, NULL);
}

static void verdict(bool of_frame, const uint8_t *bytes, size_t length) {
    ixt_status_t canonical = decode(of_frame, true, bytes, length);
    ixt_status_t status = decode(of_frame, false, bytes, length);
    if (status != IXT_OK) {
        fputs(ixt_status_name(status), stdout);
        if (canonical != status) {
            printf(", but canonically %s", ixt_status_name(canonical));
        }
        putchar('\n');
        return;
    }
    size_t needed = 0, written = 0;
    status = encode(of_frame, bytes, length, NULL, 0, &needed);
    uint8_t *out = malloc(needed);
    if (status != IXT_ERR_BUFFER_TOO_SMALL || out == NULL) {
        printf("no size: %s\n", ixt_status_name(status));
        free(out);
        return;
    }
    status = encode(of_frame, bytes, length, out, needed, &written);
    if (status != IXT_OK || written != needed) {
        printf("decoded, and not encoded: %s\n", ixt_status_name(status));
        free(out);
        return;
    }
    printf("%s ", canonical == IXT_OK ? "canonical" : ixt_status_name(canonical));
    for (size_t i = 0; i < written; i++) {
        printf("%02x", out[i]);
    }
    putchar('\n');
    free(out);
}

static int digit(char c) { return c <= '9' ? c - '0' : c - 'a' + 10; }

int main(void) {
    static char line[1 << 16];
    while (fgets(line, sizeof line, stdin) != NULL) {
        char *text = strchr(line, ' ');
        if (text == NULL || strchr(text, '\n') == NULL) {
            fputs("a line that is not `frame HEX` or `context HEX`\n", stderr);
            return 2;
        }
        *text++ = '\0';
        size_t length = strcspn(text, "\n") / 2;
        uint8_t *bytes = malloc(length ? length : 1);
        if (bytes == NULL) {
            return 2;
        }
        for (size_t i = 0; i < length; i++) {
            bytes[i] = (uint8_t)(digit(text[2 * i]) << 4 | digit(text[2 * i + 1]));
        }
        verdict(strcmp(line, "frame") == 0, bytes, length);
        free(bytes);
    }
    return 0;
}
