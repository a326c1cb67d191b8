#include "survey.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "coordination/heartbeat.h"
#include "coordination/keys.h"
#include "coordination/record.h"
#include "coordination/roster.h"
#include "named.h"
#include "watch.h"
#include "writers.h"

struct pass {
	struct run *run;
	struct survey *survey;
	const struct settings *settings;
	struct map *seen;       /* ids whose heartbeat was looked at */
	struct watch watch;     /* over heartbeats that are old */
	int64_t oldest;         /* ms: a living writer's heartbeat is no older, if its clock is right */
	int64_t slack;          /* how far run_now() may be off */
	int failed;
	struct error error;
};

static void
no_memory(struct pass *p)
{
	p->failed = error_set(&p->error, EX_SOFTWARE, "out of memory");
}

static void
enter_unreadable(struct pass *p, struct bytes id, bool nameless, const char *why)
{
	if (named_unreadable(p->survey->writers, id, nameless, why) == -1)
		no_memory(p);
}

/* Enter what ${stamp} proves; true if it is enough to name the writer. */
static bool
enter_skew(struct pass *p, struct bytes id, bool nameless, enum family f,
    const struct stamp *stamp, const struct writing *writing)
{
	const struct skew skew = writer_skew(stamp, writing);

	if (f == FAMILY_HEARTBEAT && skew_size(skew) > p->survey->largest)
		p->survey->largest = skew_size(skew);
	if (skew_size(skew) <= p->settings->liveness.skew_tolerance)
		return false;
	if (named_skew(p->survey->writers, id, nameless, family_name(f), f == FAMILY_HEARTBEAT,
	        skew) != 0)
		no_memory(p);
	return true;
}

static void
enter_seconds(struct pass *p, struct bytes id, bool nameless, const struct stamp *stamp)
{
	if (stamp->seconds && named_seconds(p->survey->writers, id, nameless) != 0)
		no_memory(p);
}

static void
judge_heartbeat(struct pass *p, struct bytes id, struct bytes value)
{
	struct writing writing = {
		.read = run_now(p->run),
		.slack = p->slack,
	};
	struct stamp stamp;
	const char *why;

	if (heartbeat_read(value, &stamp, &why) != HEARTBEAT_READABLE) {
		enter_unreadable(p, id, false, why);
		return;
	}
	enter_seconds(p, id, false, &stamp);
	if (!enter_skew(p, id, false, FAMILY_HEARTBEAT, &stamp, &writing) &&
	    writing.read - stamp.ms > p->oldest &&
	    watch_add(&p->watch, id, roster_digest(value)) != 0)
		no_memory(p);
}

/* A heartbeat that was watched was written anew. */
static int
on_written(void *ctx, struct bytes id, struct bytes value, int64_t after, int64_t read)
{
	struct pass *p = ctx;
	const struct writing writing = { .read = read, .after = after, .slack = p->slack };
	struct stamp stamp;
	const char *why;

	if (heartbeat_read(value, &stamp, &why) == HEARTBEAT_READABLE)
		(void)enter_skew(p, id, false, FAMILY_HEARTBEAT, &stamp, &writing);
	return p->failed;
}

static bool
wrong_type(const struct reply *r)
{
	const char *error = r == NULL ? NULL : reply_error(r);

	return error != NULL && strncmp(error, "WRONGTYPE", 9) == 0;
}

static void
count_one(struct survey *s, enum family f)
{
	if (f == FAMILY_HEARTBEAT)
		s->heartbeats++;
	else if (f == FAMILY_SIGNAL)
		s->signals++;
	else
		s->acks++;
}

/* An empty string is what GETRANGE gives of a key that is not there, too. */
static void
on_exists(void *ctx, size_t tag, const struct reply *r)
{
	struct pass *p = ctx;
	const struct bytes key = *(const struct bytes *)(uintptr_t)tag;
	struct bytes id = key;
	enum family f;
	int64_t there;

	if (r == NULL || p->failed != 0)
		return;
	if (!reply_integer(r, &there)) {
		p->failed = reply_fail(r, &p->error, "EXISTS");
		return;
	}
	if (there == 0)
		return;
	if ((f = family_of(key, &id)) != FAMILY_HEARTBEAT)
		id = key;
	count_one(p->survey, f);
	enter_unreadable(p, id, f != FAMILY_HEARTBEAT, "is empty");
}

static void
ask_exists(struct pass *p, size_t tag)
{
	if (CLIENT_ADD(run_client(p->run), CLIENT_REPEAT, on_exists, p, tag, B("EXISTS"),
	    *(const struct bytes *)(uintptr_t)tag) != 0)
		no_memory(p);
}

static void
on_heartbeat(void *ctx, size_t tag, const struct reply *r)
{
	struct pass *p = ctx;
	const struct bytes key = *(const struct bytes *)(uintptr_t)tag;
	struct bytes id, value = { NULL, 0 };
	bool other_type = wrong_type(r), added;

	if (r == NULL || p->failed != 0)
		return;
	if (!other_type && !reply_string(r, &value)) {
		p->failed = reply_fail(r, &p->error, "reading a heartbeat");
		return;
	}
	(void)family_of(key, &id);
	if (map_put(p->seen, id, &added) == NULL) {
		no_memory(p);
		return;
	}
	if (!added)
		return;
	if (!other_type && value.n == 0) {
		ask_exists(p, tag);
		return;
	}
	p->survey->heartbeats++;
	if (other_type)
		enter_unreadable(p, id, false, "is not a string");
	else
		judge_heartbeat(p, id, value);
}

/* Who says to have written it, if the key can be of such a one. */
static bool
author(const struct record *r, enum family f, struct bytes key, struct bytes *id)
{
	if (f == FAMILY_ACK)
		return record_text(r, "coordinatorId", id) && key_may_belong(key, *id);
	return (record_text(r, "senderId", id) || record_text(r, "s", id)) && id->n > 0;
}

static void
judge_message(struct pass *p, enum family f, struct bytes key, struct bytes value)
{
	/* Its age says nothing: it can have been sent a day ago, or kept. */
	struct writing writing = {
		.read = run_now(p->run), .slack = p->slack,
	};
	struct bytes id = key;
	struct record *r;
	struct stamp stamp;
	const char *why;
	bool known;

	if ((r = record_parse(value, &why)) == NULL) {
		enter_unreadable(p, key, true, why);
		return;
	}
	known = author(r, f, key, &id);
	if (!known)
		id = key;
	if (record_signal_time(r, &stamp)) {
		enter_seconds(p, id, !known, &stamp);
		(void)enter_skew(p, id, !known, f, &stamp, &writing);
	} else
		enter_unreadable(p, id, !known, "has no readable time");
	record_free(r);
}

static void
on_message(void *ctx, size_t tag, const struct reply *r)
{
	struct pass *p = ctx;
	const struct bytes key = *(const struct bytes *)(uintptr_t)tag;
	const enum family f = family_of(key, NULL);
	struct bytes value;

	if (r == NULL || p->failed != 0)
		return;
	if (wrong_type(r)) {
		enter_unreadable(p, key, true, "is not a string");
		return;
	}
	if (!reply_string(r, &value)) {
		p->failed = reply_fail(r, &p->error, "reading a signal or an ack");
		return;
	}
	if (value.n == 0) {
		ask_exists(p, tag);
		return;
	}
	count_one(p->survey, f);
	if (value.n > HEARTBEAT_LONGEST)
		p->survey->too_large++;
	else
		judge_message(p, f, key, value);
}

static int
on_page(void *ctx, const struct bytes *keys, size_t n)
{
	struct pass *p = ctx;
	struct client *c = run_client(p->run);
	size_t i, tag;
	int r = 0;

	for (i = 0; i < n && r == 0 && p->failed == 0; i++) {
		tag = (size_t)(uintptr_t)&keys[i];
		switch (family_of(keys[i], NULL)) {
		case FAMILY_HEARTBEAT:
			r |= CLIENT_ADD(c, CLIENT_REPEAT, on_heartbeat, p, tag, B("GETRANGE"),
			    keys[i], B("0"), B(HEARTBEAT_LAST));
			break;
		case FAMILY_SIGNAL:
		case FAMILY_ACK:
			r |= CLIENT_ADD(c, CLIENT_REPEAT, on_message, p, tag, B("GETRANGE"),
			    keys[i], B("0"), B(HEARTBEAT_LAST));
			break;
		default:
			break;
		}
	}
	if (r != 0)
		no_memory(p);
	return p->failed;
}

static void
empty(struct map *m)
{
	size_t at = 0;

	while (map_next(m, &at, NULL, NULL))
		map_remove_at(m, at);
}

static void
again(void *ctx)
{
	struct pass *p = ctx;
	struct survey *s = p->survey;

	empty(p->seen);
	empty(s->writers);
	watch_empty(&p->watch);
	s->heartbeats = s->signals = s->acks = s->too_large = s->largest = 0;
}

static int
walk(struct pass *p, struct error *e)
{
	const struct scan_callbacks callbacks = { .page = on_page, .ctx = p };
	struct scan_result result;
	int outcome;

	outcome = run_scan(p->run, "blocking:*", &callbacks, again, 0, &result, e);
	if (p->failed != 0) {
		*e = p->error;
		return -1;
	}
	return outcome;
}

int
survey_take(struct run *run, int64_t slack, struct survey *s, struct error *e)
{
	struct pass p = {
		.run = run, .survey = s, .settings = run_settings(run), .slack = slack,
	};
	int outcome;

	p.seen = map_new(0);
	s->writers = map_new(sizeof(struct writer));
	if (p.seen == NULL || s->writers == NULL) {
		map_free(p.seen, NULL);
		return error_set(e, EX_SOFTWARE, "out of memory");
	}
	p.oldest = p.settings->liveness.confirm == 0 ? INT64_MAX :
	    p.settings->liveness.confirm + p.settings->liveness.skew_tolerance;
	p.watch = (struct watch){ .run = run, .written = on_written, .ctx = &p };
	outcome = walk(&p, e);
	if (outcome == 0)
		outcome = watch_run(&p.watch, p.settings->liveness.confirm, e);
	s->old = p.watch.found;
	s->silent = watch_silent(&p.watch);
	watch_empty(&p.watch);
	map_free(p.seen, NULL);
	return outcome;
}

void
survey_free(struct survey *s)
{
	map_free(s->writers, NULL);
	*s = (struct survey){ 0 };
}
