#include "effects.h"

#include <string.h>

#include "base/clock.h"
#include "base/duration.h"
#include "base/log.h"

#include "commands.h"
#include "local.h"
#include "processes.h"
#include "source.h"
#include "store.h"

/* ---- what a dry run, and one without Redis, does not do ---- */

static int64_t
now(void *ctx)
{
	const struct effects *x = ctx;

	/* Without Redis no time is written anywhere; it only tells whether this host was away. */
	return x->client == NULL ? clock_wall_ms() : client_now_ms(x->client);
}

static bool
stop(void *ctx)
{
	return run_should_stop(((struct effects *)ctx)->run);
}

static int
record_read(void *ctx, struct rotation *r, bool *there, struct error *e)
{
	struct effects *x = ctx;

	if (x->client != NULL) {
		x->known = store_record_read(ctx, r, there, e) == 0;
		return x->known ? 0 : -1;
	}
	memset(r, 0, sizeof(*r));
	*there = false;
	return 0;
}

static int
record_put(void *ctx, const struct rotation *expected, int64_t deadline,
    const struct rotation *next, bool turn, enum put_result *result, struct error *e)
{
	const struct effects *x = ctx;

	*result = PUT_DONE;
	if (x->dry || x->client == NULL)
		return 0;
	return store_record_put(ctx, expected, deadline, next, turn, result, e);
}

static int
turn_put(void *ctx, uint64_t epoch, const char *from, const char *to, int64_t at, bool *done,
    struct error *e)
{
	const struct effects *x = ctx;

	*done = true;
	if (x->dry || x->client == NULL)
		return 0;
	return store_turn_put(ctx, epoch, from, to, at, done, e);
}

static int
reports_read(void *ctx, struct reports *reports, struct error *e)
{
	const struct effects *x = ctx;

	if (x->client != NULL)
		return store_reports_read(ctx, reports, e);
	reports->n = 0;
	reports->overflow = false;
	return 0;
}

static int
report_put(void *ctx, const struct report *report, struct error *e)
{
	const struct effects *x = ctx;

	return x->dry || x->client == NULL ? 0 : store_report_put(ctx, report, e);
}

/* The copy tells when this host last reported: without Redis it did not. */
static int
copy_write(void *ctx, const struct copy *copy, struct error *e)
{
	const struct effects *x = ctx;

	return x->dry || x->client == NULL ? 0 : local_copy_write(ctx, copy, e);
}

static int
reload(void *ctx, struct error *e)
{
	return ((struct effects *)ctx)->dry ? 0 : commands_reload(ctx, e);
}

static int
restart(void *ctx, struct error *e)
{
	return ((struct effects *)ctx)->dry ? 0 : commands_restart(ctx, e);
}

static bool
settle(void *ctx, int tries)
{
	return !((struct effects *)ctx)->dry && commands_settle(ctx, tries);
}

/* ---- notes ---- */

static void
note_record(struct effects *x, enum flow_note note, const struct flow_view *v)
{
	const struct rotation *r = &v->rotation;
	struct result *result = run_result(x->run);
	const unsigned long long epoch = (unsigned long long)r->epoch;

	switch (note) {
	case NOTE_PUT_BACK:
		if (x->client == NULL)
			break;
		result_finding(result, "record-put-back", SEVERITY_WARNING, B(ROTATION_KEY),
		    "Redis had lost the record of the rotation, or held an older one (was it "
		    "flushed, restored or failed over?): it %s put back from this host's copy, phase "
		    "%s, epoch %llu", x->dry ? "would be" : "was", phase_name(r->phase), epoch);
		break;
	case NOTE_FORKED:
		log_warn("record-forked", "this host's copy held another change of the same epoch "
		    "(%llu), which Redis had lost: Redis's counts, phase %s", epoch,
		    phase_name(r->phase));
		break;
	case NOTE_PHASE:
		if (r->confirm)
			result_action(result, "confirm", B(ROTATION_KEY), "all hosts agree in phase %s: "
			    "each looks a second time (epoch %llu)", phase_name(r->phase), epoch);
		else
			result_action(result, "phase", B(ROTATION_KEY), "the phase %s now %s, epoch %llu",
			    x->dry ? "would be" : "is", phase_name(r->phase), epoch);
		break;
	default:
		break;
	}
}

static void
note_turn(struct effects *x, enum flow_note note, const struct flow_view *v)
{
	const struct rotation *r = &v->rotation;
	char age[32];

	switch (note) {
	case NOTE_TURN_TAKEN:
		log_info("turn-taken", "it is this host's turn to restart its coordinators");
		break;
	case NOTE_TURN_OTHER:
		duration_human(now(x) - r->turn_since, age, sizeof(age));
		if (r->turn[0] == '\0')
			log_info("turn-waits", "another host was quicker: its coordinators restart first");
		else
			log_info("turn-waits", "it is the turn of %s, for %s: then this host's coordinators "
			    "restart", r->turn, age);
		break;
	case NOTE_TURN_KEPT:
		/* The outlook makes it a finding, as on every host; between rotations nobody waits. */
		if (r->phase == PHASE_IDLE)
			result_finding(run_result(x->run), "turn-kept", SEVERITY_WARNING,
			    bytes_str(x->self), "it is this host's turn, and no coordinator runs here: start "
			    "it, or give the turn away with --turn none");
		break;
	case NOTE_TURN_GIVEN:
		log_info("turn-given", "all coordinators of this host run what its file says: the turn "
		    "is free");
		break;
	default:
		break;
	}
}

static void
note_host(struct effects *x, enum flow_note note, const struct flow_view *v)
{
	struct result *result = run_result(x->run);
	const char *stranger = NULL;
	bool in_process;
	const struct bytes self = bytes_str(x->self), path = bytes_str(x->settings->secrets.env_file);

	switch (note) {
	case NOTE_MISMATCH:
		/* The outlook names it, from this host's report, as it does for every host. */
		in_process = state_stranger(&v->rotation, &v->state, &stranger);
		log_error("secret-unknown", "a secret here, in %s, is none that the rotation knows (%s): "
		    "nothing was written", in_process ? "a process" : "the file",
		    stranger == NULL || stranger[0] == '\0' ? "none" : stranger);
		break;
	case NOTE_LAPSED:
		result_finding(result, "signs-old", SEVERITY_WARNING, self,
		    "this host signs with the secret that is being drained (%s), in its file or in a "
		    "process: back to promote, and the drain begins again", v->rotation.other);
		break;
	case NOTE_FILE_MOVED:
		result_action(result, "file", path, "the file %s what phase %s asks for",
		    x->dry ? "would be made" : "is now", phase_name(v->rotation.phase));
		break;
	case NOTE_SOURCE:
		result_finding(result, "source-changed", SEVERITY_WARNING, self,
		    "the environment file has to hold the secret %s, which it does not, and the source of "
		    "the new secret does not give it: nothing was installed. %s",
		    pair_accepts(&v->state.file, v->rotation.sign) ? v->rotation.other :
		    v->rotation.sign, v->rotation.phase == PHASE_DISTRIBUTE ?
		    "Give the source that secret again, or --abort" :
		    "Copy it from the file of a host that accepts it (see --status)");
		break;
	case NOTE_ACTIVATED:
		result_action(result, "activate", self, x->dry ?
		    "the coordinators of this host would be reloaded or restarted" :
		    "the coordinators of this host were made to read their file: %zu run what it says",
		    v->state.processes);
		break;
	case NOTE_NOT_ACTIVE:
		result_finding(result, "not-active", SEVERITY_WARNING, self,
		    "the coordinators of this host were to read their file anew, and %s what it says: look "
		    "at reload_command, restart_command and the unit; no other host restarts meanwhile",
		    v->state.processes == 0 ? "none is running" : "not all run");
		break;
	default:
		break;
	}
}

static void
note(void *ctx, enum flow_note which, const struct flow_view *v)
{
	note_record(ctx, which, v);
	note_turn(ctx, which, v);
	note_host(ctx, which, v);
}

void
effects_ops(struct effects *x, struct flow_ops *o)
{
	*o = (struct flow_ops){
		.now = now, .stop = stop,
		.record_read = record_read, .record_put = record_put, .turn_put = turn_put,
		.reports_read = reports_read, .report_put = report_put,
		.copy_read = local_copy_read, .copy_write = copy_write,
		.look_processes = processes_look, .look_file = local_look_file,
		.move_file = local_move_file,
		.reload = reload, .restart = restart, .settle = settle,
		.fresh = source_fresh, .named = store_named, .pass = drain_pass,
		.note = note, .ctx = x,
	};
}
