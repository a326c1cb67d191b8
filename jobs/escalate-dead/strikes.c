#include "strikes.h"

#include <string.h>

#include "redis/script.h"

/*
 * KEYS[1] the memory; ARGV now, warning TTL, cap, its own TTL, store. Two runs
 * are told apart by the server: each sees what the other has left.
 */
static const char rhythm_body[] =
    "local kind = redis.call('TYPE', KEYS[1]).ok\n"
    "if kind ~= 'none' and kind ~= 'hash' then return -1 end\n"
    "local function field(f) return tonumber(redis.call('HGET', KEYS[1], f) or '') end\n"
    "local now, least, cap = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])\n"
    "local last, before, ttl = field('last'), field('gap') or 0, field('ttl') or 0\n"
    "local gap = before\n"
    "if last and now > last then gap = now - last end\n"
    "ttl = math.min(math.max(least, ttl, 4 * gap, 4 * before), math.max(cap, least))\n"
    "if ARGV[5] == '1' then\n"
    " redis.call('HSET', KEYS[1], 'last', ARGV[1], 'gap', gap, 'ttl', ttl)\n"
    " redis.call('PEXPIRE', KEYS[1], ARGV[4])\n"
    "end\n"
    "return ttl\n";

/*
 * KEYS[1] the warning; ARGV max, interval, TTL. When it was last counted is
 * read off its PTTL: every count sets the same TTL. What has none was set by
 * hand and may be counted on; of what has a longer one nobody can tell, so it gets the same TTL and
 * counts an interval later.
 */
static const char strike_body[] =
    "local kind = redis.call('TYPE', KEYS[1]).ok\n"
    "if kind ~= 'none' and kind ~= 'string' then return {'bad', 0} end\n"
    "local v = redis.call('GET', KEYS[1])\n"
    "if v and (#v > 15 or not string.match(v, '^%d+$')) then return {'bad', 0} end\n"
    "local n, ttl = tonumber(v or '0'), tonumber(ARGV[3])\n"
    "if n >= tonumber(ARGV[1]) then return {'max', n} end\n"
    "local left = redis.call('PTTL', KEYS[1])\n"
    "if n > 0 and left >= 0 and ttl - left < tonumber(ARGV[2]) then\n"
    " if left > ttl then redis.call('PEXPIRE', KEYS[1], ARGV[3]) end\n"
    " return {'recent', n}\n"
    "end\n"
    "n = redis.call('INCR', KEYS[1])\n"
    "redis.call('PEXPIRE', KEYS[1], ARGV[3])\n"
    "return {'counted', n}\n";

int
strikes_rhythm(struct client *c, int64_t now, int64_t warning_ttl, int64_t cap, int64_t keep,
    bool store, int64_t *ttl, struct error *e)
{
	char texts[4][24];
	struct script script;
	struct reply *r;
	int rc = 0;

	script_init(&script, "escalate-rhythm", rhythm_body);
	r = script_call(c, &script, CLIENT_REPEAT, 1, 6,
	    (struct bytes[]){ B(STRIKES_KEY), bytes_of_int(now, texts[0]),
	        bytes_of_int(warning_ttl, texts[1]), bytes_of_int(cap, texts[2]),
	        bytes_of_int(keep, texts[3]), store ? B("1") : B("0") });
	if (r == NULL) {
		*e = *client_error(c);
		return -1;
	}
	if (!reply_integer(r, ttl))
		rc = reply_fail(r, e, "noting the rhythm of the runs in %s", STRIKES_KEY);
	else if (*ttl < 0) {
		*ttl = warning_ttl;
		rc = 1;
	}
	reply_free(r);
	return rc;
}

int
strikes_rest(struct client *c, struct error *e)
{
	struct reply *r;
	int64_t n;
	int rc = 0;

	r = CLIENT_CALL(c, CLIENT_REPEAT, B("HDEL"), B(STRIKES_KEY), B("ttl"));
	if (r == NULL) {
		*e = *client_error(c);
		return -1;
	}
	if (!reply_integer(r, &n))
		rc = reply_fail(r, e, "HDEL %s", STRIKES_KEY);
	reply_free(r);
	return rc;
}

struct giving {
	struct strike *strikes;
	struct error *e;
};

static void
on_strike(void *ctx, size_t tag, const struct reply *r)
{
	static const struct {
		const char *word;
		enum strike_result result;
	} words[] = {
		{ "counted", STRIKE_COUNTED },
		{ "recent", STRIKE_RECENT },
		{ "max", STRIKE_MAX },
		{ "bad", STRIKE_BAD },
	};
	struct giving *g = ctx;
	struct strike *s = &g->strikes[tag];
	struct bytes word;
	size_t n, i;

	if (reply_array(r, &n) && n == 2 && reply_string(reply_at(r, 0), &word) &&
	    reply_integer(reply_at(r, 1), &s->count))
		for (i = 0; i < sizeof(words) / sizeof(words[0]); i++)
			if (bytes_equal(word, bytes_str(words[i].word))) {
				s->result = words[i].result;
				return;
			}
	(void)reply_fail(r, g->e, "giving a warning");
}

int
strikes_give(struct client *c, struct strike *strikes, size_t n,
    const struct strike_limits *limits, struct error *e)
{
	struct giving g = { .strikes = strikes, .e = e };
	char texts[3][24];
	struct script script;
	size_t i;

	script_init(&script, "escalate-strike", strike_body);
	for (i = 0; i < n; i++) {
		strikes[i].result = STRIKE_LOST;
		strikes[i].count = 0;
		/* Given twice because a reply was lost, the second finds the first fresh. */
		if (script_add(c, &script, limits->interval > 0 ? CLIENT_REPEAT : CLIENT_ONCE,
		        on_strike, &g, i, 1, 4,
		        (struct bytes[]){ strikes[i].key,
		            bytes_of_int(limits->max_warnings, texts[0]),
		            bytes_of_int(limits->interval, texts[1]),
		            bytes_of_int(limits->ttl, texts[2]) }) != 0) {
			(void)client_drain(c);
			return error_set(e, EX_SOFTWARE, "out of memory");
		}
		if ((i % 100 == 99 || i == n - 1) && client_drain(c) != 0) {
			*e = *client_error(c);
			return -1;
		}
	}
	return 0;
}

enum strike_result
strikes_foresee(int64_t count, int64_t pttl, const struct strike_limits *limits)
{

	if (count < 0)
		return STRIKE_BAD;
	if (count >= limits->max_warnings)
		return STRIKE_MAX;
	if (count > 0 && pttl >= 0 && limits->ttl - pttl < limits->interval)
		return STRIKE_RECENT;
	return STRIKE_COUNTED;
}

int64_t
strikes_count(struct bytes value)
{
	uint64_t v;

	if (value.n > 15 || !bytes_to_u64(value, &v))
		return -1;
	return (int64_t)v;
}
