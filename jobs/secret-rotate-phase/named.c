#include <string.h>

#include "base/log.h"
#include "coordination/heartbeat.h"
#include "coordination/record.h"

#include "store.h"

/* Which hosts do heartbeats name? One pass over all of them: ids say nothing of hosts. */

struct search {
	struct effects *x;
	const struct hosts *hosts;
	const struct reports *reports;
	struct named *named;
	struct error error;
};

/* A coordinator may know its machine's name only, and not what the config calls the host. */
static bool
is_host(const struct search *s, const char *name, const char *host)
{
	const struct report *report = reports_find(s->reports, host);

	return host_same(name, host) || (report != NULL && report->machine[0] != '\0' &&
	    host_same(name, report->machine));
}

static void
enter_name(struct search *s, const char *name)
{
	bool found = false;
	size_t i;

	for (i = 0; i < s->hosts->n; i++) {
		if (is_host(s, name, s->hosts->name[i]))
			s->named->host[i] = found = true;
	}
	if (!found && s->named->stray[0] == '\0')
		memcpy(s->named->stray, name, strlen(name) + 1);
}

static void
enter_heartbeat(struct search *s, struct bytes value)
{
	struct record *record;
	struct bytes name;
	char text[HOST_SIZE];
	const char *why;

	record = record_parse(value, &why);
	if (record == NULL)
		return;
	if ((record_text(record, "hostname", &name) || record_text(record, "host", &name)) &&
	    host_valid(name)) {
		memcpy(text, name.p, name.n);
		text[name.n] = '\0';
		enter_name(s, text);
	}
	record_free(record);
}

static void
on_heartbeat(void *ctx, size_t tag, const struct reply *r)
{
	struct search *s = ctx;
	struct bytes value;

	(void)tag;
	if (reply_string(r, &value)) {
		enter_heartbeat(s, value);
		return;
	}
	/* A key of another type is nobody's heartbeat. */
	if (reply_error(r) != NULL && strncmp(reply_error(r), "WRONGTYPE", 9) == 0)
		return;
	if (s->error.exit == 0)
		(void)reply_fail(r, &s->error, "GETRANGE of a heartbeat");
}

static int
on_page(void *ctx, const struct bytes *keys, size_t n)
{
	struct search *s = ctx;
	size_t i;

	for (i = 0; i < n; i++)
		(void)CLIENT_ADD(s->x->client, CLIENT_REPEAT, on_heartbeat, s, i, B("GETRANGE"),
		    keys[i], B("0"), B(HEARTBEAT_LAST));
	return s->error.exit != 0;
}

static void
again(void *ctx)
{
	struct search *s = ctx;

	memset(&s->error, 0, sizeof(s->error));
	memset(s->named, 0, sizeof(*s->named));
}

int
store_named(void *ctx, const struct hosts *hosts, const struct reports *reports,
    struct named *named, struct error *e)
{
	struct search s = { .x = ctx, .hosts = hosts, .reports = reports, .named = named };
	struct scan_callbacks callbacks = { .page = on_page, .ctx = &s };
	struct scan_result result;

	memset(named, 0, sizeof(*named));
	if (run_scan(s.x->run, "blocking:heartbeat:*", &callbacks, again, 0, &result, e) == -1)
		return -1;
	if (s.error.exit != 0) {
		*e = s.error;
		return -1;
	}
	if (!result.complete)
		return error_set(e, EX_TEMPFAIL,
		    "the run was stopped before it had looked at all heartbeats");
	return 0;
}
