#define _GNU_SOURCE
#include "tls.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* What read(2) and write(2) would say. */
static ssize_t outcome(SSL *ssl, int done, size_t moved) {
    if (done == 1) {
        return (ssize_t)moved;
    }
    switch (SSL_get_error(ssl, done)) {
    case SSL_ERROR_WANT_READ:
    case SSL_ERROR_WANT_WRITE:
        errno = EAGAIN;
        return -1;
    case SSL_ERROR_ZERO_RETURN:
        return 0;
    default:
        errno = EIO;
        return -1;
    }
}

static ssize_t read_tls(pipe_t *pipe, void *bytes, size_t length) {
    size_t moved = 0;
    ERR_clear_error();
    int done = SSL_read_ex(pipe->own, bytes, length, &moved);
    return outcome(pipe->own, done, moved);
}

static ssize_t write_tls(pipe_t *pipe, const void *bytes, size_t length) {
    size_t moved = 0;
    ERR_clear_error();
    int done = SSL_write_ex(pipe->own, bytes, length, &moved);
    return outcome(pipe->own, done, moved);
}

static void close_tls(pipe_t *pipe) {
    SSL_shutdown(pipe->own); /* says that this is the end, where that can be said at once */
    SSL_free(pipe->own);
    close(pipe->fd);
}

static void need(int done, const char *what) {
    if (done != 1) {
        const char *why = ERR_reason_error_string(ERR_get_error());
        die(what, why ? why : strerror(errno));
    }
}

static int dial(const char *host, const char *port) {
    struct addrinfo wanted = {.ai_socktype = SOCK_STREAM}, *found;
    if (getaddrinfo(host, port, &wanted, &found) != 0) {
        die(host, "no such host");
    }
    int fd = -1;
    for (struct addrinfo *at = found; at && fd < 0; at = at->ai_next) {
        fd = socket(at->ai_family, at->ai_socktype | SOCK_CLOEXEC, at->ai_protocol);
        if (fd >= 0 && connect(fd, at->ai_addr, at->ai_addrlen) < 0) {
            close(fd);
            fd = -1;
        }
    }
    freeaddrinfo(found);
    if (fd < 0) {
        die(host, strerror(errno));
    }
    return fd;
}

pipe_t pipe_tls(const char *url, const char *roots) {
    char host[256], port[8];
    if (sscanf(url, "tls://%255[^:]:%7[0-9]", host, port) != 2) {
        die(url, "no tls:// address");
    }
    signal(SIGPIPE, SIG_IGN);
    int fd = dial(host, port);
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    need(context != NULL, "TLS");
    need(SSL_CTX_load_verify_locations(context, roots, NULL), roots);
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
    SSL *ssl = SSL_new(context);
    need(ssl != NULL, "TLS");
    SSL_CTX_free(context); /* the connection keeps it */
    need(SSL_set1_host(ssl, host), host);
    need((int)SSL_set_tlsext_host_name(ssl, host), host);
    need(SSL_set_fd(ssl, fd), host);
    need(SSL_connect(ssl), host);
    /* What could not be written is written again from another place, or with more behind it. */
    SSL_set_mode(ssl, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
    return (pipe_t){.fd = fd, .read = read_tls, .write = write_tls, .close = close_tls, .own = ssl};
}
