#ifndef REDIS_TLS_H_
#define REDIS_TLS_H_

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/status.h"
#include "redis/transport.h"

/* TLS over a connected non-blocking socket, by OpenSSL. For transport.c only. */
struct tls;

/* Shake hands before ${deadline}. ${peer} names the server in messages. NULL
 * with ${e} as transport_open says; *silent: it timed out without one byte
 * from the server. The caller keeps ${fd}. */
struct tls *tls_open(int fd, const struct transport_options *o, const char *peer,
    int64_t deadline, bool *silent, struct error *e);
void tls_close(struct tls *t);

/* > 0: bytes moved. 0: would block, *want says on which event (POLLIN or
 * POLLOUT). -1 with ${e}. */
ssize_t tls_read(struct tls *t, void *p, size_t n, short *want, struct error *e);
ssize_t tls_write(struct tls *t, const void *p, size_t n, short *want, struct error *e);
/* Has bytes that were taken from the socket and not yet read? */
bool tls_has_more(const struct tls *t);

#endif
