#ifndef REDIS_RESOLVE_H_
#define REDIS_RESOLVE_H_

#include <netdb.h>
#include <stdint.h>

/* The TCP addresses of ${host} and ${port} before ${deadline} (monotonic ms), the caller's to free
 * with freeaddrinfo. NULL with ${why}: a text of the library's, or "timed out"; with errno EINTR if a
 * signal cut it short. A name server that does not answer cannot hold a run: what
 * getaddrinfo(3) would wait for goes on in a thread of glibc's (getaddrinfo_a(3)) until the
 * program ends. */
struct addrinfo *resolve(const char *host, int port, int64_t deadline, const char **why);

#endif
