#include "store.h"

#include "redis/script.h"

/* ARGV old, new, TTL. */
static const char set_body[] =
    "local v = redis.pcall('GET', KEYS[1])\n"
    "if type(v) == 'table' then return 'other' end\n"
    "v = v or ''\n"
    "if v ~= ARGV[1] then return v == ARGV[2] and 'set' or 'other' end\n"
    "if ARGV[2] == '' then\n"
    " redis.call('DEL', KEYS[1])\n"
    "else\n"
    " redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])\n"
    "end\n"
    "return 'set'\n";

/* KEYS record, spawn request; ARGV old, new, TTL, spawn request. A request that was
 * taken is not made again: the record says so from the same moment on. */
static const char spawn_body[] =
    "local v = redis.call('GET', KEYS[1]) or ''\n"
    "if v ~= ARGV[1] then return v == ARGV[2] and 'set' or 'other' end\n"
    "if ARGV[4] ~= '' and redis.call('EXISTS', KEYS[2]) == 0 then\n"
    " redis.call('SET', KEYS[2], ARGV[4], 'PX', ARGV[3])\n"
    "end\n"
    "redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])\n"
    "return 'set'\n";

static const char unspawn_body[] =
    "local v = redis.call('GET', KEYS[1]) or ''\n"
    "if v ~= ARGV[1] then return v == ARGV[2] and 'set' or 'other' end\n"
    "if (redis.call('GET', KEYS[2]) or '') ~= ARGV[4] then return 'spawn' end\n"
    "redis.call('DEL', KEYS[2])\n"
    "redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])\n"
    "return 'set'\n";

static int
call(struct escalate *x, const char *name, const char *body, size_t nkeys, size_t argc,
    const struct bytes *argv, enum store_end *end, struct error *e)
{
	struct script script;
	struct bytes word;
	struct reply *r;

	if (script_init(&script, name, body) != 0)
		return error_set(e, EX_SOFTWARE, "SHA-1 is not available");
	r = script_call(x->client, &script, CLIENT_REPEAT, nkeys, argc, argv);
	if (r == NULL) {
		*e = *client_error(x->client);
		return -1;
	}
	*end = STORE_FAILED;
	if (!reply_string(r, &word))
		(void)reply_fail(r, e, "%s %.*s", name, (int)argv[0].n, argv[0].p);
	else if (bytes_equal(word, B("set")))
		*end = STORE_SET;
	else
		*end = bytes_equal(word, B("spawn")) ? STORE_SPAWN : STORE_OTHER;
	reply_free(r);
	return 0;
}

int
store_set(struct escalate *x, struct bytes key, struct bytes old, struct bytes new_value,
    int64_t ttl, enum store_end *end, struct error *e)
{
	char text[24];

	return call(x, "escalate-set", set_body, 1, 4,
	    (struct bytes[]){ key, old, new_value, bytes_of_int(ttl, text) }, end, e);
}

int
store_spawn(struct escalate *x, struct bytes record, struct bytes old, struct bytes new_value,
    struct bytes spawn_key, struct bytes spawn, int64_t ttl, enum store_end *end,
    struct error *e)
{
	char text[24];

	return call(x, "escalate-spawn", spawn_body, 2, 6,
	    (struct bytes[]){ record, spawn_key, old, new_value, bytes_of_int(ttl, text), spawn },
	    end, e);
}

int
store_unspawn(struct escalate *x, struct bytes record, struct bytes old,
    struct bytes new_value, struct bytes spawn_key, struct bytes spawn, int64_t ttl,
    enum store_end *end, struct error *e)
{
	char text[24];

	return call(x, "escalate-unspawn", unspawn_body, 2, 6,
	    (struct bytes[]){ record, spawn_key, old, new_value, bytes_of_int(ttl, text), spawn },
	    end, e);
}
