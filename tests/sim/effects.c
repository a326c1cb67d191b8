#include "sim.h"

#include <stdio.h>
#include <string.h>

/*
 * The effects of a run, as flow.h wants them. Each first gives way to the
 * scheduler, which may do anything before it lets the run go on, if at all.
 */
static struct run *
give_way(void *ctx)
{
	struct run *r = ((struct sim *)ctx)->running;

	if (swapcontext(&r->context, &r->sim->scheduler) == -1)
		__builtin_trap();
	return r;
}

static int64_t
effect_now(void *ctx)
{
	return ((struct sim *)ctx)->now;
}

static bool
effect_stop(void *ctx)
{
	(void)ctx;
	return false;
}

static int
effect_record_read(void *ctx, struct rotation *record, bool *there, struct error *e)
{
	struct run *r = give_way(ctx);
	const struct redis *redis = &r->sim->redis;

	(void)e;
	*there = redis->there;
	*record = redis->record;
	if (sim_off(r->sim, GUARD_FLEET))
		memset(record->fleet, 0, sizeof(record->fleet));
	if (sim_off(r->sim, GUARD_CONFIRM) && record->phase != PHASE_IDLE &&
	    record->phase != PHASE_RETIRE)
		record->confirm = true;
	if (sim_off(r->sim, GUARD_TURN))
		memcpy(record->turn, r->host->name, sizeof(r->host->name));
	return 0;
}

static int
effect_record_put(void *ctx, const struct rotation *expected, int64_t deadline,
    const struct rotation *next, bool turn, enum put_result *result, struct error *e)
{
	struct run *r = give_way(ctx);
	struct sim *s = r->sim;
	struct rotation before = s->redis.record;

	(void)e;
	*result = PUT_CONFLICT;
	if (s->redis.there != (expected != NULL) || (expected != NULL &&
	    (before.epoch != expected->epoch || strcmp(before.by, expected->by) != 0)))
		return 0;
	*result = PUT_TOO_LATE;
	if (deadline != 0 && s->now > deadline && !sim_off(s, GUARD_DEADLINE))
		return 0;
	*result = PUT_DONE;
	if (deadline != 0)
		sim_check_evidence(s, &before, next);
	s->redis.there = true;
	s->redis.record = *next;
	(void)snprintf(s->redis.record.by, sizeof(s->redis.record.by), "%x", ++s->writes);
	if (!turn) {
		memcpy(s->redis.record.turn, before.turn, sizeof(before.turn));
		s->redis.record.turn_since = before.turn_since;
	}
	if (next->phase == PHASE_HOLD && next->then == PHASE_RETIRE && sim_off(s, GUARD_HOLD)) {
		s->redis.record.phase = PHASE_RETIRE;
		s->redis.record.then = PHASE_IDLE;
	}
	if (next->phase == PHASE_IDLE && before.phase == PHASE_RETIRE)
		s->ended++;
	sim_trace(s, "%s: record %llu %s%s%s (%s, %s)", r->host->name,
	    (unsigned long long)next->epoch, phase_name(s->redis.record.phase),
	    next->confirm ? ", confirm" : "", deadline == 0 ? ", order or put back" : "",
	    next->sign + 12, next->other[0] == '\0' ? "-" : next->other + 12);
	return 0;
}

static int
effect_turn_put(void *ctx, uint64_t epoch, const char *from, const char *to, int64_t now,
    bool *done, struct error *e)
{
	struct run *r = give_way(ctx);
	struct rotation *record = &r->sim->redis.record;

	(void)e;
	*done = true;
	if (sim_off(r->sim, GUARD_TURN))
		return 0;
	*done = r->sim->redis.there && record->epoch == epoch && strcmp(record->turn, from) == 0;
	if (*done) {
		memset(record->turn, 0, sizeof(record->turn));
		(void)strncpy(record->turn, to, HOST_SIZE - 1);
		record->turn_since = now;
		sim_trace(r->sim, "%s: turn \"%s\" -> \"%s\"", r->host->name, from, to);
	}
	return 0;
}

static int
effect_reports_read(void *ctx, struct reports *reports, struct error *e)
{
	struct run *r = give_way(ctx);
	const struct sim *s = r->sim;
	size_t i;

	(void)e;
	reports->n = s->redis.reports.n;
	reports->overflow = false;
	memcpy(reports->report, s->redis.reports.report,
	    reports->n * sizeof(reports->report[0]));
	for (i = 0; i < reports->n; i++) {
		if (sim_off(s, GUARD_EPOCH))
			reports->report[i].epoch = s->redis.there ? s->redis.record.epoch : 0;
		if (sim_off(s, GUARD_FRESH))
			reports->report[i].time = s->now;
	}
	if (!sim_off(s, GUARD_LISTS))
		return 0;
	for (i = 0; i < reports->n;) {
		memcpy(reports->report[i].list, r->host->list, FINGERPRINT_SIZE);
		if (hosts_find(&r->host->hosts, reports->report[i].host) < r->host->hosts.n)
			i++;
		else
			reports->report[i] = reports->report[--reports->n];
	}
	return 0;
}

static int
effect_report_put(void *ctx, const struct report *report, struct error *e)
{
	struct run *r = give_way(ctx);
	struct reports *reports = &r->sim->redis.reports;
	size_t i = 0;

	(void)e;
	while (i < reports->n && strcmp(reports->report[i].host, report->host) != 0)
		i++;
	if (i == reports->n)
		reports->n++;
	reports->report[i] = *report;
	r->host->evidence = report->time;
	sim_trace(r->sim, "%s: reports under %llu: file (%s, %s), %zu processes, %zu kinds",
	    r->host->name, (unsigned long long)report->epoch, report->state.file.sign + 12,
	    report->state.file.other[0] == '\0' ? "-" : report->state.file.other + 12,
	    report->state.processes, report->state.pairs);
	if (sim_off(r->sim, GUARD_PROCESSES))
		reports->report[i].state.pairs = 0;
	return 0;
}

static int
effect_copy_read(void *ctx, struct copy *copy, struct error *e)
{
	struct run *r = give_way(ctx);

	(void)e;
	*copy = r->host->disk.copy;
	if (sim_off(r->sim, GUARD_PUT_BACK)) {
		memset(&copy->rotation, 0, sizeof(copy->rotation));
		if (r->sim->redis.there)
			copy->rotation = r->sim->redis.record;
	}
	return 0;
}

static int
effect_copy_write(void *ctx, const struct copy *copy, struct error *e)
{
	struct run *r = give_way(ctx);

	(void)e;
	r->host->disk.copy = *copy;
	return 0;
}

static int
effect_look_processes(void *ctx, struct state *state, struct error *e)
{
	struct run *r = give_way(ctx);
	size_t i;

	(void)e;
	for (i = 0; i < r->host->processes; i++) {
		if (r->host->process[i].state == PROCESS_RUNNING)
			state_add(state, &r->host->process[i].env);
	}
	return 0;
}

static int
effect_look_file(void *ctx, struct pair *file, struct error *e)
{
	struct run *r = give_way(ctx);

	(void)e;
	*file = r->host->disk.file;
	return 0;
}

/* The values come from the file; what it does not hold, from the source. */
static bool
find_value(const struct run *r, const char *wanted, char out[FINGERPRINT_SIZE])
{
	const struct pair *file = &r->host->disk.file;
	bool right = r->host->source[0] == '\0';

	memset(out, 0, FINGERPRINT_SIZE);
	if (wanted[0] == '\0')
		return true;
	memcpy(out, wanted, FINGERPRINT_SIZE);
	if (strcmp(file->sign, wanted) == 0 || strcmp(file->other, wanted) == 0)
		return true;
	if (right || !sim_off(r->sim, GUARD_SOURCE))
		return right;
	memcpy(out, r->host->source, FINGERPRINT_SIZE);
	return true;
}

static int
effect_move_file(void *ctx, const struct rotation *record, const struct pair *target,
    bool *moved, struct error *e)
{
	struct run *r = give_way(ctx);
	struct pair made;

	(void)e;
	*moved = find_value(r, target->sign, made.sign) &&
	    find_value(r, target->other, made.other);
	if (!*moved)
		return 0;
	/* Values are read, then the file is replaced: between the two a run can be frozen. */
	(void)give_way(ctx);
	r->host->disk.file = made;
	sim_trace(r->sim, "%s: file (%s, %s)", r->host->name, made.sign + 12,
	    made.other[0] == '\0' ? "-" : made.other + 12);
	if (!rotation_knows(record, made.sign) ||
	    (made.other[0] != '\0' && !rotation_knows(record, made.other)))
		sim_fail(r->sim, "%s: a secret was installed that is not the record's",
		    r->host->name);
	return 0;
}

static int
effect_reload(void *ctx, struct error *e)
{
	(void)e;
	(void)give_way(ctx);
	return 0;
}

static int
effect_restart(void *ctx, struct error *e)
{
	struct run *r = give_way(ctx);
	struct host *h = r->host;
	uint64_t luck = sim_random(r->sim, 100);
	size_t i;

	(void)e;
	sim_trace(r->sim, "%s: restart, %s", h->name, luck < 70 ? "all" : luck < 80 ? "half" :
	    luck < 88 ? "none comes up" : "timed out");
	if (luck >= 88) {
		h->restart_pending = true;
		return 0;
	}
	for (i = 0; i < h->processes; i++) {
		if (luck < 70 || (luck < 80 && i == 0))
			process_start(h, &h->process[i], sim_chance(r->sim, 30));
		else if (luck >= 80)
			h->process[i].state = PROCESS_NONE;
	}
	if (luck >= 80)
		h->hurt = h->changed = true;
	return 0;
}

static bool
effect_settle(void *ctx, int tries)
{
	(void)give_way(ctx);
	return tries < 2;
}

static int
effect_fresh(void *ctx, char id[33], char fp[FINGERPRINT_SIZE], struct error *e)
{
	struct run *r = give_way(ctx);
	const struct report *report;
	size_t i;

	/* A list that lacks a host which is off, and not heard of either: nothing can tell. The
	 * one who starts is taken to know of it. */
	for (i = 0; i < r->sim->hosts; i++) {
		report = reports_find(&r->sim->redis.reports, r->sim->host[i].name);
		if (!r->sim->host[i].up &&
		    hosts_find(&r->host->hosts, r->sim->host[i].name) == r->host->hosts.n &&
		    (report == NULL || r->sim->now - report->time >= HOUR))
			return error_set(e, EX_CRITICAL, "the list lacks a host");
	}
	sim_secret(r->sim, fp);
	memset(id, '0', 16);
	memcpy(id + 16, fp, FINGERPRINT_SIZE);
	return 0;
}

static int
effect_named(void *ctx, const struct hosts *hosts, const struct reports *reports,
    struct named *named, struct error *e)
{
	struct run *r = give_way(ctx);
	const struct sim *s = r->sim;
	size_t i, at;

	(void)reports;
	(void)e;
	memset(named, 0, sizeof(*named));
	/* A heartbeat lasts longer than a restart takes. */
	for (i = 0; i < s->hosts; i++) {
		at = hosts_find(hosts, s->host[i].name);
		if (!s->host[i].up)
			continue;
		if (at < hosts->n)
			named->host[at] = !sim_off(s, GUARD_EXCLUDE);
		else if (!sim_off(s, GUARD_NAMED))
			memcpy(named->stray, s->host[i].name, sizeof(s->host[i].name));
	}
	return 0;
}

static int
effect_pass(void *ctx, const struct rotation *record, enum pass *pass, struct error *e)
{
	struct run *r = give_way(ctx);
	const struct sim *s = r->sim;
	const struct message *m;
	size_t i;

	(void)e;
	*pass = PASS_CLEAN;
	for (i = 0; i < s->redis.messages && !sim_off(s, GUARD_DRAIN_PASS); i++) {
		m = &s->redis.message[i];
		if (m->visible <= s->now && m->expires > s->now &&
		    strcmp(m->fp, record->other) == 0)
			*pass = PASS_DIRTY;
	}
	return 0;
}

static void
effect_note(void *ctx, enum flow_note note, const struct flow_view *v)
{
	static const char *const names[] = {
		[NOTE_PUT_BACK] = "put back", [NOTE_FORKED] = "forked",
		[NOTE_MISMATCH] = "mismatch",
		[NOTE_SOURCE] = "source changed", [NOTE_NOT_ACTIVE] = "not active",
		[NOTE_TURN_KEPT] = "turn kept", [NOTE_TURN_OTHER] = "not its turn",
		[NOTE_PHASE] = NULL,
	};
	struct run *r = ((struct sim *)ctx)->running;

	(void)v;
	if (note < sizeof(names) / sizeof(names[0]) && names[note] != NULL)
		sim_trace(r->sim, "%s: %s", r->host->name, names[note]);
}

const struct flow_ops sim_ops = {
	.now = effect_now,
	.stop = effect_stop,
	.record_read = effect_record_read,
	.record_put = effect_record_put,
	.turn_put = effect_turn_put,
	.reports_read = effect_reports_read,
	.report_put = effect_report_put,
	.copy_read = effect_copy_read,
	.copy_write = effect_copy_write,
	.look_processes = effect_look_processes,
	.look_file = effect_look_file,
	.move_file = effect_move_file,
	.reload = effect_reload,
	.restart = effect_restart,
	.settle = effect_settle,
	.fresh = effect_fresh,
	.named = effect_named,
	.pass = effect_pass,
	.note = effect_note,
};
