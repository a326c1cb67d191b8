#include "job/run_data.h"

#include <stdio.h>

#include "base/clock.h"
#include "base/duration.h"
#include "coordination/hold.h"

/* A run that goes on looks so often whether it is to stop. */
#define PAUSE_LOOK_MS 1000

/* Connect. A run that changes nothing may as well look at a replica. */
static int
open_client(struct run *r, bool need_master, struct error *e)
{
	const struct settings *s = &r->settings;
	struct client_options o = {
		.transport = {
			.unix_path = r->target.unix_path,
			.host = r->target.host,
			.port = r->target.port,
			.tls = r->target.tls,
			.tls_ca_file = s->redis.tls_ca_file,
			.tls_cert_file = s->redis.tls_cert_file,
			.tls_key_file = s->redis.tls_key_file,
			.tls_server_name = s->redis.tls_server_name,
		},
		.username = r->target.username,
		.password = r->target.password,
		.db = r->target.db,
		.name = r->client_name,
		.need_master = need_master,
		.connect_timeout = s->redis.connect_timeout,
		.timeout = s->redis.timeout,
		.retries = (int)s->redis.retries,
		.backoff = s->redis.backoff,
		.backoff_max = s->redis.backoff_max,
		.run_deadline = r->deadline,
		.cancelled = signals_came,
	};

	if (r->client != NULL)
		return 0;
	(void)snprintf(r->client_name, sizeof(r->client_name), "coordkeep-%s", r->job->name);
	r->client = client_open(&o, e);
	if (r->client == NULL)
		return -1;
	log_debug("connected", "%s, version %d, round trip %lld us", r->target.shown,
	    client_server(r->client)->version,
	    (long long)client_server(r->client)->round_trip_us);
	return 0;
}

/* "paused for another 12m: maintenance". */
static void
describe_pause(const struct buf *reason, int64_t left_ms, struct buf *out)
{
	char left[32];

	if (left_ms < 0)
		buf_str(out, "paused without an end: ");
	else {
		duration_human(left_ms, left, sizeof(left));
		buf_printf(out, "paused for another %s: ", left);
	}
	buf_add(out, reason->p, reason->n < 200 ? reason->n : 200);
}

/* -1 with EX_TEMPFAIL if there is a pause that stops this run. */
static int
check_pause(struct run *r, struct error *e)
{
	struct buf reason = { 0 }, text = { 0 };
	int64_t left;
	bool paused;
	int rc = 0;

	if (r->options.read_only || r->job->read_only || r->options.command != COMMAND_RUN)
		return 0;
	r->pause_looked = clock_mono_ms();
	if (pause_get(r->client, &paused, &reason, &left, e))
		rc = -1;
	else if (paused) {
		describe_pause(&reason, left, &text);
		if (buf_cstr(&text) == NULL)
			rc = error_set(e, EX_SOFTWARE, "out of memory");
		else if (r->options.in_pause)
			log_warn("paused", "%s; this is not stopped by it", text.p);
		else if (r->options.force > 0)
			log_warn("paused", "%s; going on, since --force was given", text.p);
		else if (r->options.dry)
			log_warn("paused", "%s; a real run would be stopped", text.p);
		else {
			r->calm = true;
			rc = error_set(e, EX_TEMPFAIL, "%s (%s --resume ends it)", text.p,
			    r->job->name);
		}
	}
	buf_free(&reason);
	buf_free(&text);
	return rc;
}

bool
run_pause_is_due(const struct run *r)
{

	return run_changes(r) && !r->options.in_pause && r->options.force == 0 &&
	    clock_mono_ms() - r->pause_looked >= PAUSE_LOOK_MS;
}

int
run_obey_pause(struct run *r, struct error *e)
{

	return run_pause_is_due(r) ? check_pause(r, e) : 0;
}

struct client *
run_connect(struct run *r, struct error *e)
{

	if (r->client != NULL)
		return r->client;
	if (open_client(r, !r->options.dry && !r->options.read_only, e))
		return NULL;
	if (check_pause(r, e) == 0)
		return r->client;
	client_close(r->client);
	r->client = NULL;
	return NULL;
}

int
run_load_holds(struct run *r, struct holds *h, struct error *e)
{
	struct bytes id;
	size_t at = 0;
	void *until;

	if (holds_load(r->client, h, e) != 0)
		return -1;
	if (r->options.read_only || result_has_finding(r->result, "hold-unreadable"))
		return 0;
	while (map_next(h->until, &at, &id, &until))
		if (*(const int64_t *)until == HOLD_UNREADABLE)
			result_finding(r->result, "hold-unreadable", SEVERITY_WARNING, id,
			    "its entry in " HOLD_KEY " is no time in ms since 1970: the jobs keep off it until "
			    "that is mended, or removed (HDEL " HOLD_KEY " ID)");
	return 0;
}

/* There is a pause that lasts longer. */
static int
refuse_pause(struct run *r, const struct buf *reason, int64_t left, struct error *e)
{
	struct buf text = { 0 };
	char date[40];
	int rc;

	describe_pause(reason, left, &text);
	clock_rfc3339(client_now_ms(r->client) + left, 0, date, sizeof(date));
	rc = error_set(e, EX_CRITICAL, "%s%s%s%s: that lasts longer, and stays; --force replaces it",
	    buf_cstr(&text) != NULL ? text.p : "paused", left < 0 ? "" : " (until ",
	    left < 0 ? "" : date, left < 0 ? "" : ")");
	buf_free(&text);
	return rc;
}

int
run_pause(struct run *r, struct error *e)
{
	const char *reason = r->options.reason;
	const int64_t ms = r->options.pause_ms;
	const bool dry = r->options.dry, force = r->options.force > 0;
	struct buf other = { 0 };
	char given[320], span[32];
	bool paused = false, set = true;
	int64_t left = 0;
	int rc = 0;

	if (open_client(r, !dry, e))
		return -1;
	if (reason == NULL) {
		(void)snprintf(given, sizeof(given), "no reason given, on %s", r->host);
		reason = given;
	}
	if (!dry)
		rc = pause_set(r->client, reason, ms, force, &set, e);
	if (rc == 0 && !force && (dry || !set))
		rc = pause_get(r->client, &paused, &other, &left, e);
	if (rc == 0 && !set && !paused) /* it has just ended */
		rc = pause_set(r->client, reason, ms, true, &set, e);
	if (rc == 0 && (!set || (paused && (left < 0 || left > ms))))
		rc = refuse_pause(r, &other, left, e);
	buf_free(&other);
	if (rc != 0)
		return -1;
	duration_human(ms, span, sizeof(span));
	result_action(r->result, "pause", B(PAUSE_KEY), "paused for %s: %s", span, reason);
	result_say(r->result, "%s for %s: %s", dry ? "Would be paused" : "Paused", span, reason);
	if (!dry)
		result_say(r->result, "Until then every job that changes state ends at once with 75; "
		    "%s --resume ends the pause.", r->job->name);
	return 0;
}

int
run_resume(struct run *r, struct error *e)
{
	struct buf reason = { 0 };
	int64_t left;
	bool was;
	int rc;

	if (open_client(r, !r->options.dry, e))
		return -1;
	if (r->options.dry)
		rc = pause_get(r->client, &was, &reason, &left, e);
	else
		rc = pause_clear(r->client, &was, e);
	buf_free(&reason);
	if (rc != 0)
		return -1;
	if (was)
		result_action(r->result, "resume", B(PAUSE_KEY), "the pause was ended");
	result_say(r->result, !was ? "There was no pause." : r->options.dry ?
	    "The pause would be ended." : "The pause is over.");
	return 0;
}
