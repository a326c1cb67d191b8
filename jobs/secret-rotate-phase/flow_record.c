#include "flow.h"

#include <string.h>

/* The record: which one is true, and how it is changed. */

#define MERGES_MAX 5    /* how often another host may be quicker */

int
flow_foreign(const struct flow_settings *s, const struct rotation *redis,
    const struct rotation *copy, struct error *e)
{
	return error_set(e, EX_CONFIG, "the record in Redis (%.200s) is of another fleet (%s, its first host "
	    "is %.80s) than this host's copy of it (%s, %.80s): nothing was written. Is [redis] url, or "
	    "REDIS_URL, that of another environment? If the copy is of a former fleet, remove %.200s/record",
	    s->redis, redis->fleet, redis->hosts.name[0], copy->fleet, copy->hosts.name[0], s->state_dir);
}

/* Redis has no record, but hosts report there: does each of them run something that ${copy} does not
 * know? Then it is the Redis of a fleet that has never rotated. */
static bool
others_home(const struct rotation *copy, const struct reports *reports, const char *self)
{
	const struct report *report;
	const char *stranger;
	size_t i, n = 0;

	for (i = 0; i < reports->n; i++) {
		report = &reports->report[i];
		if (host_same(report->host, self) || !report->state.known || report->epoch != 0)
			continue;
		(void)state_stranger(copy, &report->state, &stranger);
		if (stranger == NULL)
			return false;
		n++;
	}
	return n > 0;
}

static int
record_true(const struct flow_ops *o, const struct flow_settings *s, struct flow_view *v,
    struct error *e)
{
	const struct rotation *copy = &v->copy.rotation;
	enum put_result result;
	struct rotation redis;
	bool there, forked;
	int i;

	for (i = 0; i < MERGES_MAX; i++) {
		if (o->record_read(o->ctx, &redis, &there, e) == -1)
			return -1;
		switch (phase_merge(there ? &redis : NULL, copy, &forked)) {
		case MERGE_NONE:
			memset(&v->rotation, 0, sizeof(v->rotation));
			return 0;
		case MERGE_REDIS:
			v->rotation = redis;
			if (forked)
				o->note(o->ctx, NOTE_FORKED, v);
			return 0;
		case MERGE_PUT_BACK:
			if (!there && o->reports_read(o->ctx, &v->reports, e) == -1)
				return -1;
			if (!there && !s->trust && others_home(copy, &v->reports, s->self))
				return error_set(e, EX_CONFIG, "Redis (%.200s) has no record, and the hosts that "
				    "report there run secrets that this host's copy of it does not know: nothing "
				    "was written. Is [redis] url, or REDIS_URL, that of another environment? If "
				    "they are this fleet's: --force", s->redis);
			if (o->record_put(o->ctx, there ? &redis : NULL, 0, copy, true, &result,
			    e) == -1)
				return -1;
			if (result != PUT_DONE)
				continue;
			v->rotation = *copy;
			o->note(o->ctx, NOTE_PUT_BACK, v);
			return 0;
		case MERGE_FOREIGN:
			return flow_foreign(s, &redis, copy, e);
		}
	}
	return error_set(e, EX_TEMPFAIL, "the rotation's record keeps changing");
}

static int
save_copy(const struct flow_ops *o, struct flow_view *v, struct error *e)
{
	const struct rotation *r = &v->rotation;
	struct rotation *copy = &v->copy.rotation;

	if (!v->may_act || (copy->epoch == r->epoch && rotation_same(copy, r) &&
	    strcmp(copy->turn, r->turn) == 0))
		return 0;
	*copy = *r;
	return o->copy_write(o->ctx, &v->copy, e);
}

int
flow_record(const struct flow_ops *o, const struct flow_settings *s, struct flow_view *v,
    struct error *e)
{
	struct pair target;

	if (o->copy_read(o->ctx, &v->copy, e) == -1 || record_true(o, s, v, e) == -1 ||
	    o->reports_read(o->ctx, &v->reports, e) == -1)
		return -1;
	/* Without a copy the record is taken over, if it can be this host's at all. */
	if (v->copy.rotation.epoch == 0 && v->rotation.epoch > 0) {
		flow_look(o, v);
		v->stranger = phase_aim(&v->rotation, &v->state, false, &target) == AIM_MISMATCH;
	}
	v->may_act = !v->stranger && (phase_may_act(&v->rotation, &v->copy.rotation,
	    v->copy.reported, s->self, &v->reports, &s->phase, o->now(o->ctx)) ||
	    (s->trust && v->rotation.epoch > 0));
	return save_copy(o, v, e);
}

int
flow_write(const struct flow_ops *o, struct flow_view *v, const struct rotation *next,
    int64_t deadline, enum put_result *result, struct error *e)
{
	if (o->record_put(o->ctx, v->rotation.epoch == 0 ? NULL : &v->rotation, deadline, next,
	    strcmp(v->rotation.turn, next->turn) != 0, result, e) == -1)
		return -1;
	if (*result == PUT_TOO_LATE)
		return error_set(e, EX_TEMPFAIL, "the run was held up: the reports that it read are no "
		    "longer of the moment");
	if (*result != PUT_DONE)
		return 0;
	v->rotation = *next;
	v->may_act = true;
	/* At once: should all hosts be off next, one at least knows the latest record. */
	return save_copy(o, v, e);
}

int
flow_put(const struct flow_ops *o, struct flow_view *v, const struct rotation *next,
    int64_t deadline, struct error *e)
{
	enum put_result result;

	if (flow_write(o, v, next, deadline, &result, e) == -1)
		return -1;
	if (result != PUT_DONE)
		return error_set(e, EX_TEMPFAIL,
		    "somebody else changed the rotation at the same time: look at --status");
	return 0;
}

int
flow_uncertain(struct error *e)
{
	return error_set(e, EX_TEMPFAIL, "this host was away, and it is not certain that the record is "
	    "the latest one: a run on a host that is has to come first; where there is none, make sure "
	    "that --status shows the latest phase and give one run --force");
}
