#include "store.h"

#include "coordination/roster.h"
#include "fields.h"
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

/* KEYS record, heartbeat, roster; ARGV old, new, TTL, heartbeat minded, its bytes. */
static const char begin_body[] =
    "local v = redis.pcall('GET', KEYS[1])\n"
    "if type(v) == 'table' then return 'other' end\n"
    "v = v or ''\n"
    "if v ~= ARGV[1] then return v == ARGV[2] and 'set' or 'other' end\n"
    "if redis.call('EXISTS', KEYS[3]) == 0 then return 'gone' end\n"
    STORE_LIFE("KEYS[2]", "ARGV[4]", "ARGV[5]")
    "redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])\n"
    "return 'set'\n";

/* KEYS record, spawn request, the dead id's own, heartbeat; ARGV old, new, TTL, spawn
 * request, the own one, heartbeat minded, its bytes. A request that was taken is not
 * made again: the record says so from the same moment on. */
static const char spawn_body[] =
    "local v = redis.call('GET', KEYS[1]) or ''\n"
    "if v ~= ARGV[1] then return v == ARGV[2] and 'set' or 'other' end\n"
    STORE_LIFE("KEYS[4]", "ARGV[6]", "ARGV[7]")
    "local kind = redis.call('TYPE', KEYS[2]).ok\n"
    "if ARGV[4] ~= '' and kind ~= 'none' and kind ~= 'string' then return 'spawn' end\n"
    "redis.call('SET', KEYS[1], '', 'NX')\n" /* may it be given? The record is there */
    "if ARGV[5] ~= '' and redis.pcall('GET', KEYS[3]) == ARGV[5] then\n"
    " redis.call('DEL', KEYS[3])\n"
    "end\n"
    "if ARGV[4] ~= '' then redis.call('SET', KEYS[2], ARGV[4], 'NX', 'PX', ARGV[3]) end\n"
    "redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])\n"
    "return 'set'\n";

/* KEYS record, spawn request, the replacement's heartbeat; ARGV old, new, TTL, spawn request. */
static const char unspawn_body[] =
    "local v = redis.call('GET', KEYS[1]) or ''\n"
    "if v ~= ARGV[1] then return v == ARGV[2] and 'set' or 'other' end\n"
    "if redis.call('EXISTS', KEYS[3]) == 1 then return 'alive' end\n"
    "if (redis.call('GET', KEYS[2]) or '') ~= ARGV[4] then return 'spawn' end\n"
    "redis.call('SET', KEYS[1], '', 'NX')\n" /* as above */
    "redis.call('DEL', KEYS[2])\n"
    "redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])\n"
    "return 'set'\n";

static int
call(struct escalate *x, const char *name, const char *body, size_t nkeys, size_t argc,
    const struct bytes *argv, enum store_end *end, struct error *e)
{
	static const struct {
		const char *word;
		enum store_end end;
	} words[] = {
		{ "set", STORE_SET },
		{ "spawn", STORE_SPAWN },
		{ "alive", STORE_ALIVE },
		{ "gone", STORE_GONE },
	};
	struct script script;
	struct bytes word;
	struct reply *r;
	size_t i;

	script_init(&script, name, body);
	r = script_call(x->client, &script, CLIENT_REPEAT, nkeys, argc, argv);
	if (r == NULL) {
		*e = *client_error(x->client);
		return -1;
	}
	*end = STORE_FAILED;
	if (reply_string(r, &word)) {
		*end = STORE_OTHER;
		for (i = 0; i < sizeof(words) / sizeof(words[0]); i++)
			if (bytes_equal(word, bytes_str(words[i].word)))
				*end = words[i].end;
	} else
		(void)reply_fail(r, e, "%s %.*s", name, (int)argv[0].n, argv[0].p);
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

void
store_life(const struct coordinator *c, struct store_life *l)
{
	const struct field *f = &c->fields[FIELD_HEARTBEAT];

	l->key = (struct buf){ 0 };
	fields_key(c, FIELD_HEARTBEAT, &l->key);
	l->value = buf_view(&f->value);
	/* One of another type is nobody's sign of life, and has no bytes to compare. */
	l->minded = c->job->options->force >= 2 || f->odd ? B("0") : B("1");
}

int
store_begin(struct escalate *x, struct bytes key, struct bytes old, struct bytes new_value,
    const struct store_life *life, int64_t ttl, enum store_end *end, struct error *e)
{
	char text[24];

	return call(x, "escalate-begin", begin_body, 3, 8,
	    (struct bytes[]){ key, buf_view(&life->key), B(ROSTER_KEY), old, new_value,
	        bytes_of_int(ttl, text), life->minded, life->value }, end, e);
}

int
store_spawn(struct escalate *x, const struct store_request *s, int64_t ttl,
    enum store_end *end, struct error *e)
{
	char text[24];

	return call(x, "escalate-spawn", spawn_body, 4, 11,
	    (struct bytes[]){ s->record, s->spawn_key, s->own_key, buf_view(&s->life->key), s->old,
	        s->new_value, bytes_of_int(ttl, text), s->spawn, s->own, s->life->minded,
	        s->life->value }, end, e);
}

int
store_unspawn(struct escalate *x, const struct store_request *s, struct bytes heartbeat,
    int64_t ttl, enum store_end *end, struct error *e)
{
	char text[24];

	return call(x, "escalate-unspawn", unspawn_body, 3, 7,
	    (struct bytes[]){ s->record, s->spawn_key, heartbeat, s->old, s->new_value,
	        bytes_of_int(ttl, text), s->spawn }, end, e);
}
