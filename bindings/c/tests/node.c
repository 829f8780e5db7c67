/* Nodes, from C: NULL for every pointer, the rules of each function, and modules that call each other through a server
 * of messages that stands here; outputs are taken one by one, and all in one call. */
#include "ends.h"

enum { MEMBERS = 2, MOST_LISTENS = 8, ROOM = (1 << 20) + IXT_NODE_OVERHEAD };

typedef struct {
    end_t end;
    ixt_node_t *node;
    struct {
        char subject[128];
        bool is_shared;
    } listens[MOST_LISTENS];
    size_t listen_count;
    uint64_t at_us;
    bool has_ended;
} member_t;

static member_t *members;
/* Outputs are taken by ixt_node_drain(), with room for so many messages; 0: one by one. */
static size_t batch;
static uint64_t now_us = NOW_US;
static size_t published, refused;

static bool matches(const char *pattern, const char *subject) {
    for (; *pattern && *subject; pattern++, subject++) {
        if (*pattern == '*') {
            subject += strcspn(subject, ".") - 1;
        } else if (*pattern != *subject) {
            return false;
        }
    }
    return *pattern == *subject;
}

/* Does as a server does, which sends nobody what is its own. */
static void deliver(size_t from, const uint8_t *subject, size_t length, const uint8_t *reply, size_t reply_length,
                    const uint8_t *payload, size_t size) {
    char text[128];
    CHECK(length < sizeof text);
    memcpy(text, subject, length);
    text[length] = 0;
    published++;
    bool heard = false;
    for (size_t to = 0; to < MEMBERS; to++) {
        for (size_t i = 0; to != from && i < members[to].listen_count; i++) {
            if (!heard && matches(members[to].listens[i].subject, text)) {
                heard = true;
                uint8_t *block = malloc(size);
                memcpy(block, payload, size);
                OK(ixt_node_receive(members[to].node, subject, length, block, size, now_us));
                free(block);
            }
        }
    }
    if (!heard && reply_length > 0) {
        char back[256];
        CHECK(reply_length < sizeof back);
        memcpy(back, reply, reply_length);
        refused++;
        OK(ixt_node_no_responders(members[from].node, (const uint8_t *)back, reply_length, now_us));
    }
}

static void subscribe(member_t *member) {
    ixt_node_subscription_t told;
    bool some = false;
    for (OK(ixt_node_poll_subscription(member->node, &told)); told.subject_length > 0;
         OK(ixt_node_poll_subscription(member->node, &told))) {
        some = true;
        size_t at = 0;
        char subject[128] = "";
        CHECK(told.subject_length < sizeof subject);
        memcpy(subject, told.subject, told.subject_length);
        while (at < member->listen_count && strcmp(member->listens[at].subject, subject) != 0) {
            at++;
        }
        if (told.is_wanted) {
            CHECK(at == member->listen_count && at < MOST_LISTENS);
            strcpy(member->listens[at].subject, subject);
            member->listens[at].is_shared = told.is_shared;
            member->listen_count++;
        } else {
            CHECK(at < member->listen_count && told.is_shared);
            member->listens[at] = member->listens[--member->listen_count];
        }
    }
    CHECK(told.subject == NULL && !told.is_wanted && !told.is_shared);
    if (some) {
        OK(ixt_node_subscribed(member->node));
    }
}

/* Takes outputs one by one. True when there was something. */
static bool poll_all(size_t at) {
    member_t *member = &members[at];
    static uint8_t bytes[1000];
    bool some = false;
    size_t filled;
    subscribe(member);
    for (OK(ixt_node_poll_local(member->node, bytes, sizeof bytes, &filled)); filled > 0;
         OK(ixt_node_poll_local(member->node, bytes, sizeof bytes, &filled))) {
        some = true;
        receive(&member->end, bytes, filled, now_us);
    }
    ixt_node_message_t message;
    for (OK(ixt_node_poll_publish(member->node, &message)); message.subject_length > 0;
         OK(ixt_node_poll_publish(member->node, &message))) {
        some = true;
        deliver(at, message.subject, message.subject_length, message.reply, message.reply_length, message.payload,
                message.payload_length);
    }
    CHECK(!message.subject && !message.reply && !message.payload && message.payload_length == 0);
    OK(ixt_node_next_timeout(member->node, &member->at_us));
    OK(ixt_node_has_ended(member->node, &member->has_ended));
    return some;
}

/* The same in as few calls as there is room for. */
static bool drain_all(size_t at) {
    member_t *member = &members[at];
    static uint8_t local[700];
    bool some = false;
    uint8_t *out = malloc(ROOM);
    ixt_node_packed_t messages[16];
    ixt_node_drained_t drained = {.more = true};
    while (drained.more || drained.has_subscription) {
        OK(ixt_node_drain(member->node, local, sizeof local, out, ROOM, messages, batch, &drained));
        CHECK(drained.count <= batch && drained.local <= sizeof local);
        some = some || drained.local > 0 || drained.count > 0;
        if (drained.local > 0) {
            receive(&member->end, local, drained.local, now_us);
        }
        for (size_t i = 0; i < drained.count; i++) {
            deliver(at, out + messages[i].subject.offset, messages[i].subject.length, out + messages[i].reply.offset,
                    messages[i].reply.length, out + messages[i].payload.offset, messages[i].payload.length);
        }
        if (drained.has_subscription) {
            subscribe(member);
        }
    }
    member->at_us = drained.at_us;
    member->has_ended = drained.has_ended;
    free(out);
    return some;
}

/* Carries all until nothing moves. */
static void carry(void) {
    uint8_t *out = malloc(64 << 10);
    for (bool quiet = false; !quiet;) {
        quiet = true;
        for (size_t at = 0; at < MEMBERS; at++) {
            size_t filled;
            drain_events(&members[at].end);
            OK(ixt_connection_poll_transmit(members[at].end.connection, out, 64 << 10, &filled));
            if (filled > 0) {
                quiet = false;
                OK(ixt_node_read_local(members[at].node, out, filled, now_us));
            }
            quiet = !(batch ? drain_all(at) : poll_all(at)) && quiet;
        }
    }
    free(out);
}

static void wait_us(uint64_t us) {
    now_us += us;
    for (size_t at = 0; at < MEMBERS; at++) {
        OK(ixt_node_handle_timeout(members[at].node, now_us));
    }
    carry();
}

static void begin(void) {
    static const char *names[MEMBERS] = {"caller", "echo"};
    now_us = NOW_US;
    members = calloc(MEMBERS, sizeof *members);
    for (size_t at = 0; at < MEMBERS; at++) {
        uint8_t seed[32] = {(uint8_t)(at + 1)};
        members[at].end.capacity = 16;
        OK(ixt_node_new(NULL, NULL, 0, seed, NOW_US, &members[at].node, NULL));
        OK(ixt_connection_new(NULL, fresh(), NOW_US, &members[at].end.connection, NULL));
    }
    carry();
    for (size_t at = 0; at < MEMBERS; at++) {
        announce(&members[at].end, (ixt_slice_t){(const uint8_t *)names[at], strlen(names[at])});
        carry();
        accepted(&members[at].end);
        /* Its inbox, what comes back of it, everybody's topic; in groups its service and itself. */
        CHECK(members[at].listen_count == 6);
        CHECK(!members[at].listens[0].is_shared && members[at].listens[4].is_shared);
    }
}

static void finish(void) {
    for (size_t at = 0; at < MEMBERS; at++) {
        ixt_connection_free(members[at].end.connection);
        ixt_node_free(members[at].node);
    }
    free(members);
}

static uint64_t call(const char *service, const uint8_t *payload, size_t size) {
    uint8_t context[128];
    size_t length;
    uint64_t stream;
    ixt_context_value_t value = {.source_module = IXT_TEXT("caller"),
                                 .target_kind = IXT_TARGET_SERVICE,
                                 .target = {(const uint8_t *)service, strlen(service)}};
    OK(ixt_context_encode(&value, context, sizeof context, &length, NULL));
    members[0].end.count = members[1].end.count = 0;
    OK(ixt_connection_open_send_close(members[0].end.connection, fresh(), IXT_INTERACTION_UNARY, context, length, payload,
                                      size, &stream, NULL));
    return stream;
}

static void answer(const uint8_t *payload, size_t size) {
    uint64_t theirs = find(&members[1].end, IXT_EVENT_OPENED)->stream;
    OK(ixt_connection_send_close(members[1].end.connection, theirs, payload, size, IXT_CLOSE_COMPLETED));
    carry();
}

static void calls(size_t messages) {
    about = messages ? "nodes, all at once" : "nodes, one by one";
    batch = messages;
    begin();
    end_t *caller = &members[0].end;
    call("echo", TEXT("question"));
    carry();
    answer(TEXT("answer"));
    CHECK(find(caller, IXT_EVENT_DATA)->length == 6 && memcmp(caller->told[0].bytes, "answer", 6) == 0);
    CHECK(find(caller, IXT_EVENT_OVER)->outcome == IXT_OUTCOME_COMPLETED);

    /* The largest message there is goes in parts, each of which fits. */
    uint8_t *large = malloc(1 << 20);
    memset(large, 7, 1 << 20);
    published = 0;
    call("echo", large, 1 << 20);
    carry();
    wait_us(30000);
    CHECK(published > 16);
    answer(large, 1 << 20);
    CHECK(find(caller, IXT_EVENT_DATA)->length == 1 << 20);
    free(large);

    /* Many at once. */
    for (int i = 0; i < 40; i++) {
        call("echo", TEXT("more"));
    }
    carry();
    size_t opened = 0;
    for (size_t i = 0; i < members[1].end.count; i++) {
        if (members[1].end.told[i].event.kind == IXT_EVENT_OPENED) {
            opened++;
            OK(ixt_connection_send_close(members[1].end.connection, members[1].end.told[i].event.stream, NULL, 0,
                                         IXT_CLOSE_COMPLETED));
        }
    }
    CHECK(opened == 40);
    carry();

    /* Nobody listens: at once. */
    refused = 0;
    call("nobody", TEXT("anyone?"));
    carry();
    CHECK(refused == 1 && find(caller, IXT_EVENT_FAILED)->code == IXT_CODE_NOT_FOUND);

    /* The server refuses. */
    call("echo", TEXT("question"));
    size_t listens = members[1].listen_count;
    members[1].listen_count = 0;
    carry();
    members[1].listen_count = listens;
    ixt_node_stats_t stats;
    OK(ixt_node_stats(members[0].node, &stats));
    CHECK(stats.peers == 1 && stats.gaps == 0 && stats.malformed == 0);
    finish();
}

static void ends(void) {
    about = "nodes that end";
    batch = 0;
    begin();
    call("echo", TEXT("question"));
    /* Not a word of it arrives. */
    size_t filled;
    uint8_t out[4096];
    OK(ixt_connection_poll_transmit(members[0].end.connection, out, sizeof out, &filled));
    OK(ixt_node_read_local(members[0].node, out, filled, now_us));
    ixt_node_message_t message;
    OK(ixt_node_poll_publish(members[0].node, &message));
    CHECK(message.subject_length == 17 && memcmp(message.subject, "ixt.s-echo.caller", 17) == 0);
    CHECK(message.reply_length > 0);
    OK(ixt_node_server_error(members[0].node, TEXT("nats: a word that is none"), now_us));
    OK(ixt_node_server_error(members[0].node, TEXT("Permissions Violation for Publish to \"ixt.s-echo.caller\""), now_us));
    carry();
    CHECK(find(&members[0].end, IXT_EVENT_FAILED)->code == IXT_CODE_PERMISSION_DENIED);

    /* Nobody takes it, and nobody says so: patience ends. */
    call("echo", TEXT("question"));
    OK(ixt_connection_poll_transmit(members[0].end.connection, out, sizeof out, &filled));
    OK(ixt_node_read_local(members[0].node, out, filled, now_us));
    OK(ixt_node_poll_publish(members[0].node, &message));
    OK(ixt_node_next_timeout(members[0].node, &members[0].at_us));
    CHECK(members[0].at_us > now_us && members[0].at_us <= now_us + 5000000);
    wait_us(5000000);
    CHECK(find(&members[0].end, IXT_EVENT_FAILED)->code == IXT_CODE_UNAVAILABLE);

    /* The provider's pipe ends: who waits for it is told. */
    call("echo", TEXT("question"));
    carry();
    members[0].end.count = 0;
    OK(ixt_node_local_ended(members[1].node, now_us));
    carry();
    CHECK(members[1].has_ended && members[1].listen_count == 4);
    CHECK(find(&members[0].end, IXT_EVENT_FAILED)->code == IXT_CODE_UNAVAILABLE);
    CHECK(!members[0].has_ended);

    /* What is no message is counted. */
    OK(ixt_node_receive(members[0].node, TEXT("ixt.s-caller.echo"), TEXT("nothing of ours"), now_us));
    OK(ixt_node_receive(members[0].node, TEXT("x"), NULL, 0, now_us));
    OK(ixt_node_no_responders(members[0].node, TEXT("x"), now_us));
    ixt_node_stats_t stats;
    OK(ixt_node_stats(members[0].node, &stats));
    CHECK(stats.malformed == 3);
    finish();
}

/* Nothing is said before the server has confirmed what is listened to. */
static void confirmation(void) {
    about = "subscriptions";
    batch = 0;
    begin();
    finish();
    members = calloc(MEMBERS, sizeof *members);
    static const uint8_t seed[32] = {3};
    uint8_t out[4096];
    size_t filled;
    end_t *end = &members->end;
    end->capacity = 16;
    ixt_node_t *node = NULL;
    OK(ixt_node_new(NULL, NULL, 0, seed, NOW_US, &node, NULL));
    OK(ixt_connection_new(NULL, fresh(), NOW_US, &end->connection, NULL));
    for (int i = 0; i < 3; i++) {
        OK(ixt_connection_poll_transmit(end->connection, out, sizeof out, &filled));
        OK(ixt_node_read_local(node, out, filled, NOW_US));
        OK(ixt_node_poll_local(node, out, sizeof out, &filled));
        receive(end, out, filled, NOW_US);
        drain_events(end);
        if (i == 0) {
            announce(end, (ixt_slice_t)IXT_TEXT("caller"));
        }
    }
    OK(ixt_node_poll_local(node, out, sizeof out, &filled));
    CHECK(filled == 0 && end->count == 0);
    ixt_node_drained_t drained;
    OK(ixt_node_drain(node, out, sizeof out, NULL, 0, NULL, 0, &drained));
    CHECK(drained.local == 0 && drained.has_subscription && drained.count == 0 && !drained.more && !drained.has_ended);
    ixt_node_subscription_t told;
    size_t count = 0;
    for (OK(ixt_node_poll_subscription(node, &told)); told.subject_length > 0; count++) {
        CHECK(told.is_wanted && memcmp(told.subject, "ixt.", 4) == 0);
        /* The first was looked at above, and is not lost. */
        CHECK((count == 0) == (told.subject_length > 15 && memcmp(told.subject, "ixt.i-caller.*.", 15) == 0));
        OK(ixt_node_poll_subscription(node, &told));
    }
    CHECK(count == 6);
    OK(ixt_node_drain(node, out, sizeof out, NULL, 0, NULL, 0, &drained));
    CHECK(drained.local == 0 && !drained.has_subscription);
    OK(ixt_node_subscribed(node));
    /* It asks the server whether it has come so far, by what nobody listens to. */
    ixt_node_message_t asked;
    OK(ixt_node_poll_publish(node, &asked));
    CHECK(asked.reply_length > 0 && asked.payload_length == 0);
    uint8_t reply[256];
    const size_t reply_length = asked.reply_length;
    CHECK(reply_length <= sizeof reply);
    memcpy(reply, asked.reply, reply_length);
    OK(ixt_node_drain(node, out, sizeof out, NULL, 0, NULL, 0, &drained));
    CHECK(drained.local == 0);
    OK(ixt_node_no_responders(node, reply, reply_length, NOW_US));
    OK(ixt_node_drain(node, out, sizeof out, NULL, 0, NULL, 0, &drained));
    CHECK(drained.local > 0 && drained.at_us > NOW_US);
    receive(end, out, drained.local, NOW_US);
    accepted(end);
    ixt_connection_free(end->connection);
    ixt_node_free(node);
    free(members);
}

static void nulls(void) {
    about = "nodes: NULL";
    static const uint8_t seed[32] = {7};
    ixt_node_t *node = NULL;
    ixt_node_config_t config;
    ixt_node_subscription_t subscription;
    ixt_node_message_t message;
    ixt_node_packed_t packed[1];
    ixt_node_drained_t drained = {.at_us = 7};
    ixt_node_stats_t stats;
    ixt_error_t error;
    uint8_t bytes[64];
    uint64_t number = 7;
    size_t size = 7;
    bool flag = true;
    ixt_node_free(NULL);
    IS_NULL(ixt_node_config_init(NULL));
    OK(ixt_node_config_init(&config));
    CHECK(config.max_message == 1 << 20 && config.lease_ms == 5000 && config.max_peers == 10000);
    IS_NULL(ixt_node_new(&config, NULL, 0, NULL, NOW_US, &node, NULL));
    IS_NULL(ixt_node_new(&config, NULL, 1, seed, NOW_US, &node, NULL));
    IS_NULL(ixt_node_new(&config, NULL, 0, seed, NOW_US, NULL, NULL));
    IS(ixt_node_new(&config, TEXT("no = policy"), seed, NOW_US, &node, &error), IXT_ERR_INVALID_ARGUMENT);
    CHECK(strcmp(error.field, "policy") == 0);
    IS(ixt_node_new(&config, TEXT("\xff"), seed, NOW_US, &node, NULL), IXT_ERR_BAD_TEXT);
    config.max_message = SIZE_MAX;
    IS(ixt_node_new(&config, NULL, 0, seed, NOW_US, &node, &error), IXT_ERR_INVALID_ARGUMENT);
    CHECK(node == NULL && strcmp(error.field, "max_message") == 0);
    config.max_message = 0; /* as small as there is */
    OK(ixt_node_new(&config, NULL, 0, seed, NOW_US, &node, NULL));
    IS_NULL(ixt_node_read_local(NULL, bytes, 1, NOW_US));
    IS_NULL(ixt_node_read_local(node, NULL, 1, NOW_US));
    IS_NULL(ixt_node_poll_local(NULL, bytes, 1, &size));
    IS_NULL(ixt_node_poll_local(node, NULL, 1, &size));
    IS_NULL(ixt_node_poll_local(node, bytes, 1, NULL));
    IS_NULL(ixt_node_local_ended(NULL, NOW_US));
    IS_NULL(ixt_node_has_ended(NULL, &flag));
    IS_NULL(ixt_node_has_ended(node, NULL));
    IS_NULL(ixt_node_receive(NULL, TEXT("x"), TEXT("y"), NOW_US));
    IS_NULL(ixt_node_receive(node, NULL, 1, TEXT("y"), NOW_US));
    IS_NULL(ixt_node_receive(node, TEXT("x"), NULL, 1, NOW_US));
    IS(ixt_node_receive(node, TEXT("\xff"), TEXT("y"), NOW_US), IXT_ERR_BAD_TEXT);
    IS_NULL(ixt_node_no_responders(NULL, TEXT("x"), NOW_US));
    IS_NULL(ixt_node_no_responders(node, NULL, 1, NOW_US));
    IS_NULL(ixt_node_server_error(NULL, TEXT("x"), NOW_US));
    IS_NULL(ixt_node_server_error(node, NULL, 1, NOW_US));
    IS(ixt_node_server_error(node, TEXT("\xff"), NOW_US), IXT_ERR_BAD_TEXT);
    IS_NULL(ixt_node_subscribed(NULL));
    IS_NULL(ixt_node_poll_subscription(NULL, &subscription));
    IS_NULL(ixt_node_poll_subscription(node, NULL));
    IS_NULL(ixt_node_poll_publish(NULL, &message));
    IS_NULL(ixt_node_poll_publish(node, NULL));
    IS_NULL(ixt_node_drain(NULL, NULL, 0, NULL, 0, NULL, 0, &drained));
    IS_NULL(ixt_node_drain(node, NULL, 1, NULL, 0, NULL, 0, &drained));
    IS_NULL(ixt_node_drain(node, NULL, 0, NULL, 1, NULL, 0, &drained));
    IS_NULL(ixt_node_drain(node, NULL, 0, NULL, 0, NULL, 1, &drained));
    IS_NULL(ixt_node_drain(node, NULL, 0, NULL, 0, NULL, 0, NULL));
    IS(ixt_node_drain(node, NULL, 0, bytes, sizeof bytes, packed, 1, &drained), IXT_ERR_BUFFER_TOO_SMALL);
    uint8_t *room = malloc((64 << 10) + IXT_NODE_OVERHEAD);
    IS(ixt_node_drain(node, NULL, 0, room, (64 << 10) + IXT_NODE_OVERHEAD - 1, packed, 1, &drained),
       IXT_ERR_BUFFER_TOO_SMALL);
    CHECK(drained.at_us == 7);
    OK(ixt_node_drain(node, NULL, 0, room, (64 << 10) + IXT_NODE_OVERHEAD, packed, 1, &drained));
    CHECK(drained.count == 0 && !drained.more);
    free(room);
    IS_NULL(ixt_node_next_timeout(NULL, &number));
    IS_NULL(ixt_node_next_timeout(node, NULL));
    IS_NULL(ixt_node_handle_timeout(NULL, NOW_US));
    IS_NULL(ixt_node_stats(NULL, &stats));
    IS_NULL(ixt_node_stats(node, NULL));
    CHECK(number == 7 && size == 7 && flag);
    ixt_node_free(node);
}

int main(void) {
    nulls();
    confirmation();
    calls(0);
    calls(1);
    calls(3);
    calls(16);
    ends();
    about = "";
    return summary("C nodes");
}
