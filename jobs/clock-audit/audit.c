#include "audit.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

/*
 * Do the clocks agree well enough for timestamps and signatures to mean
 * anything? Measure this host's clock against Redis's; ask the kernel; look at
 * what the coordinators stamp; leave what was measured for the other hosts, and
 * compare with what they left.
 */

/* How far run_now() can be off what was measured here, in ms. */
static int64_t
slack_of(const struct audit *a)
{
	const struct clock_offset *o = &a->measured.offset;
	int64_t here;

	if (!o->valid)
		return 1000;
	here = (clock_wall_us() - o->offset) / 1000;
	return 2 + o->error / 1000 + llabs(here - run_now(a->run));
}

/* What this host reports of itself. */
static struct fleet_report
own_report(const struct audit *a)
{
	struct fleet_report r = {
		.host = a->host,
		.offset = a->measured.offset.offset,
		.error = a->measured.offset.error,
		.at = a->measured.offset.server / 1000,
		.mono = a->measured.offset.mono / 1000,
	};

	memcpy(r.reference, client_server(run_client(a->run))->run_id, FLEET_REFERENCE);
	return r;
}

static int
compare_hosts(struct audit *a, struct error *e)
{
	const int64_t ttl = a->settings->clock_audit.report_ttl;
	struct fleet_report own = own_report(a);
	struct fleet_report *mine = a->measured.offset.valid ? &own : NULL;

	a->now = run_now(a->run);
	if (report_read(a->run, mine, own.reference, a->now, ttl, &a->fleet, e) == -1)
		return -1;
	if (mine != NULL && report_write(a->run, mine, ttl, &a->fleet.refused, e) == -1)
		return -1;
	a->pair = fleet_worst(a->fleet.reports, a->fleet.n);
	return 0;
}

static void
count(struct audit *a)
{
	result_count(a->result, "samples", (int64_t)a->measured.taken);
	result_count(a->result, "coordinators", a->survey.heartbeats);
	result_count(a->result, "signals", a->survey.signals);
	result_count(a->result, "acks", a->survey.acks);
	result_count(a->result, "too-large", a->survey.too_large);
	result_count(a->result, "heartbeats-old", a->survey.old);
	result_count(a->result, "heartbeats-silent", a->survey.silent);
	result_count(a->result, "hosts", (int64_t)a->fleet.n);
	result_count(a->result, "hosts-old", (int64_t)a->fleet.old);
	result_count(a->result, "hosts-elsewhere", (int64_t)a->fleet.elsewhere);
	result_count(a->result, "hosts-before-step", (int64_t)a->fleet.before_step);
}

static int
audit(struct audit *a, struct error *e)
{
	const size_t samples = (size_t)a->settings->clock_audit.samples;

	if (measure_take(a->run, samples, &a->measured, e) == -1)
		return -1;
	a->kernel = kernel_read();
	if (survey_take(a->run, slack_of(a), &a->survey, e) == -1)
		return -1;
	/* The pass took a while: what was measured before it has to hold still. */
	if (measure_check(a->run, samples, &a->measured, e) == -1)
		return -1;
	if (compare_hosts(a, e) == -1)
		return -1;
	a->writers = named_list(a->survey.writers, &a->writers_n);
	if (a->writers == NULL)
		return error_set(e, EX_SOFTWARE, "out of memory");
	count(a);
	audit_findings(a);
	audit_metrics(a);
	audit_text(a);
	if (audit_json(a) == -1)
		return error_set(e, EX_SOFTWARE, "out of memory");
	/* All that could be audited is told; the missing permission is for somebody to mend. */
	if (a->fleet.refused.exit == EX_NOPERM) {
		*e = a->fleet.refused;
		return -1;
	}
	return 0;
}

int
audit_run(struct run *run, struct error *e)
{
	struct audit a = {
		.run = run,
		.settings = run_settings(run),
		.result = run_result(run),
	};
	int outcome;

	a.host = bytes_str(a.settings->clock_audit.host);
	if (a.host.n == 0)
		a.host = bytes_str(run_host(run));
	if (a.host.n == 0)
		a.host = B("localhost");
	outcome = audit(&a, e);
	free(a.writers);
	survey_free(&a.survey);
	report_free(&a.fleet);
	return outcome;
}
