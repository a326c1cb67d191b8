/*
 * A job that does nothing but what its options ask for: the life of a run can
 * be tested with it, and the documents that come from the options' table are
 * printed by it.
 */
#include <stddef.h>
#include <stdlib.h>

#include "base/clock.h"
#include "job/run.h"

struct nop_options {
	const char *fail;
	const char *finding;
	const char *critical;
	const char *failed;
	const char *say;
	const char *hook;
	const char *counter;
	const char *gauge;
	int64_t sleep;
	int64_t beats;
	bool scan;
	bool act;
	bool list;
	bool ask;
	bool all;
	bool unread;
	int level;
};

#define AT(field) offsetof(struct nop_options, field)

static const struct job_option options[] = {
	{ "fail", "CODE", OPTION_STRING, AT(fail), "end early with this code", false, false, 0 },
	{ "finding", "KEY", OPTION_STRING, AT(finding), "make a finding", false, false, 0 },
	{ "critical", "KEY", OPTION_STRING, AT(critical), "make a critical finding", false, false, 0 },
	{ "failed", "KEY", OPTION_STRING, AT(failed), "fail on a key", false, false, 0 },
	{ "say", "TEXT", OPTION_STRING, AT(say), "say something", false, false, 0 },
	{ "hook", "COMMAND", OPTION_STRING, AT(hook), "run a hook", false, false, 0 },
	{ "counter", "NUMBER", OPTION_STRING, AT(counter), "add to a counter", false, false, 0 },
	{ "gauge", "NUMBER", OPTION_STRING, AT(gauge), "set a gauge", false, false, 0 },
	{ "sleep", "DURATION", OPTION_DURATION, AT(sleep), "wait", false, false, 0 },
	{ "beats", "DURATION", OPTION_DURATION, AT(beats), "work in batches for that long", false, false, 0 },
	{ "scan", NULL, OPTION_FLAG, AT(scan), "scan the keyspace", false, false, 0 },
	{ "act", NULL, OPTION_FLAG, AT(act), "write coordkeep:nop", false, false, 0 },
	{ "list", NULL, OPTION_FLAG, AT(list), "a mode that changes nothing", true, false, 0 },
	{ "ask", NULL, OPTION_FLAG, AT(ask), "ask before anything is done", false, false, 0 },
	{ "all", NULL, OPTION_FLAG, AT(all), "take the leases of all jobs", false, false, 0 },
	{ "unread", NULL, OPTION_FLAG, AT(unread), "contradicts --list", false, false, 0 },
	{ "level", NULL, OPTION_COUNT, AT(level), "can be given several times", false, false, 0 },
	{ NULL, NULL, OPTION_FLAG, 0, NULL, false, false, 0 }
};

static int
nop_check(const void *opts, const struct settings *s, struct error *e)
{
	const struct nop_options *o = opts;

	(void)s;
	if (o->list && o->unread)
		return error_set(e, EX_USAGE, "--list and --unread cannot be given together");
	return 0;
}

static int
on_page(void *ctx, const struct bytes *keys, size_t n)
{

	(void)ctx;
	(void)keys;
	(void)n;
	return 0;
}

static int
scan(struct run *r, struct error *e)
{
	struct scan_callbacks callbacks = { on_page, NULL, NULL, NULL };
	struct scan_result result;

	if (run_scan(r, NULL, &callbacks, NULL, 0, &result, e))
		return -1;
	result_say(run_result(r), "%llu keys", (unsigned long long)result.keys);
	return 0;
}

static int
act(struct run *r, struct error *e)
{
	struct reply *reply;
	int rc = 0;

	result_action(run_result(r), "write", B("coordkeep:nop"), "coordkeep:nop written");
	if (run_dry(r))
		return 0;
	reply = CLIENT_CALL(run_client(r), CLIENT_REPEAT, B("SET"), B("coordkeep:nop"), B("1"),
	    B("EX"), B("60"));
	if (reply == NULL || reply_error(reply) != NULL)
		rc = reply_fail(reply, e, "SET coordkeep:nop");
	reply_free(reply);
	return rc;
}

/* Batch after batch, as a job works. */
static int
beats(struct run *r, int64_t ms, struct error *e)
{
	int64_t until = run_now(r) + ms;

	result_say(run_result(r), "begun");
	while (run_now(r) < until && !run_should_stop(r)) {
		(void)clock_sleep_ms(50);
		if (run_keep_lease(r, e))
			return -1;
	}
	return 0;
}

static void
note(struct run *r, const struct nop_options *o)
{
	struct result *res = run_result(r);

	if (o->finding != NULL)
		result_finding(res, "nop-finding", SEVERITY_WARNING, bytes_str(o->finding),
		    "%s was found", o->finding);
	if (o->critical != NULL)
		result_finding(res, "nop-critical", SEVERITY_CRITICAL, bytes_str(o->critical),
		    "%s is bad", o->critical);
	if (o->failed != NULL)
		result_failed(res, "nop-failed", bytes_str(o->failed), "%s failed", o->failed);
	if (o->counter != NULL)
		result_counter(res, "nop_things_total", "Things counted.", atof(o->counter));
	if (o->gauge != NULL) {
		result_gauge(res, "nop_level", "The level.", atof(o->gauge));
		result_gauge_labelled(res, "nop_levels", "The levels.", "id",
		    bytes_str(o->finding == NULL ? "none" : o->finding), atof(o->gauge));
	}
	if (o->say != NULL)
		result_say(res, "%s", o->say);
	if (o->hook != NULL)
		run_hook(r, "on_nop", o->hook, B("{\"nop\":true}\n"));
}

static int
nop_run(struct run *r, struct error *e)
{
	const struct nop_options *o = run_options(r);

	if (o->ask && !run_ask(r, "Really?")) {
		result_say(run_result(r), "not confirmed");
		return 0;
	}
	if (o->all && run_take_all_leases(r, e))
		return -1;
	note(r, o);
	if (o->scan && scan(r, e))
		return -1;
	if (o->act && act(r, e))
		return -1;
	if (o->sleep > 0 && run_sleep(r, o->sleep))
		result_say(run_result(r), "slept");
	if (o->beats > 0 && beats(r, o->beats, e))
		return -1;
	if (o->fail != NULL)
		return error_set(e, atoi(o->fail), "asked to fail with %s", o->fail);
	result_object(run_result(r), "nop", json_pack("{s:i}", "level", o->level));
	return 0;
}

static const struct job nop = {
	.name = "nop",
	.summary = "Do nothing but what the options ask for.",
	.example = "nop --say hello",
	.options = options,
	.options_size = sizeof(struct nop_options),
	.check = nop_check,
	.run = nop_run,
};

int
main(int argc, char **argv)
{

	return job_main(&nop, argc, argv);
}
