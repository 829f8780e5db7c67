/* A byte pipe for loop.h over TCP with TLS: libixt has no TLS, so a program brings its own, here OpenSSL's. */
#ifndef TLS_H
#define TLS_H

#include "loop.h"

/* Connects to tls://host:port and checks the certificate by those in the file `roots`; ends the program where that
 * fails. */
pipe_t pipe_tls(const char *url, const char *roots);

#endif
