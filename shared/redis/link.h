#ifndef REDIS_LINK_H_
#define REDIS_LINK_H_

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <hiredis/hiredis.h>

#include "base/status.h"
#include "redis/client.h"
#include "redis/transport.h"

/* A transport and the parser of what comes from it: bytes out, replies in. For
 * the inside of this floor only. Zeroed is closed. */
struct link {
	struct transport *transport;  /* NULL: not connected */
	redisReader *reader;
	bool too_long;                /* a list was announced beyond what we take, or too deep */
	bool (*cancelled)(void);      /* asked when a signal ends a wait; NULL: go on */
	int64_t used_at;              /* monotonic ms of the last reply */
	bool answered;                /* a reply came: it does speak RESP */
	size_t unparsed;              /* bytes fed since the last reply */
	char peer[300];
	char in[16 * 1024];
};

/* Connect (link->peer must be set). -1 with ${e} as transport_open. */
int link_open(struct link *l, const struct transport_options *o, int64_t deadline,
    struct error *e);
void link_close(struct link *l);
/**
 * link_next(l, out, end, sent, r, deadline, e):
 * Send ${out} from *sent up to ${end} and wait for the next whole reply, the
 * caller's to free. -1 with ${e}: EX_UNAVAILABLE, EX_NOPERM, EX_PROTOCOL (no RESP),
 * EX_TEMPFAIL (cancelled), EX_SOFTWARE (no memory).
 */
int link_next(struct link *l, const char *out, size_t end, size_t *sent, struct reply **r,
    int64_t deadline, struct error *e);
/* The next reply of those that were read already; *r is NULL if there is none. */
int link_ready(struct link *l, struct reply **r, struct error *e);

#endif
