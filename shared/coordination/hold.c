#include "coordination/hold.h"

#include <string.h>

#include "base/log.h"
#include "coordination/hash.h"
#include "redis/script.h"

int
pause_set(struct client *c, const char *reason, int64_t ms, struct error *e)
{
	struct reply *r;
	struct bytes ok;
	char text[24];
	int rc = 0;

	r = CLIENT_CALL(c, CLIENT_REPEAT, B("SET"), B(PAUSE_KEY), bytes_str(reason), B("PX"),
	    bytes_of_int(ms, text));
	if (r == NULL) {
		*e = *client_error(c);
		return -1;
	}
	if (!reply_string(r, &ok))
		rc = reply_fail(r, e, "SET %s", PAUSE_KEY);
	reply_free(r);
	return rc;
}

/* Take the reply whose integer says whether something was done. */
static int
answer(struct client *c, struct reply *r, bool *was, struct error *e, const char *what)
{
	int64_t n;
	int rc = 0;

	if (r == NULL) {
		*e = *client_error(c);
		return -1;
	}
	if (reply_integer(r, &n))
		*was = n > 0;
	else
		rc = reply_fail(r, e, "%s", what);
	reply_free(r);
	return rc;
}

int
pause_clear(struct client *c, bool *was, struct error *e)
{

	return answer(c, CLIENT_CALL(c, CLIENT_REPEAT, B("DEL"), B(PAUSE_KEY)), was, e,
	    "DEL " PAUSE_KEY);
}

struct pause {
	struct buf *reason;
	struct error *e;
	bool paused;
	bool failed;
	int64_t left;
};

static void
got_reason(void *ctx, size_t tag, const struct reply *r)
{
	struct pause *p = ctx;
	struct bytes s;

	(void)tag;
	if (reply_string(r, &s)) {
		p->paused = true;
		buf_bytes(p->reason, s);
	} else if (!reply_is_nil(r)) {
		p->failed = true;
		(void)reply_fail(r, p->e, "GET %s", PAUSE_KEY);
	}
}

static void
got_left(void *ctx, size_t tag, const struct reply *r)
{
	struct pause *p = ctx;

	(void)tag;
	if (!reply_integer(r, &p->left) && !p->failed) {
		p->failed = true;
		(void)reply_fail(r, p->e, "PTTL %s", PAUSE_KEY);
	}
}

int
pause_get(struct client *c, bool *paused, struct buf *reason, int64_t *left_ms,
    struct error *e)
{
	struct pause p = { .reason = reason, .e = e };

	buf_reset(reason);
	if (CLIENT_ADD(c, CLIENT_REPEAT, got_reason, &p, 0, B("GET"), B(PAUSE_KEY)) != 0 ||
	    CLIENT_ADD(c, CLIENT_REPEAT, got_left, &p, 0, B("PTTL"), B(PAUSE_KEY)) != 0) {
		(void)client_drain(c);
		return error_set(e, EX_SOFTWARE, "out of memory");
	}
	if (client_drain(c) != 0) {
		*e = *client_error(c);
		return -1;
	}
	if (p.failed)
		return -1;
	if (reason->failed)
		return error_set(e, EX_SOFTWARE, "out of memory");
	/* -2: it ended between the two. */
	*paused = p.paused && p.left != -2;
	*left_ms = p.left;
	return 0;
}

/* Below it a time is in seconds, as people write them by hand. */
#define SECONDS_BELOW INT64_C(100000000000)

static bool
load_hold(void *ctx, struct bytes id, struct bytes value)
{
	struct holds *h = ctx;
	int64_t *until;
	uint64_t v;

	if ((until = map_put(h->until, id, NULL)) == NULL)
		return false;
	if (!bytes_to_u64(value, &v) || v > INT64_MAX) {
		/* Somebody meant to keep the jobs off: so they keep off. */
		log_event(LOG_LEVEL_WARN, "hold-unreadable", &id,
		    "its time in " HOLD_KEY " cannot be read: held until it is removed");
		v = INT64_MAX;
	} else if (v < SECONDS_BELOW)
		v *= 1000;
	*until = (int64_t)v;
	return true;
}

int
holds_load(struct client *c, struct holds *h, struct error *e)
{

	if ((h->until = map_new(sizeof(int64_t))) == NULL)
		return error_set(e, EX_SOFTWARE, "out of memory");
	if (hash_walk(c, B(HOLD_KEY), load_hold, h, e) == 0)
		return 0;
	holds_free(h);
	return -1;
}

void
holds_free(struct holds *h)
{

	map_free(h->until, NULL);
	h->until = NULL;
}

bool
holds_cover(const struct holds *h, struct bytes id, int64_t now)
{
	const int64_t *until = h->until != NULL ? map_find(h->until, id) : NULL;

	return until != NULL && *until > now;
}

/* KEYS[1] the holds; ARGV: id, until, now. The hash lasts as long as its longest
 * hold; one that a person made without an end keeps none. */
static const char put_body[] =
    "local had = redis.call('EXISTS', KEYS[1])\n"
    "local old = redis.call('HGET', KEYS[1], ARGV[1])\n"
    "if old then\n"
    " old = tonumber(old)\n"
    " if old == nil then return 0 end\n"
    " if old < 1e11 then old = old * 1000 end\n"
    " if old >= tonumber(ARGV[2]) then return 0 end\n"
    "end\n"
    "redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])\n"
    "local left = tonumber(ARGV[2]) - tonumber(ARGV[3])\n"
    "local ttl = redis.call('PTTL', KEYS[1])\n"
    "if had == 0 or (ttl >= 0 and ttl < left) then\n"
    " redis.call('PEXPIRE', KEYS[1], string.format('%.0f', math.max(left, 1)))\n"
    "end\n"
    "return 1\n";

int
hold_put(struct client *c, struct bytes id, int64_t until, struct error *e)
{
	struct script s;
	struct reply *r;
	char until_text[24], now_text[24];
	bool put;

	if (script_init(&s, "hold-put", put_body) != 0)
		return error_set(e, EX_SOFTWARE, "SHA-1 is not available");
	r = script_call(c, &s, CLIENT_REPEAT, 1, 4,
	    (struct bytes[]){ B(HOLD_KEY), id, bytes_of_int(until, until_text),
	        bytes_of_int(client_now_ms(c), now_text) });
	return answer(c, r, &put, e, "writing " HOLD_KEY);
}

int
hold_clear(struct client *c, struct bytes id, bool *was, struct error *e)
{

	return answer(c, CLIENT_CALL(c, CLIENT_REPEAT, B("HDEL"), B(HOLD_KEY), id), was, e,
	    "HDEL " HOLD_KEY);
}
