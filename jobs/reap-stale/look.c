#include <stdlib.h>
#include <string.h>

#include "look.h"

#include "coordination/heartbeat.h"
#include "coordination/keys.h"
#include "coordination/record.h"

/* In gentle mode so many are looked at in one exchange. */
#define IDS 100
/* In fast mode so many are under way: the server works while replies are read. */
#define READINGS 200

bool
look_heartbeat(int64_t pttl, const struct reply *value, struct look *l)
{
	struct stamp stamp = { 0 };
	struct bytes bytes;
	const char *error;

	l->form = HEARTBEAT_ABSENT;
	l->pttl = pttl;
	if (pttl == -2)
		return true;
	if ((error = reply_error(value)) != NULL) {
		l->form = HEARTBEAT_UNREADABLE;
		l->why = "is not a string";
		l->digest = roster_digest(B(""));
		return strncmp(error, "WRONGTYPE", 9) == 0;
	}
	if (!reply_string(value, &bytes))
		return false;
	l->digest = roster_digest(bytes);
	l->form = heartbeat_read(bytes, &stamp, &l->why);
	l->stamp = stamp.ms;
	return true;
}

/* One id's replies, in the order sent: the activity first, copied, so that the
 * heartbeat's bytes, which live in their callback only, need no copy. */
struct reading {
	struct roster *roster;
	struct bytes id;
	int64_t now;
	struct look *look;
	struct buf activity;
	size_t unanswered; /* of its commands */
	int failed;
	struct error *error;
};

int
look_refused(struct error *e)
{
	return error_set(e, EX_NOPERM, "its activity record may not be read (NOPERM)");
}

static void
on_activity(void *ctx, size_t tag, const struct reply *r)
{
	struct reading *g = ctx;
	struct record *record;
	struct stamp stamp;
	struct bytes bytes;
	const char *why, *error = reply_error(r);

	(void)tag;
	if (reply_refuses_key(r)) {
		g->look->refused = true;
		return;
	}
	if (!reply_string(r, &bytes)) {
		/* No evidence in an activity of another type; anything else is an error. */
		if (error == NULL || strncmp(error, "WRONGTYPE", 9) != 0)
			g->failed = reply_fail(r, g->error, "reading an activity record");
		return;
	}
	if (bytes.n == 0)
		return;
	buf_bytes(&g->activity, bytes);
	g->look->activity_digest = roster_digest(bytes);
	if ((record = record_parse(bytes, &why)) != NULL &&
	    record_activity_time(record, &stamp)) {
		g->look->activity = true;
		g->look->activity_stamp = stamp.ms;
	}
	record_free(record);
}

static void
on_pttl(void *ctx, size_t tag, const struct reply *r)
{
	struct reading *g = ctx;

	(void)tag;
	if (!reply_integer(r, &g->look->pttl))
		g->failed = reply_fail(r, g->error, "reading a heartbeat's TTL");
}

static void
on_value(void *ctx, size_t tag, const struct reply *r)
{
	struct reading *g = ctx;
	struct sight sight = { .now = g->now, .heartbeat_pttl = g->look->pttl };

	(void)tag;
	if (g->failed != 0)
		return;
	if (!look_heartbeat(g->look->pttl, r, g->look)) {
		g->failed = reply_fail(r, g->error, "reading a heartbeat");
		return;
	}
	sight.heartbeat = g->look->form != HEARTBEAT_ABSENT;
	if (sight.heartbeat)
		reply_string(r, &sight.heartbeat_bytes);
	if (script_sha1(sight.heartbeat_bytes, g->look->sha1) != 0)
		g->failed = error_set(g->error, EX_SOFTWARE, "SHA-1 is not available");
	sight.activity = g->activity.n > 0;
	sight.activity_bytes = buf_view(&g->activity);
	if (roster_observe(g->roster, g->id, &sight) == NULL)
		g->failed = error_set(g->error, EX_SOFTWARE, "out of memory");
}

static int
queue(struct client *c, struct reading *g)
{
	struct buf key = { 0 };
	int outcome;

	key_make(&key, FAMILY_ACTIVITY, g->id);
	outcome = key.failed ? -1 :
	    CLIENT_ADD(c, CLIENT_REPEAT, on_activity, g, 0, B("GETRANGE"), buf_view(&key),
	        B("0"), B(HEARTBEAT_LAST));
	buf_reset(&key);
	key_make(&key, FAMILY_HEARTBEAT, g->id);
	if (outcome == 0 && !key.failed)
		outcome = CLIENT_ADD(c, CLIENT_REPEAT, on_pttl, g, 0, B("PTTL"), buf_view(&key));
	if (outcome == 0 && g->roster != NULL && !key.failed)
		outcome = CLIENT_ADD(c, CLIENT_REPEAT, on_value, g, 0, B("GETRANGE"),
		    buf_view(&key), B("0"), B(HEARTBEAT_LAST));
	if (key.failed)
		outcome = -1;
	buf_free(&key);
	return outcome;
}

static int
lost(const struct client *c, struct error *e)
{
	*e = *client_error(c);
	return -1;
}

/* Wait until ${g} is answered. */
static int
await(struct client *c, const struct reading *g, struct error *e)
{
	while (g->unanswered > 0)
		if (client_step(c) != 0)
			return lost(c, e);
	return g->failed;
}

/* Ask for what ${next} is to hold, in the place of ${g}, which is answered. */
static int
look_next(struct client *c, struct reading *g, struct reading next)
{
	int outcome;

	next.activity = g->activity;
	buf_reset(&next.activity);
	*g = next;
	*g->look = (struct look){ .pttl = TTL_NONE };
	client_mark(c, &g->unanswered);
	outcome = queue(c, g);
	client_mark(c, NULL);
	return outcome == 0 ? 0 : error_set(g->error, EX_SOFTWARE, "out of memory");
}

int
look_many(struct client *c, const struct bytes *ids, size_t n, int64_t now, bool gentle,
    struct roster *roster, struct look *looks, struct error *e)
{
	struct reading *readings = calloc(READINGS, sizeof *readings);
	int outcome = 0;
	size_t i;

	if (readings == NULL)
		return error_set(e, EX_SOFTWARE, "out of memory");
	for (i = 0; i < n && outcome == 0; i++) {
		struct reading *g = &readings[i % READINGS];

		if (gentle && i % IDS == 0 && client_drain(c) != 0)
			outcome = lost(c, e);
		if (outcome == 0)
			outcome = await(c, g, e);
		if (outcome == 0)
			outcome = look_next(c, g, (struct reading){ .roster = roster, .id = ids[i],
			    .now = now, .look = &looks[i], .error = e });
	}
	/* In any case: the callbacks need the readings. */
	if (client_drain(c) != 0)
		outcome = lost(c, e);
	for (i = 0; i < READINGS; i++) {
		if (readings[i].failed != 0)
			outcome = -1;
		buf_free(&readings[i].activity);
	}
	free(readings);
	return outcome;
}
