#include "watch.h"

#include "base/duration.h"
#include "base/log.h"
#include "coordination/heartbeat.h"
#include "coordination/keys.h"
#include "coordination/roster.h"

#define STEP_MS 1000

struct sighting {
	struct bytes id;   /* the map's */
	uint64_t digest;
	int64_t at;        /* these bytes were there at that time, Redis ms; 0 = seen by the pass only */
	bool gone;
	/* The last that was written meanwhile: */
	int beats;
	struct buf value;
	int64_t after, read;
};

/* One beat may have been held up on its way, or be the last before the clock was set. */
#define BEATS 2

int
watch_add(struct watch *w, struct bytes id, uint64_t digest)
{
	struct sighting *s;

	if (w->found++ >= WATCH_MAX)
		return 0;
	if (w->watched == NULL && (w->watched = map_new(sizeof(*s))) == NULL)
		return -1;
	if ((s = map_put(w->watched, id, NULL)) == NULL)
		return -1;
	s->digest = digest;
	return 0;
}

static void
on_value(void *ctx, size_t tag, const struct reply *r)
{
	struct watch *w = ctx;
	struct sighting *s = (struct sighting *)(uintptr_t)tag;
	struct bytes value;
	uint64_t digest;

	if (r == NULL || w->failed != 0)
		return;
	/* Empty is how GETRANGE shows what is not there. Of another type: nothing to be told. */
	if (!reply_string(r, &value) || value.n == 0) {
		s->gone = true;
		return;
	}
	digest = roster_digest(value);
	if (digest != s->digest && s->at != 0) {
		s->beats++;
		s->after = s->at;
		s->read = run_now(w->run);
		buf_reset(&s->value);
		buf_bytes(&s->value, value);
		if (s->value.failed)
			w->failed = error_set(&w->error, EX_SOFTWARE, "out of memory");
	}
	s->digest = digest;
	s->at = w->sent;
}

/* One look at all that are still watched: *left. */
static int
look(struct watch *w, size_t *left, struct error *e)
{
	struct client *c = run_client(w->run);
	struct buf key = { 0 };
	void *value;
	size_t at = 0;
	int r = 0;

	w->sent = run_now(w->run);
	*left = 0;
	for (struct bytes id; map_next(w->watched, &at, &id, &value);) {
		struct sighting *s = value;

		if (s->beats >= BEATS || s->gone)
			continue;
		s->id = id;
		buf_reset(&key);
		key_make(&key, FAMILY_HEARTBEAT, id);
		if (key.failed || CLIENT_ADD(c, CLIENT_REPEAT, on_value, w, (size_t)(uintptr_t)s,
		        B("GETRANGE"), buf_view(&key), B("0"), B(HEARTBEAT_LAST)) != 0)
			r = error_set(e, EX_SOFTWARE, "out of memory");
	}
	buf_free(&key);
	if (client_drain(c) != 0 && r == 0) {
		*e = *client_error(c);
		return -1;
	}
	if (w->failed != 0) {
		*e = w->error;
		return -1;
	}
	at = 0;
	for (struct bytes id; map_next(w->watched, &at, &id, &value);) {
		const struct sighting *s = value;

		*left += s->beats < BEATS && !s->gone;
	}
	return r;
}

static int
tell(struct watch *w, struct error *e)
{
	struct bytes id;
	void *value;
	size_t at = 0;

	while (map_next(w->watched, &at, &id, &value)) {
		const struct sighting *s = value;

		if (s->beats > 0 &&
		    w->written(w->ctx, id, buf_view(&s->value), s->after, s->read) != 0)
			return error_set(e, EX_SOFTWARE, "out of memory");
	}
	return 0;
}

int
watch_run(struct watch *w, int64_t ms, struct error *e)
{
	size_t left;
	char time[32];

	if (w->watched == NULL || ms == 0)
		return 0;
	duration_human(ms, time, sizeof(time));
	log_info("watch", "%zu old heartbeat%s: watching for up to %s whether anybody goes on "
	    "writing there", map_count(w->watched), map_count(w->watched) == 1 ? "" : "s", time);
	for (;;) {
		if (look(w, &left, e) != 0) {
			if (!client_moved(run_client(w->run)))
				return -1;
			log_warn("server-moved", "the server changed during the watch, which ends here");
			*e = (struct error){ 0 };
			return 0;
		}
		if (left == 0 || ms <= 0)
			return tell(w, e);
		if (!run_sleep(w->run, ms < STEP_MS ? ms : STEP_MS)) {
			result_incomplete(run_result(w->run));
			return error_set(e, EX_TEMPFAIL, "stopped while watching old heartbeats");
		}
		ms -= STEP_MS;
	}
}

int64_t
watch_silent(const struct watch *w)
{
	struct bytes id;
	int64_t n = 0;
	void *value;
	size_t at = 0;

	while (w->watched != NULL && map_next(w->watched, &at, &id, &value))
		n += ((const struct sighting *)value)->beats == 0;
	return n;
}

static void
sighting_free(void *value)
{
	buf_free(&((struct sighting *)value)->value);
}

void
watch_empty(struct watch *w)
{
	map_free(w->watched, sighting_free);
	w->watched = NULL;
	w->found = 0;
}
