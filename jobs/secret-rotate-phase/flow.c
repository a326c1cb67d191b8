#include "flow.h"

#include <string.h>

#define PHASES_MAX 8    /* in one run */

/* ---- this host ---- */

static void
trouble(struct flow_view *v, const struct error *e)
{
	if (v->trouble.exit == 0)
		v->trouble = *e;
}

/* The time and the processes first, the file last: a process that is started
 * meanwhile has read a file that is at least as new as the one that we see. */
void
flow_look(const struct flow_ops *o, struct flow_view *v)
{
	struct state s = { 0 };
	struct error e = { 0 };

	v->looked = o->now(o->ctx);
	if (o->look_processes(o->ctx, &s, &e) == 0 && o->look_file(o->ctx, &s.file, &e) == 0) {
		s.known = true;
	} else {
		trouble(v, &e);
		memset(&s, 0, sizeof(s));
	}
	v->state = s;
}

/* Bring the file to the target. */
static void
move_file(const struct flow_ops *o, const struct flow_settings *s, struct flow_view *v)
{
	struct error e = { 0 };
	struct pair target;
	bool moved = false;

	v->aim = phase_aim(&v->rotation, &v->state, s->catch_up, &target);
	if (v->aim == AIM_MISMATCH)
		o->note(o->ctx, NOTE_MISMATCH, v);
	if (v->aim != AIM_MOVE)
		return;
	if (!v->may_act)
		return;
	if (o->move_file(o->ctx, &v->rotation, &target, &moved, &e) == 0)
		o->note(o->ctx, moved ? NOTE_FILE_MOVED : NOTE_SOURCE, v);
	if (!moved && e.exit == 0 && s->catch_up)
		(void)error_set(&e, EX_TEMPFAIL,
		    "the environment file has to change, but the source does not give the secret "
		    "that the record names");
	if (e.exit != 0)
		trouble(v, &e);
	flow_look(o, v);
}

/* Is it our turn to restart, or can it be? */
static int
take_turn(const struct flow_ops *o, const struct flow_settings *s, struct flow_view *v,
    bool *ours, struct error *e)
{
	struct rotation *r = &v->rotation;
	int64_t now = o->now(o->ctx);

	*ours = host_same(r->turn, s->self);
	if (*ours)
		return 0;
	if (r->turn[0] == '\0') {
		if (o->turn_put(o->ctx, r->epoch, "", s->self, now, ours, e) == -1)
			return -1;
		if (*ours) {
			(void)strncpy(r->turn, s->self, HOST_SIZE - 1);
			r->turn[HOST_SIZE - 1] = '\0';
			r->turn_since = now;
			o->note(o->ctx, NOTE_TURN_TAKEN, v);
		}
	}
	if (!*ours)
		o->note(o->ctx, NOTE_TURN_OTHER, v);
	return 0;
}

/* Run the commands that make the coordinators read the file. What they say of
 * themselves is no evidence: only a look is. */
static void
run_commands(const struct flow_ops *o, struct flow_view *v)
{
	struct error e = { 0 };
	int tries;

	if (o->reload(o->ctx, &e) == -1)
		trouble(v, &e);
	flow_look(o, v);
	if (phase_activate(&v->rotation, &v->state)) {
		if (o->restart(o->ctx, &e) == -1) {
			trouble(v, &e);
			return;
		}
		flow_look(o, v);
	}
	for (tries = 0; !phase_well(&v->rotation, &v->state) && o->settle(o->ctx, tries); tries++)
		flow_look(o, v);
	o->note(o->ctx, phase_well(&v->rotation, &v->state) ? NOTE_ACTIVATED : NOTE_NOT_ACTIVE, v);
}

static int
activate(const struct flow_ops *o, const struct flow_settings *s, struct flow_view *v,
    struct error *e)
{
	bool ours;

	if (!v->may_act || !phase_activate(&v->rotation, &v->state))
		return 0;
	if (take_turn(o, s, v, &ours, e) == -1)
		return -1;
	if (ours && s->dry)
		o->note(o->ctx, NOTE_ACTIVATED, v);
	else if (ours)
		run_commands(o, v);
	return 0;
}

static int
send_report(const struct flow_ops *o, const struct flow_settings *s, struct flow_view *v,
    struct error *e)
{
	struct report report = { .epoch = v->rotation.epoch, .time = v->looked,
		.copy = v->copy.rotation.epoch, .state = v->state };
	struct copy *copy = &v->copy;

	(void)strncpy(report.host, s->self, HOST_SIZE - 1);
	(void)strncpy(report.list, s->list, FINGERPRINT_SIZE - 1);
	if (host_valid(bytes_str(s->machine)))
		(void)strncpy(report.machine, s->machine, HOST_SIZE - 1);
	(void)strncpy(report.boot, s->boot, sizeof(report.boot) - 1);
	report.rival = phase_rival(reports_find(&v->reports, s->self), s->boot,
	    v->looked - s->uptime + s->phase.tolerance);
	if (o->report_put(o->ctx, &report, e) == -1)
		return -1;
	/* A host that is not certain of the record does not become so by reporting. */
	if (v->may_act || v->rotation.epoch == 0)
		copy->reported = v->looked;
	if (v->state.known && strcmp(copy->seen, v->state.file.sign) != 0) {
		memcpy(copy->seen, v->state.file.sign, FINGERPRINT_SIZE);
		copy->seen_since = v->looked;
	}
	return o->copy_write(o->ctx, copy, e);
}

/* The holder of the turn gives it back once its coordinators are there again. */
static int
give_turn(const struct flow_ops *o, const struct flow_settings *s, struct flow_view *v,
    struct error *e)
{
	struct rotation *r = &v->rotation;
	bool done;

	if (!host_same(r->turn, s->self) || r->turn[0] == '\0')
		return 0;
	if (!phase_well(r, &v->state)) {
		if (v->state.known && v->state.processes == 0)
			o->note(o->ctx, NOTE_TURN_KEPT, v);
		return 0;
	}
	if (o->turn_put(o->ctx, r->epoch, r->turn, "", 0, &done, e) == -1)
		return -1;
	if (done) {
		memset(r->turn, 0, sizeof(r->turn));
		o->note(o->ctx, NOTE_TURN_GIVEN, v);
	}
	return 0;
}

int
flow_report(const struct flow_ops *o, const struct flow_settings *s, struct flow_view *v,
    struct error *e)
{
	flow_look(o, v);
	return send_report(o, s, v, e);
}

/* A coordinator that is started by a record which may be an old one could come
 * up with a secret that is gone. Between rotations that takes a server that was
 * set back by a whole rotation: then a host that is alone must be able to start. */
static void
check_catch_up(struct flow_view *v)
{
	/* A process that runs already does not come of the file. */
	const struct state file = { .known = v->state.known, .file = v->state.file };
	struct error e = { 0 };
	struct pair target;

	if (phase_aim(&v->rotation, &file, true, &target) == AIM_MISMATCH)
		(void)error_set(&e, EX_CRITICAL, "the environment file has a secret that the rotation does "
		    "not know: what a coordinator signs with it is rejected. Set the variables as on "
		    "the other hosts");
	else if (!v->may_act && v->rotation.epoch > 0 &&
	    (v->rotation.phase != PHASE_IDLE || v->aim == AIM_MOVE))
		(void)flow_uncertain(&e);
	if (e.exit != 0)
		trouble(v, &e);
}

static int
host_part(const struct flow_ops *o, const struct flow_settings *s, struct flow_view *v,
    struct error *e)
{
	flow_look(o, v);
	move_file(o, s, v);
	if (s->catch_up)
		check_catch_up(v);
	else if (activate(o, s, v, e) == -1)
		return -1;
	if (send_report(o, s, v, e) == -1)
		return -1;
	if (v->stranger)
		return error_set(e, EX_CRITICAL, "this host has no copy of the record, and the one in Redis "
		    "(%.200s) does not know what this host runs: nothing was changed. Is [redis] url, or "
		    "REDIS_URL, that of another environment? Else set the variables as on the other hosts",
		    s->redis);
	return s->catch_up ? 0 : give_turn(o, s, v, e);
}

/* ---- the phase ---- */

static int
decide(const struct flow_ops *o, const struct flow_settings *s, struct flow_view *v,
    enum pass pass, int64_t *at, struct error *e)
{
	*at = o->now(o->ctx);
	if (o->reports_read(o->ctx, &v->reports, e) == -1)
		return -1;
	phase_census(&v->rotation, &v->reports, &s->phase, *at, &v->census);
	phase_decide(&v->rotation, &v->census, &s->phase, pass, *at, &v->decision);
	if (v->reports.overflow && v->decision.wait == WAIT_NONE)
		v->decision.wait = WAIT_HOSTS;
	return 0;
}

/* Move the phase if all have done their part. The script refuses the write
 * when the reports that it relies on are no longer of the moment: a run that
 * was frozen in between must not move anything by what was true then. */
static int
phase_part(const struct flow_ops *o, const struct flow_settings *s, struct flow_view *v,
    bool *moved, struct error *e)
{
	enum put_result result;
	enum pass pass = PASS_NOT_MADE;
	int64_t at;

	*moved = false;
	if (decide(o, s, v, pass, &at, e) == -1)
		return -1;
	if (!v->may_act)
		return v->rotation.epoch == 0 ? 0 : flow_uncertain(e);
	if (v->decision.wait == WAIT_PASS) {
		if (o->pass(o->ctx, &v->rotation, &pass, e) == -1 ||
		    decide(o, s, v, pass, &at, e) == -1)
			return -1;
	}
	if (v->decision.wait != WAIT_NONE)
		return 0;
	if (s->dry) {
		v->rotation = v->decision.next;
		o->note(o->ctx, NOTE_PHASE, v);
		return 0;
	}
	if (flow_write(o, v, &v->decision.next, at + FLOW_DECISION, &result, e) == -1)
		return -1;
	*moved = true;
	if (result == PUT_DONE)
		o->note(o->ctx, NOTE_PHASE, v);
	return 0;
}

/* A host that is found to sign with the secret that is being drained takes the phase back, and only
 * then mends itself: what it signed until now may still be under way for as long as the drain. */
static int
lapse(const struct flow_ops *o, const struct flow_settings *s, struct flow_view *v, bool *moved,
    struct error *e)
{
	*moved = false;
	if (s->catch_up || v->rotation.phase != PHASE_DRAIN)
		return 0;
	flow_look(o, v);
	if (!state_signs(&v->state, v->rotation.other))
		return 0;
	o->note(o->ctx, NOTE_LAPSED, v);
	if (send_report(o, s, v, e) == -1)
		return -1;
	return phase_part(o, s, v, moved, e);
}

int
flow_run(const struct flow_ops *o, const struct flow_settings *s, struct flow_view *v,
    struct error *e)
{
	bool moved = true;
	int i;

	for (i = 0; moved && i < PHASES_MAX && !o->stop(o->ctx); i++) {
		if (flow_record(o, s, v, e) == -1)
			return -1;
		/* The second look is another run's, whoever asked for it: what the first
		 * one could not see yet needs time to be there. */
		if (i > 0 && v->rotation.confirm)
			return 0;
		if (lapse(o, s, v, &moved, e) == -1)
			return -1;
		if (moved)
			continue;
		if (host_part(o, s, v, e) == -1)
			return -1;
		moved = false;
		if (v->trouble.exit != 0) {
			*e = v->trouble;
			return -1;
		}
		if (s->catch_up)
			return 0;
		if (phase_part(o, s, v, &moved, e) == -1)
			return -1;
	}
	return 0;
}
