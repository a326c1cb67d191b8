#include <string.h>
#include <sys/random.h>

#include "base/clock.h"
#include "base/log.h"
#include "redis/client_private.h"

/* So often a sleep looks whether it has been cancelled. */
#define SLICE_MS 100

int64_t
client_deadline(const struct client *c, int64_t ms)
{
	int64_t at = clock_mono_ms() + ms;

	if (c->options.run_deadline != 0 && at > c->options.run_deadline)
		at = c->options.run_deadline;
	return at;
}

int
client_may_go_on(const struct client *c, const char *why, struct error *e)
{
	if (c->options.cancelled != NULL && c->options.cancelled())
		return error_set(e, EX_TEMPFAIL, "asked to end: %s", why);
	if (c->options.run_deadline != 0 && clock_mono_ms() >= c->options.run_deadline)
		return error_set(e, EX_TEMPFAIL, "the run's time is up: %s", why);
	return 0;
}

int
client_sleep(const struct client *c, int64_t ms, const char *why, struct error *e)
{
	int64_t end = clock_mono_ms() + ms, left;

	if (c->options.run_deadline != 0 && end >= c->options.run_deadline)
		return error_set(e, EX_TEMPFAIL, "the run's time is up: %s", why);
	while ((left = end - clock_mono_ms()) > 0) {
		if (client_may_go_on(c, why, e) == -1)
			return -1;
		(void)clock_sleep_ms(left < SLICE_MS ? left : SLICE_MS);
	}
	return client_may_go_on(c, why, e);
}

int64_t
client_backoff(const struct client *c, int attempt)
{
	int64_t wait = c->options.backoff;
	uint32_t random = 0;
	int i;

	for (i = 1; i < attempt && wait < c->options.backoff_max; i++)
		wait *= 2;
	if (wait > c->options.backoff_max)
		wait = c->options.backoff_max;
	/* Without random bytes there is no jitter: no reason to fail. */
	if (wait > 1 && getrandom(&random, sizeof(random), GRND_NONBLOCK) == sizeof(random))
		wait -= (int64_t)(random % (uint64_t)(wait / 2 + 1));
	return wait;
}

/* One attempt. */
static int
connect_once(struct client *c, struct server_info *s, int64_t *offset, bool *final,
    struct error *e)
{
	*final = false;
	if (link_open(&c->link, &c->options.transport,
	    client_deadline(c, c->options.connect_timeout), e) == -1)
		return -1;
	c->link.cancelled = c->options.cancelled;
	if (client_greet(c, s, offset, final, e) == -1) {
		link_close(&c->link);
		return -1;
	}
	c->link.cancelled = NULL;
	return 0;
}

/* Enter what the server said. -1: it is another one than before. */
static int
enter(struct client *c, const struct server_info *s, int64_t offset)
{
	bool same = strcmp(c->server.run_id, s->run_id) == 0;
	bool first = c->server.version == 0;

	c->server = *s;
	if (same)
		return 0;
	/* Times are carried forward from one reading for as long as it is one server. */
	c->clock_offset_us = offset;
	if (first)
		return 0;
	c->moved = true;
	return error_set(&c->error, EX_TEMPFAIL,
	    "%s: another server answers than before (restart or failover)", c->link.peer);
}

int
client_connect(struct client *c)
{
	struct server_info s;
	struct error cause;
	int64_t offset = 0, wait;
	bool final;

	for (;;) {
		if (connect_once(c, &s, &offset, &final, &c->error) == 0)
			return enter(c, &s, offset);
		cause = c->error;
		if (final || (cause.exit != EX_UNAVAILABLE && cause.exit != EX_TEMPFAIL))
			return -1;
		if (client_may_go_on(c, cause.text, &c->error) == -1)
			return -1;
		/* Cut short by a signal that asks for nothing: not an attempt. */
		if (cause.exit == EX_TEMPFAIL)
			continue;
		if (++c->attempts >= c->options.retries)
			return -1;
		wait = client_backoff(c, c->attempts);
		log_warn("retry", "%s; attempt %d of %d in %lld ms", cause.text, c->attempts + 1,
		    c->options.retries, (long long)wait);
		if (client_sleep(c, wait, cause.text, &c->error) == -1)
			return -1;
	}
}
