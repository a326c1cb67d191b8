#include "steer.h"

#include <string.h>

#include "orders.h"

static int
check_start(const struct flow_ops *o, const struct flow_settings *s, const struct start *start,
    struct flow_view *v, char sign[FINGERPRINT_SIZE], int64_t *at, struct error *e)
{
	*at = o->now(o->ctx);
	if (o->reports_read(o->ctx, &v->reports, e) == -1)
		return -1;
	return order_start_check(&v->rotation, start, &v->reports, &s->phase, *at, sign, e);
}

static int
make_start(const struct flow_ops *o, const struct flow_settings *s,
    const struct steering *steering, struct flow_view *v, struct rotation *next,
    int64_t *deadline, struct error *e)
{
	struct start start = { .hosts = steering->hosts, .list = s->list, .self = s->self };
	char sign[FINGERPRINT_SIZE], fresh[FINGERPRINT_SIZE], id[33];
	struct named named;
	int64_t at;

	/* Refused before it reports: this host has not done its part under that record yet. */
	if (order_start_possible(&v->rotation, e) == -1)
		return -1;
	/* Our own report has to be of now, like the others'. */
	if (flow_report(o, s, v, e) == -1)
		return -1;
	if (v->trouble.exit != 0) {
		*e = v->trouble;
		return -1;
	}
	/* Once before the source is asked, once after, since that can take its time. */
	if (check_start(o, s, &start, v, sign, &at, e) == -1 ||
	    o->named(o->ctx, steering->hosts, &v->reports, &named, e) == -1 ||
	    (!steering->sure &&
	    order_start_named(steering->hosts, &v->reports, &named, e) == -1) ||
	    o->fresh(o->ctx, id, fresh, e) == -1 ||
	    check_start(o, s, &start, v, sign, &at, e) == -1)
		return -1;
	*deadline = at + FLOW_DECISION;
	return order_start(&v->rotation, &start, id, sign, fresh, at, next, e);
}

static int
make_exclude(const struct flow_ops *o, const struct flow_settings *s,
    const struct steering *steering, struct flow_view *v, struct rotation *next,
    struct error *e)
{
	struct named named;

	if (order_exclude(&v->rotation, steering->host, s->self,
	    reports_find(&v->reports, steering->host), &s->phase, o->now(o->ctx), steering->sure,
	    next, e) == -1 || o->named(o->ctx, &v->rotation.hosts, &v->reports, &named, e) == -1)
		return -1;
	if (named.host[hosts_find(&v->rotation.hosts, steering->host)])
		return error_set(e, EX_CRITICAL,
		    "%.100s has a coordinator that runs (a heartbeat names it): it cannot be excluded",
		    steering->host);
	return 0;
}

/* The turn is no part of what a host has to do: the epoch stays. */
static int
give_turn(const struct flow_ops *o, const struct steering *steering, struct flow_view *v,
    struct error *e)
{
	struct rotation *r = &v->rotation;
	const char *to = steering->host;
	bool done;
	size_t i;

	if (to[0] != '\0') {
		i = hosts_find(&r->hosts, to);
		if (i == r->hosts.n)
			return error_set(e, EX_CRITICAL, "%.100s is not a host of this rotation", to);
		to = r->hosts.name[i];
	}
	if (o->turn_put(o->ctx, r->epoch, r->turn, to, o->now(o->ctx), &done, e) == -1)
		return -1;
	if (!done)
		return error_set(e, EX_TEMPFAIL, "the turn has changed meanwhile: look at --status");
	(void)strncpy(r->turn, to, HOST_SIZE - 1);
	r->turn_since = to[0] == '\0' ? 0 : o->now(o->ctx);
	return 0;
}

static int
make_next(const struct flow_ops *o, const struct flow_settings *s,
    const struct steering *steering, struct flow_view *v, struct rotation *next,
    int64_t *deadline, struct error *e)
{
	int64_t now = o->now(o->ctx);

	*deadline = 0;
	switch (steering->order) {
	case ORDER_START:
		return make_start(o, s, steering, v, next, deadline, e);
	case ORDER_ABORT:
		return order_abort(&v->rotation, now, next, e);
	case ORDER_ROLLBACK:
		return order_rollback(&v->rotation, now, next, e);
	case ORDER_EXCLUDE:
		return make_exclude(o, s, steering, v, next, e);
	case ORDER_SKIP_DRAIN:
		return order_skip_drain(&v->rotation, next, e);
	default:
		return error_set(e, EX_SOFTWARE, "there is no such order");
	}
}

int
steer(const struct flow_ops *o, const struct flow_settings *s, const struct steering *steering,
    struct flow_view *v, struct error *e)
{
	struct rotation next;
	int64_t deadline;

	if (flow_record(o, s, v, e) == -1)
		return -1;
	if (!v->may_act && v->rotation.epoch > 0)
		return flow_uncertain(e);
	if (steering->order == ORDER_TURN)
		return give_turn(o, steering, v, e);
	if (make_next(o, s, steering, v, &next, &deadline, e) == -1)
		return -1;
	return flow_put(o, v, &next, deadline, e);
}
