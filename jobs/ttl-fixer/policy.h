#ifndef TTL_FIXER_POLICY_H_
#define TTL_FIXER_POLICY_H_

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "coordination/keys.h"
#include "coordination/liveness.h"
#include "job/settings.h"

/* Which TTL is due to which key. Pure: no Redis, no clock. */
struct policy {
	int64_t family_ttl[FAMILY_COUNT]; /* ms, 0 = none is given */
	const struct config_pattern *patterns;
	size_t rows;                      /* FAMILY_COUNT and one for each pattern */
	int64_t max_ttl;                  /* ms, 0 = off */
	int64_t pressure_over;            /* ms, 0 = no --pressure */
	int64_t pressure_ttl;
	int64_t dead_after;
	bool pressure;
	bool evicts_expiring;             /* the server drops keys that have a TTL when it is full */
};

/* What a key is to this job. */
struct kind {
	enum family family;
	const struct config_pattern *pattern; /* the site's line that names it, or NULL */
	size_t row;                           /* where it is counted: the family or the pattern */
};

/* The settings must outlive the policy. */
void policy_make(struct policy *p, const struct settings *s, bool pressure);
/* What the server says of its memory: ${maxmemory} and the maxmemory-policy ${eviction}. */
void policy_server(struct policy *p, int64_t maxmemory, const char *eviction);
/* The kind of ${key}: the first pattern that matches, whatever its family, but
 * nothing is ours to give to coordkeep:*. */
struct kind policy_kind(const struct policy *p, struct bytes key);
/* The kind that is counted in ${row}; of a pattern without a family. */
struct kind policy_row(const struct policy *p, size_t row);
/* "signal", or "pattern.NAME"; ${out} has ${size} bytes. */
void policy_name(struct kind k, char *out, size_t size);
/* Does the job look at such a key at all? */
bool policy_concerns(struct kind k);
/* The TTL for a key of that kind that has none. */
int64_t policy_ttl(const struct policy *p, struct kind k);
/* Is such a key left without a TTL? Work and the requests that hand it on, where it is the TTL
 * that would let the server drop them: under --pressure, and where a policy volatile-* takes from
 * the keys that have one. */
bool policy_keeps_bare(const struct policy *p, struct kind k);
/* What a TTL of which ${left} ms are left is to be cut to; 0 = it stays. */
int64_t policy_cut(const struct policy *p, struct kind k, int64_t left);

/* A heartbeat without a TTL. */
enum heartbeat_case {
	HEARTBEAT_FIX,  /* its writer was there a moment ago */
	HEARTBEAT_DEAD, /* evidence that reap-stale and escalate-dead still need */
	HEARTBEAT_OPAQUE /* nobody can tell */
};
enum heartbeat_case policy_heartbeat(const struct policy *p, enum heartbeat_form form,
    int64_t stamp, int64_t now);

#endif
