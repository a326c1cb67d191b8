#ifndef REDIS_TRANSPORT_H_
#define REDIS_TRANSPORT_H_

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/status.h"

/* One connection to a Redis server: TCP or unix socket, either under TLS.
 * Non-blocking with poll(2); every call has one deadline for the whole of it,
 * so a peer that drips a byte at a time cannot hold a run. */
struct transport;

struct transport_options {
	const char *unix_path;       /* "" = TCP */
	const char *host;            /* name or address */
	int port;
	bool tls;                    /* TLS >= 1.2, chain and name verified, never plain text instead */
	const char *tls_ca_file;     /* "" = the system's */
	const char *tls_cert_file;   /* client certificate, "" = none */
	const char *tls_key_file;    /* "" = in tls_cert_file */
	const char *tls_server_name; /* "" = host */
};

/* "host:6379", "[::1]:6379" or the path of the unix socket, for messages. */
void transport_name(const struct transport_options *o, char *out, size_t size);

/* Connect before ${deadline} (monotonic ms). NULL with ${e}: EX_UNAVAILABLE
 * (cannot be reached, timed out), EX_NOPERM (TLS refused, with the cause; a
 * unix socket that we may not use), EX_CONFIG (a TLS file that cannot be read,
 * a path that is too long), EX_PROTOCOL (no TLS there), EX_TEMPFAIL (cut short
 * by a signal). Under TLS the caller must ignore SIGPIPE. */
struct transport *transport_open(const struct transport_options *o, int64_t deadline,
    struct error *e);
void transport_close(struct transport *t);
/* Not yet closed by the other side, as far as can be seen without waiting? */
bool transport_alive(const struct transport *t);

/* Move what can be moved now: send up to ${out_n} bytes of ${out}, read up to
 * ${in_n} into ${in}; wait with poll until at least one of the two moved or
 * ${deadline} passed. *sent and *received say how much. Reading goes on while
 * writing is blocked, so two full socket buffers cannot deadlock.
 * 0, or -1 with ${e}: EX_UNAVAILABLE (timed out: e->text says so; closed,
 * reset), EX_NOPERM, EX_PROTOCOL. in_n or out_n may be 0. Both counts can be 0: a signal that ends
 * poll is no error, and a wait ends every TRANSPORT_LOOK_MS, so that the caller sees one that came
 * just before poll. */
#define TRANSPORT_LOOK_MS 200
int transport_move(struct transport *t, const void *out, size_t out_n, size_t *sent,
    void *in, size_t in_n, size_t *received, int64_t deadline, struct error *e);

/* Send what of ${n} bytes of ${out} goes without waiting, and return how much. What is wrong with
 * the connection is left for transport_move to meet and to name. */
size_t transport_push(struct transport *t, const void *out, size_t n);

#endif
