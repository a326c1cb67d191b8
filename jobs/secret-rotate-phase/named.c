#include <string.h>

#include "base/log.h"
#include "coordination/heartbeat.h"
#include "coordination/record.h"

#include "store.h"

/* Which hosts do heartbeats name? One pass over all heartbeats: ids say nothing of hosts. */

struct search {
	struct effects *x;
	const char *host;          /* this one is looked for, or, where it is NULL, ... */
	const struct hosts *among; /* ... one that is none of these */
	char found[HOST_SIZE];     /* "" = not yet */
	struct error error;
};

static bool
wanted(const struct search *s, const char *name)
{
	size_t i;

	if (s->host != NULL)
		return host_same(name, s->host);
	/* A short name that two of them have is one of them. */
	for (i = 0; i < s->among->n; i++)
		if (host_same(name, s->among->name[i]))
			return false;
	return true;
}

static void
read_name(struct search *s, struct bytes value)
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
		if (wanted(s, text))
			memcpy(s->found, text, name.n + 1);
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
		if (s->found[0] == '\0')
			read_name(s, value);
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
	return s->found[0] != '\0' || s->error.exit != 0;
}

static void
again(void *ctx)
{
	struct search *s = ctx;

	memset(&s->error, 0, sizeof(s->error));
}

static int
search(struct search *s, struct error *e)
{
	struct scan_callbacks callbacks = { .page = on_page, .ctx = s };
	struct scan_result result;

	if (run_scan(s->x->run, "blocking:heartbeat:*", &callbacks, again, 0, &result, e) == -1)
		return -1;
	if (s->found[0] != '\0')
		return 0;
	if (s->error.exit != 0) {
		*e = s->error;
		return -1;
	}
	if (!result.complete)
		return error_set(e, EX_TEMPFAIL,
		    "the run was stopped before it had looked at all heartbeats");
	return 0;
}

int
store_heartbeat(void *ctx, const char *host, bool *named, struct error *e)
{
	struct search s = { .x = ctx, .host = host };
	int rc = search(&s, e);

	*named = rc == 0 && s.found[0] != '\0';
	return rc;
}

int
store_unlisted(void *ctx, const struct hosts *hosts, char name[HOST_SIZE], struct error *e)
{
	struct search s = { .x = ctx, .among = hosts };
	int rc = search(&s, e);

	memcpy(name, s.found, HOST_SIZE);
	return rc;
}
