/* Checks that count. A test program includes this once and ends with `return summary("name");`. */
#ifndef CHECK_H
#define CHECK_H

#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ixt.h"

static unsigned long passed, failed;

/* What is being replayed, for messages. */
static const char *about = "";

#define CHECK(condition) check_((condition), #condition, __FILE__, __LINE__)

/* Checks a status and says the names of both where they differ. */
#define IS(call, want) is_((call), (want), #call, __FILE__, __LINE__)
#define OK(call) IS(call, IXT_OK)

static inline bool check_(bool holds, const char *what, const char *file, int line) {
    if (holds) {
        passed++;
    } else {
        failed++;
        if (failed <= 50) {
            fprintf(stderr, "%s:%d: %s%s%s\n", file, line, about, *about ? ": " : "", what);
        }
    }
    return holds;
}

static inline bool is_(ixt_status_t got, ixt_status_t want, const char *what, const char *file, int line) {
    if (got != want && failed < 50) {
        fprintf(stderr, "got %s, want %s\n", ixt_status_name(got), ixt_status_name(want));
    }
    return check_(got == want, what, file, line);
}

static inline int summary(const char *name) {
    printf("%s: %lu passed, %lu failed\n", name, passed, failed);
    return failed == 0 ? 0 : 1;
}

#endif
