#ifndef SECRET_ROTATE_PHASE_ORDERS_H_
#define SECRET_ROTATE_PHASE_ORDERS_H_

#include "base/status.h"

#include "phase.h"

/*
 * What a person can order, as pure functions: each makes the next record from
 * the present one, or says in one sentence why not (-1, with EX_CRITICAL).
 */

/* What the starting host brings: its list of hosts and that list's digest. */
struct start {
	const struct hosts *hosts;
	const char *list;
	const char *self;
};

/* -1 with ${e} while a rotation is under way. */
int order_start_possible(const struct rotation *r, struct error *e);
/**
 * order_start_check(r, start, reports, s, now, sign, e):
 * Can a rotation begin? Only from idle, if every host of the list has reported
 * under this epoch within host_timeout, with the same list, and signs with the
 * same secret, in its file and in every process, accepting no other; and if no
 * host that is not in the list reports. The fingerprint of that secret goes to
 * ${sign}. EX_CONFIG for a list that is empty or lacks this host.
 */
int order_start_check(const struct rotation *r, const struct start *start,
    const struct reports *reports, const struct phase_settings *s, int64_t now,
    char sign[FINGERPRINT_SIZE], struct error *e);
/* Nor if heartbeats say otherwise: that a coordinator runs on a host that is not in the
 * list (where they name hosts of it at all), or that reports no process. */
int order_start_named(const struct hosts *hosts, const struct reports *reports,
    const struct named *named, struct error *e);
/* The record of a new rotation, ${id} (32 hex digits), from ${sign} to ${fresh}, which
 * must not be the same or one that was retired. */
int order_start(const struct rotation *r, const struct start *start, const char *id,
    const char *sign, const char *fresh, int64_t now, struct rotation *next, struct error *e);
/* Is the secret ${age} old or older, and so due? (auto) */
bool order_due(const struct rotation *r, const struct phase_settings *s, int64_t age);

/* distribute -> hold, then retire the new secret. */
int order_abort(const struct rotation *r, int64_t now, struct rotation *next, struct error *e);
/* promote, drain -> hold, then promote the other way round; in a hold that cannot end
 * because some host signs with the new secret already: hold, then promote. */
int order_rollback(const struct rotation *r, int64_t now, struct rotation *next,
    struct error *e);
/* Take ${host} out of the rotation. ${report} is its report (NULL = none): refused, unless
 * ${sure}, while it is younger than host_timeout and tells of processes. */
int order_exclude(const struct rotation *r, const char *host, const char *self,
    const struct report *report, const struct phase_settings *s, int64_t now, bool sure,
    struct rotation *next, struct error *e);
/* drain: retire without waiting, once all agree. */
int order_skip_drain(const struct rotation *r, struct rotation *next, struct error *e);

#endif
