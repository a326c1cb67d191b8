#include "report.h"

#include <stdlib.h>

#include "base/bytes.h"
#include "redis/script.h"

/* More hosts than that do not report clocks: the key is something else. */
#define HOSTS_MAX 10000
/* An entry that nobody has renewed for so long is of a host that is gone. */
#define FORGET_MS INT64_C(86400000)

/* Both in one step, so that the hash never stays without an expiry. Hosts can
 * have different report_ttls: the longest counts. */
static const char write_body[] =
    "redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])\n"
    "if redis.call('PTTL', KEYS[1]) < tonumber(ARGV[3]) then\n"
    "  redis.call('PEXPIRE', KEYS[1], ARGV[3])\n"
    "end\n"
    "return 1\n";

/* Only what was read: the host may have come back. */
static const char forget_body[] =
    "if redis.call('HGET', KEYS[1], ARGV[1]) == ARGV[2] then\n"
    "  return redis.call('HDEL', KEYS[1], ARGV[1])\n"
    "end\n"
    "return 0\n";

/* Run a script; an error reply becomes a finding and *refused. -1 with ${e}: no reply. */
static int
call(struct run *run, const char *name, const char *body, size_t argc, const struct bytes *argv,
    const char *what, struct error *refused, struct error *e)
{
	struct client *c = run_client(run);
	struct script s;
	struct reply *r;
	int64_t v;

	script_init(&s, name, body);
	r = script_call(c, &s, CLIENT_REPEAT, 1, argc, argv);
	if (r == NULL) {
		*e = *client_error(c);
		return -1;
	}
	if (!reply_integer(r, &v)) {
		(void)reply_fail(r, refused, "%s", what);
		result_finding(run_result(run), "report-refused", SEVERITY_WARNING, B(FLEET_KEY),
		    "the other hosts cannot compare their clocks with this one's: %s",
		    refused->text);
	}
	reply_free(r);
	return 0;
}

int
report_write(struct run *run, const struct fleet_report *own, int64_t ttl, struct error *refused,
    struct error *e)
{
	struct buf value = { 0 };
	char ms[24];
	int outcome;

	fleet_format(own, &value);
	if (value.failed) {
		buf_free(&value);
		return error_set(e, EX_SOFTWARE, "out of memory");
	}
	if (run_dry(run)) {
		buf_free(&value);
		return 0;
	}
	outcome = call(run, "clock-report", write_body, 4, (struct bytes[]){ B(FLEET_KEY),
	    own->host, buf_view(&value), bytes_of_int(ttl, ms) },
	    "writing this host's report", refused, e);
	buf_free(&value);
	return outcome;
}

static int
forget(struct run *run, struct bytes host, struct bytes value, struct error *refused,
    struct error *e)
{

	if (run_dry(run))
		return 0;
	return call(run, "clock-forget", forget_body, 3, (struct bytes[]){ B(FLEET_KEY), host,
	    value }, "removing the report of a host that is gone", refused, e);
}

/* One entry of the hash. */
static int
enter(struct run *run, struct bytes host, struct bytes value, const char *reference, int64_t now,
    int64_t ttl, struct fleet *fleet, struct error *e)
{
	struct fleet_report r = { .host = host };
	struct buf shown = { 0 };

	if (!fleet_parse(value, &r)) {
		fleet->corrupt++;
		buf_escaped(&shown, value, 60);
		result_finding(run_result(run), "report-corrupt", SEVERITY_WARNING, host,
		    "its report in " FLEET_KEY " cannot be read (\"%s\") and does not count; its "
		    "next run of clock-audit mends it, or: redis-cli HDEL " FLEET_KEY " HOST",
		    shown.failed ? "" : buf_cstr(&shown));
		buf_free(&shown);
		return 0;
	}
	switch (fleet_use(&r, reference, now, ttl)) {
	case FLEET_FRESH:
		fleet->reports[fleet->n++] = r;
		return 0;
	case FLEET_ELSEWHERE:
		fleet->elsewhere++;
		return 0;
	case FLEET_FUTURE:
		/* It cannot be right, and would stay for as long. */
		fleet->old++;
		return forget(run, host, value, &fleet->refused, e);
	case FLEET_OLD:
		fleet->old++;
		if (now - r.at > FORGET_MS && now - r.at > ttl)
			return forget(run, host, value, &fleet->refused, e);
		return 0;
	}
	return 0;
}

/* NULL: there is nothing to compare with, and *refused says why; *outcome -1 with ${e} if that is
 * an error. */
static struct reply *
fetch(struct run *run, int *outcome, struct error *refused, struct error *e)
{
	struct client *c = run_client(run);
	struct reply *r = CLIENT_CALL(c, CLIENT_REPEAT, B("HLEN"), B(FLEET_KEY));
	int64_t hosts = 0;
	size_t n;

	*outcome = 0;
	if (r != NULL && reply_integer(r, &hosts) && hosts <= HOSTS_MAX) {
		reply_free(r);
		r = CLIENT_CALL(c, CLIENT_REPEAT, B("HGETALL"), B(FLEET_KEY));
	}
	if (r == NULL) {
		*e = *client_error(c);
		*outcome = -1;
		return NULL;
	}
	if (reply_array(r, &n))
		return r;
	if (hosts > HOSTS_MAX)
		(void)error_set(refused, EX_CRITICAL, "it holds %lld entries", (long long)hosts);
	else
		(void)reply_fail(r, refused, "reading the hosts' reports");
	result_finding(run_result(run), "reports-unreadable", SEVERITY_WARNING, B(FLEET_KEY),
	    "this host's clock cannot be compared with the other hosts': %s", refused->text);
	reply_free(r);
	return NULL;
}

int
report_read(struct run *run, struct fleet_report *own, const char *reference, int64_t now,
    int64_t ttl, struct fleet *fleet, struct error *e)
{
	struct fleet_report before = { 0 };
	struct bytes host, value;
	size_t n = 0, i;
	int outcome;

	fleet->reply = fetch(run, &outcome, &fleet->refused, e);
	if (outcome != 0)
		return -1;
	if (fleet->reply != NULL)
		(void)reply_array(fleet->reply, &n);
	fleet->reports = calloc(n / 2 + 1, sizeof(*fleet->reports));
	if (fleet->reports == NULL)
		return error_set(e, EX_SOFTWARE, "out of memory");
	for (i = 0; i + 1 < n && outcome == 0; i += 2) {
		if (!reply_string(reply_at(fleet->reply, i), &host) ||
		    !reply_string(reply_at(fleet->reply, i + 1), &value))
			return error_set(e, EX_PROTOCOL, "HGETALL: an entry that is no string");
		if (own != NULL && bytes_equal(host, own->host)) {
			if (fleet_parse(value, &before))
				fleet_continue(own, &before);
		} else
			outcome = enter(run, host, value, reference, now, ttl, fleet, e);
	}
	n = fleet->n;
	fleet->n = fleet_steady(fleet->reports, n, own);
	fleet->before_step = n - fleet->n;
	if (own != NULL) {
		fleet->own = fleet->n;
		fleet->has_own = true;
		fleet->reports[fleet->n++] = *own;
	}
	return outcome;
}

void
report_free(struct fleet *fleet)
{
	free(fleet->reports);
	reply_free(fleet->reply);
	*fleet = (struct fleet){ 0 };
}
