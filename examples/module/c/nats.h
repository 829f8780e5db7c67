/* A byte pipe for loop.h to a node of libixt, of which libnats carries the messages: a module without a host. */
#ifndef MODULE_NATS_H
#define MODULE_NATS_H

#include "loop.h"

/* Connects to nats://[user[:password]@]host[:port][,host[:port]…][?creds=FILE], with TLS where the server demands it,
 * whose certificate is checked by those in the file `roots`, or by the system's where that is "-". Ends the program
 * where that fails. */
pipe_t pipe_nats(const char *url, const char *roots);

#endif
