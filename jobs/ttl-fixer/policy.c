#include "policy.h"

#include <stdio.h>
#include <string.h>

#include "glob.h"

void
policy_make(struct policy *p, const struct settings *s, bool pressure)
{
	const struct config_pattern *pattern;

	memset(p, 0, sizeof(*p));
	p->family_ttl[FAMILY_HEARTBEAT] = s->ttl.heartbeat;
	p->family_ttl[FAMILY_SIGNAL] = s->ttl.signal;
	p->family_ttl[FAMILY_ACK] = s->ttl.ack;
	p->family_ttl[FAMILY_WARNING] = s->ttl.warning;
	p->family_ttl[FAMILY_IDEMPOTENCY] = s->ttl.idempotency;
	p->family_ttl[FAMILY_STATE] = s->ttl.state;
	p->family_ttl[FAMILY_RETRY] = s->ttl.retry;
	p->family_ttl[FAMILY_RETRY_FAILED] = s->ttl.retry_failed;
	p->family_ttl[FAMILY_ACTIVITY] = s->ttl.activity;
	p->family_ttl[FAMILY_WORK] = s->ttl.work;
	p->family_ttl[FAMILY_ESCALATION] = s->ttl.escalation;
	p->family_ttl[FAMILY_SPAWN] = s->ttl.spawn;
	p->family_ttl[FAMILY_BREAKER] = s->ttl.breaker;
	p->family_ttl[FAMILY_OTHER] = s->ttl.other;
	p->patterns = s->ttl.patterns.first;
	p->rows = FAMILY_COUNT;
	for (pattern = p->patterns; pattern != NULL; pattern = pattern->next)
		p->rows++;
	p->max_ttl = s->ttl_fixer.max_ttl;
	p->dead_after = s->escalate_dead.dead_after;
	p->pressure = pressure;
	if (pressure) {
		p->pressure_over = s->ttl_fixer.pressure_over;
		p->pressure_ttl = s->ttl_fixer.pressure_ttl;
	}
}

void
policy_server(struct policy *p, int64_t maxmemory, const char *eviction)
{

	p->evicts_expiring = maxmemory > 0 && strncmp(eviction, "volatile-", 9) == 0;
}

struct kind
policy_kind(const struct policy *p, struct bytes key)
{
	const struct config_pattern *pattern;
	struct kind k = { .family = FAMILY_NONE };
	size_t row = FAMILY_COUNT;

	/* Most keys of a shared server are somebody else's: one look and on. */
	if (key.n > 0 && (key.p[0] == 'b' || key.p[0] == 'c'))
		k.family = family_of(key, NULL);
	k.row = k.family;
	if (k.family == FAMILY_OURS)
		return k;
	for (pattern = p->patterns; pattern != NULL; pattern = pattern->next, row++)
		if (glob_match(bytes_str(pattern->glob), key)) {
			k.pattern = pattern;
			k.row = row;
			break;
		}
	return k;
}

struct kind
policy_row(const struct policy *p, size_t row)
{
	const struct config_pattern *pattern = p->patterns;
	struct kind k = { .family = FAMILY_NONE, .row = row };

	if (row < FAMILY_COUNT)
		k.family = (enum family)row;
	else {
		for (row -= FAMILY_COUNT; row > 0 && pattern != NULL; row--)
			pattern = pattern->next;
		k.pattern = pattern;
	}
	return k;
}

void
policy_name(struct kind k, char *out, size_t size)
{

	if (k.pattern != NULL)
		(void)snprintf(out, size, "pattern.%s", k.pattern->name);
	else
		(void)snprintf(out, size, "%s", family_name(k.family));
}

bool
policy_concerns(struct kind k)
{

	return k.pattern != NULL || (k.family != FAMILY_NONE && k.family != FAMILY_OURS);
}

/* Work, and the requests that hand it on. */
static bool
is_work(enum family f)
{

	return f == FAMILY_WORK || f == FAMILY_ESCALATION || f == FAMILY_SPAWN;
}

/* Keys that a TTL may be cut of. Work and the requests that hand it on would be
 * lost work; a heartbeat or a count of warnings that goes early makes the dead of the living and
 * the living of the dead; what only a site's pattern names is given what its line says. */
static bool
may_cut(struct kind k)
{

	switch (k.family) {
	case FAMILY_NONE:
	case FAMILY_OURS:
	case FAMILY_HEARTBEAT:
	case FAMILY_WARNING:
	case FAMILY_WORK:
	case FAMILY_ESCALATION:
	case FAMILY_SPAWN:
		return false;
	default:
		return true;
	}
}

int64_t
policy_ttl(const struct policy *p, struct kind k)
{
	int64_t ttl = k.pattern != NULL ? k.pattern->ttl_ms : p->family_ttl[k.family];

	/* The next run would cut it all the same. */
	if (p->max_ttl > 0 && ttl > p->max_ttl && may_cut(k))
		ttl = p->max_ttl;
	return ttl;
}

bool
policy_keeps_bare(const struct policy *p, struct kind k)
{

	return is_work(k.family) && (p->pressure || p->evicts_expiring);
}

int64_t
policy_cut(const struct policy *p, struct kind k, int64_t left)
{
	int64_t to = 0;

	if (!may_cut(k))
		return 0;
	if (p->max_ttl > 0 && left > p->max_ttl)
		to = p->max_ttl;
	if (p->pressure_over > 0 && left > p->pressure_over && (to == 0 || p->pressure_ttl < to))
		to = p->pressure_ttl;
	return to;
}

enum heartbeat_case
policy_heartbeat(const struct policy *p, enum heartbeat_form form, int64_t stamp, int64_t now)
{

	if (form != HEARTBEAT_READABLE)
		return HEARTBEAT_OPAQUE;
	/* Both are times since 1970 and not negative: no overflow. */
	return now - stamp > p->dead_after ? HEARTBEAT_DEAD : HEARTBEAT_FIX;
}
