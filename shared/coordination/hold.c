#include "coordination/hold.h"

#include <string.h>

#include "coordination/hash.h"
#include "redis/script.h"

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

/* KEYS[1] the pause; ARGV reason, ms, whether one that lasts longer is replaced. */
static const char pause_body[] =
    "if ARGV[3] ~= '1' then\n"
    " local old = redis.pcall('GET', KEYS[1])\n"
    " if type(old) == 'table' then return old end\n"
    " local left = redis.call('PTTL', KEYS[1])\n"
    " if old and (left == -1 or left > tonumber(ARGV[2])) then return 0 end\n"
    "end\n"
    "redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])\n"
    "return 1\n";

int
pause_set(struct client *c, const char *reason, int64_t ms, bool replace, bool *set,
    struct error *e)
{
	struct script s;
	struct reply *r;
	char text[24];

	script_init(&s, "pause-set", pause_body);
	/* Done twice, the second finds its own, which ends sooner. */
	r = script_call(c, &s, CLIENT_REPEAT, 1, 4, (struct bytes[]){ B(PAUSE_KEY), bytes_str(reason),
	    bytes_of_int(ms, text), replace ? B("1") : B("0") });
	if (hash_is_wrong_type(r)) {
		reply_free(r);
		return hash_wrong_type(c, B(PAUSE_KEY), "string", e);
	}
	return answer(c, r, set, e, "setting " PAUSE_KEY);
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
	bool odd;
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
	} else if (hash_is_wrong_type(r))
		p->odd = true;
	else if (!reply_is_nil(r)) {
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
	if (p.odd)
		return hash_wrong_type(c, B(PAUSE_KEY), "string", e);
	if (reason->failed)
		return error_set(e, EX_SOFTWARE, "out of memory");
	/* -2: it ended between the two. */
	*paused = p.paused && p.left != -2;
	*left_ms = p.left;
	return 0;
}

/* Below it a time is in seconds, as people write them by hand. */
#define SECONDS_BELOW INT64_C(100000000000)
/* From 2001 to 9999: what lies outside was a duration, or another unit, and no time (0 ends a hold). */
#define TIME_LEAST INT64_C(1000000000000)
#define TIME_MOST INT64_C(253402300799999)

static bool
load_hold(void *ctx, struct bytes id, struct bytes value)
{
	struct holds *h = ctx;
	int64_t *until;
	uint64_t v;

	if ((until = map_put(h->until, id, NULL)) == NULL)
		return false;
	if (!bytes_to_u64(value, &v) || v > INT64_MAX)
		v = HOLD_UNREADABLE;
	else if (v < SECONDS_BELOW)
		v *= 1000;
	if (v != 0 && (v < TIME_LEAST || v > TIME_MOST))
		v = HOLD_UNREADABLE;
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

	script_init(&s, "hold-put", put_body);
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
