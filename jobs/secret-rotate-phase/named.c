#include <string.h>

#include "base/log.h"
#include "coordination/heartbeat.h"
#include "coordination/record.h"

#include "store.h"

/* Does a heartbeat name a host? One pass over all heartbeats: ids say nothing of hosts. */

struct search {
	struct effects *x;
	const char *host;
	bool named;
	struct error error;
};

static bool
names(struct bytes value, const char *host)
{
	struct record *record;
	struct bytes name;
	char text[HOST_SIZE];
	const char *why;
	bool same = false;

	record = record_parse(value, &why);
	if (record == NULL)
		return false;
	if ((record_text(record, "hostname", &name) || record_text(record, "host", &name)) &&
	    host_valid(name)) {
		memcpy(text, name.p, name.n);
		text[name.n] = '\0';
		same = host_same(text, host);
	}
	record_free(record);
	return same;
}

static void
on_heartbeat(void *ctx, size_t tag, const struct reply *r)
{
	struct search *s = ctx;
	struct bytes value;

	(void)tag;
	if (reply_string(r, &value)) {
		if (!s->named && names(value, s->host))
			s->named = true;
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
	return s->named || s->error.exit != 0;
}

static void
again(void *ctx)
{
	struct search *s = ctx;

	memset(&s->error, 0, sizeof(s->error));
}

int
store_heartbeat(void *ctx, const char *host, bool *named, struct error *e)
{
	struct search s = { .x = ctx, .host = host };
	struct scan_callbacks callbacks = { .page = on_page, .ctx = &s };
	struct scan_result result;

	*named = false;
	if (run_scan(s.x->run, "blocking:heartbeat:*", &callbacks, again, 0, &result, e) == -1)
		return -1;
	*named = s.named;
	if (s.named)
		return 0;
	if (s.error.exit != 0) {
		*e = s.error;
		return -1;
	}
	if (!result.complete)
		return error_set(e, EX_TEMPFAIL,
		    "the run was stopped before it had looked at all heartbeats");
	return 0;
}
