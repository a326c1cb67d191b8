#include "rotate.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"

#include "local.h"
#include "outlook.h"
#include "store.h"

/* How far a report may be ahead of our idea of Redis's clock, ms. */
#define TOLERANCE 5000
/* How long --catch-up waits for another host's word, ms: hosts that boot together find each
 * other in that time, and coordinators are waiting. */
#define CATCH_UP_WAIT 60000
#define CATCH_UP_LOOK 2000

int
rotate_check(const void *options, const struct settings *s, struct error *e)
{
	const struct rotate_options *o = options;

	(void)s;
	if (o->start + o->abort + o->rollback + o->skip_drain + o->catch_up + o->status +
	    (o->exclude_host != NULL) + (o->turn != NULL) > 1)
		return error_set(e, EX_USAGE, "--start, --abort, --rollback, --exclude-host, "
		    "--skip-drain, --turn, --catch-up and --status exclude one another");
	if (o->yes && !o->skip_drain)
		return error_set(e, EX_USAGE, "--yes goes with --skip-drain only");
	if (o->exclude_host != NULL && !host_valid(bytes_str(o->exclude_host)))
		return error_set(e, EX_USAGE, "--exclude-host: \"%.100s\" is no name of a host",
		    o->exclude_host);
	if (o->turn != NULL && !host_valid(bytes_str(o->turn)))
		return error_set(e, EX_USAGE, "--turn: \"%.100s\" is no name of a host, nor none",
		    o->turn);
	return 0;
}

/* ---- setting up ---- */

static int
set_up(struct rotate *t, struct error *e)
{
	const struct settings *s = t->settings;
	const char *self = s->rotate.host[0] != '\0' ? s->rotate.host : run_host(t->run);

	if (!host_valid(bytes_str(self)))
		return error_set(e, EX_CONFIG, "[secret-rotate-phase] host: \"%.100s\" is no name of a "
		    "host (letters, digits, \"-\", \"_\", \".\")", self);
	if (t->options->start && !s->rotate.coordinators_accept_other)
		return error_set(e, EX_CONFIG, "[secret-rotate-phase] coordinators_accept_other: is no. "
		    "A coordinator that does not accept what is signed with the secret in %s cannot "
		    "have its secret rotated without a stop; say yes once all do",
		    s->secrets.other_var);
	if (hosts_parse(s->rotate.hosts, &t->hosts, e) == -1)
		return -1;
	if (hosts_digest(&t->hosts, t->list) == -1)
		return error_set(e, EX_SOFTWARE, "OpenSSL cannot compute a digest");
	t->x = (struct effects){
		.run = t->run, .settings = s, .self = self, .lock = -1, .dry = run_dry(t->run),
	};
	effects_ops(&t->x, &t->ops);
	local_boot(t->boot);
	t->flow = (struct flow_settings){
		.phase = {
			.soak = s->rotate.soak, .drain = s->rotate.drain,
			.host_timeout = s->rotate.host_timeout, .max_age = s->rotate.max_age,
			.tolerance = TOLERANCE,
		},
		.self = self, .machine = run_host(t->run), .boot = t->boot,
		.uptime = clock_boot_ms(), .list = t->list, .catch_up = t->options->catch_up,
		.dry = t->x.dry, .trust = run_forced(t->run),
		.redis = run_target(t->run)->shown, .state_dir = s->rotate.state_dir,
	};
	return 0;
}

/* A host that boots brings its file up to date by its own copy if Redis cannot be reached. */
static int
connect_redis(struct rotate *t, struct error *unreachable, struct error *e)
{
	t->x.client = run_connect(t->run, e);
	if (t->x.client != NULL)
		return 0;
	if (!t->options->catch_up || e->exit != EX_UNAVAILABLE)
		return -1;
	*unreachable = *e;
	memset(e, 0, sizeof(*e));
	result_finding(run_result(t->run), "redis-unreachable", SEVERITY_WARNING, B(""),
	    "going by this host's copy of the record: %s", unreachable->text);
	return 0;
}

/* A host on which nothing is set up: cron and timers run the job wherever it is installed. */
static bool
is_no_host(const struct rotate *t)
{
	const struct rotate_options *o = t->options;

	return t->hosts.n == 0 && rotate_order(o) == ORDER_NONE && !o->status &&
	    access(t->settings->secrets.env_file, F_OK) == -1 && errno == ENOENT;
}

static struct outlook
look_out(struct rotate *t)
{
	struct outlook o = {
		.x = &t->x, .flow = &t->flow, .v = &t->v, .hosts = &t->hosts, .lost = t->lost,
		.uncounted = t->uncounted.exit == 0 ? NULL : t->uncounted.text,
	};

	/* With one host that is certain, its next run helps the others. */
	o.uncertain = t->v.rotation.epoch > 0 && !t->v.may_act &&
	    !phase_has_actor(&t->v.rotation, &t->v.reports, &t->flow.phase, t->ops.now(&t->x));
	outlook_make(&o);
	return o;
}

/* ---- --status ---- */

/* What is true, as a run would find it; nothing is put back. */
static int
read_record(struct rotate *t, struct error *e)
{
	struct flow_view *v = &t->v;
	struct error ignored = { 0 };
	struct rotation redis;
	enum merge merge;
	bool there, forked;

	if (store_record_read(&t->x, &redis, &there, e) == -1 ||
	    store_reports_read(&t->x, &v->reports, e) == -1)
		return -1;
	if (local_copy_read(&t->x, &v->copy, &ignored) == -1) {
		log_info("no-copy", "without this host's copy of the record: %s", ignored.text);
		memset(&v->copy, 0, sizeof(v->copy));
	}
	merge = phase_merge(there ? &redis : NULL, &v->copy.rotation, &forked);
	if (merge == MERGE_FOREIGN)
		return flow_foreign(&t->flow, &redis, &v->copy.rotation, e);
	t->lost = merge == MERGE_PUT_BACK;
	v->rotation = t->lost ? v->copy.rotation : redis;
	v->may_act = phase_may_act(&v->rotation, &v->copy.rotation, v->copy.reported, t->x.self,
	    &v->reports, &t->flow.phase, t->ops.now(&t->x));
	return 0;
}

static int
status(struct rotate *t, struct error *e)
{
	struct outlook o;

	t->x.client = run_connect(t->run, e);
	if (t->x.client == NULL || read_record(t, e) == -1)
		return -1;
	/* Not root, or no coordinator's host: all but this can be told. */
	if (drain_count(&t->x, &t->v.rotation, &t->x.in_flight, &t->uncounted) == -1) {
		if (t->uncounted.exit != EX_CONFIG && t->uncounted.exit != EX_NOINPUT &&
		    t->uncounted.exit != EX_IOERR) {
			*e = t->uncounted;
			return -1;
		}
	}
	o = look_out(t);
	outlook_findings(&o);
	outlook_table(&o);
	return outlook_json(&o) == -1 ? error_set(e, EX_SOFTWARE, "out of memory") : 0;
}

/* ---- a run ---- */

/* A host that was away may need another one to tell it that the record is the latest. */
static int
catch_up(struct rotate *t, struct error *e)
{
	int64_t left = CATCH_UP_WAIT, look = CATCH_UP_LOOK;

	while (flow_run(&t->ops, &t->flow, &t->v, e) == -1) {
		if (e->exit != EX_TEMPFAIL || t->v.may_act || t->x.client == NULL || t->x.dry ||
		    look > left || !run_sleep(t->run, look))
			return -1;
		left -= look;
		look *= 2;
		memset(e, 0, sizeof(*e));
		memset(&t->v, 0, sizeof(t->v));
	}
	return 0;
}

static int
whole_run(struct rotate *t, struct error *e)
{
	enum order order = rotate_order(t->options);
	bool started;

	if (order != ORDER_NONE && rotate_give_order(t, order, e) == -1)
		return -1;
	/* A dry run's order is written nowhere: a run would go by the record as it is. */
	if (order != ORDER_NONE && t->x.dry)
		return 0;
	if (t->options->catch_up)
		return catch_up(t, e);
	if (flow_run(&t->ops, &t->flow, &t->v, e) == -1) {
		/* By then the order has changed the record: it is not true that nothing was done. */
		if (order != ORDER_NONE && e->exit == EX_CANTCREAT)
			e->exit = EX_IOERR;
		return -1;
	}
	if (rotate_start_by_age(t, &started, e) == -1)
		return -1;
	return started ? flow_run(&t->ops, &t->flow, &t->v, e) : 0;
}

/* Without Redis, what it did not say is no other failure than that. */
static void
blame(const struct rotate *t, const struct error *unreachable, struct error *e)
{
	if (t->x.client == NULL && e->exit == EX_TEMPFAIL) {
		log_warn("not-certain", "%s", e->text);
		*e = *unreachable;
	}
	if (e->exit == EX_NOINPUT)
		e->exit = EX_CONFIG;
}

static int
tell(struct rotate *t, struct error *e)
{
	struct outlook o;

	/* Of a record that could not be read nothing is said. */
	if (!t->x.known)
		return 0;
	/* What the others said meanwhile, and our own report. */
	if (!t->x.dry && store_reports_read(&t->x, &t->v.reports, e) == -1)
		return -1;
	o = look_out(t);
	outlook_findings(&o);
	outlook_metrics(&o);
	outlook_say(&o);
	return outlook_json(&o) == -1 ? error_set(e, EX_SOFTWARE, "out of memory") : 0;
}

static int
run_locked(struct rotate *t, const struct error *unreachable, struct error *e)
{
	struct error later = { 0 };
	int rc = whole_run(t, e);

	if (rc == -1)
		blame(t, unreachable, e);
	/* Who had to stop halfway through still says what is known. */
	if (rc == -1 && e->exit != EX_CRITICAL && e->exit != EX_TEMPFAIL && e->exit != EX_IOERR)
		return -1;
	if (tell(t, &later) == -1 && rc == 0) {
		*e = later;
		return -1;
	}
	return rc;
}

int
rotate_run(struct run *run, struct error *e)
{
	struct rotate *t = calloc(1, sizeof(*t));
	struct error unreachable = { 0 };
	int rc;

	if (t == NULL)
		return error_set(e, EX_SOFTWARE, "out of memory");
	t->run = run;
	t->options = run_options(run);
	t->settings = run_settings(run);
	rc = set_up(t, e);
	if (rc == 0 && is_no_host(t)) {
		result_say(run_result(run), "Nothing to do: [secret-rotate-phase] hosts is empty, and there "
		    "is no %s", t->settings->secrets.env_file);
	} else if (rc == 0 && t->options->status) {
		rc = status(t, e);
	} else if (rc == 0) {
		rc = connect_redis(t, &unreachable, e);
		if (rc == 0)
			rc = local_lock(&t->x, e);
		if (rc == 0)
			rc = run_locked(t, &unreachable, e);
		local_unlock(&t->x);
	}
	in_flight_free(&t->x.in_flight);
	free(t);
	return rc;
}
