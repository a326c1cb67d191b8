#include "coordination/roster.h"

#include <string.h>

#include "base/log.h"
#include "coordination/hash.h"
#include "redis/script.h"

/* Entries in one script call: what the server does at a stretch. */
#define BATCH 100

/*
 * KEYS[1] the roster; ARGV[1] its TTL; then id, entry; id, entry... An entry of
 * "x SIGHT SINCE" removes. What is stored is split as roster_text.c has it: [2]
 * and [3] order the two halves, what was seen (2, 6, 7, 8) and the state (3, 4, 5);
 * first sight is the earlier, last life and last seen the later of both. What
 * is stored and cannot be read loses.
 */
static const char save_body[] =
    "local function split(s)\n"
    " local f = {}\n"
    " for w in string.gmatch(s or '', '%S+') do f[#f + 1] = w end\n"
    " return f\n"
    "end\n"
    "local function take(n, o, ...)\n"
    " for _, i in ipairs({...}) do n[i] = o[i] end\n"
    "end\n"
    "for i = 2, #ARGV, 2 do\n"
    " local o = split(redis.call('HGET', KEYS[1], ARGV[i]))\n"
    " local n = split(ARGV[i + 1])\n"
    " local good = #o == 11 and o[1] == 'v1'\n"
    " for _, k in ipairs({2, 3, 5, 7, 9, 10, 11}) do\n"
    "  good = good and tonumber(o[k]) ~= nil\n"
    " end\n"
    " local function older(k) return good and tonumber(n[k]) < tonumber(o[k]) end\n"
    " if n[1] == 'x' then\n"
    "  if not older(2) and not older(3) then redis.call('HDEL', KEYS[1], ARGV[i]) end\n"
    " else\n"
    "  if older(2) then take(n, o, 2, 6, 7, 8) end\n"
    "  if older(3) then take(n, o, 3, 4, 5) end\n"
    "  if good and tonumber(o[9]) < tonumber(n[9]) then take(n, o, 9) end\n"
    "  if older(10) then take(n, o, 10) end\n"
    "  if older(11) then take(n, o, 11) end\n"
    "  redis.call('HSET', KEYS[1], ARGV[i], table.concat(n, ' '))\n"
    " end\n"
    "end\n"
    "redis.call('PEXPIRE', KEYS[1], ARGV[1])\n"
    "return 1\n";

static bool
load_field(void *ctx, struct bytes id, struct bytes value)
{
	struct roster *r = ctx;
	struct roster_entry entry, *e;

	r->existed = true;
	if (!roster_parse(value, &entry)) {
		log_event(LOG_LEVEL_WARN, "roster-damaged", &id,
		    "this entry of " ROSTER_KEY " cannot be read and counts as none");
		return true;
	}
	if ((e = map_put(r->entries, id, NULL)) == NULL)
		return false;
	*e = entry;
	e->known = true;
	e->sight_before = entry.sight;
	return true;
}

int
roster_load(struct client *c, struct roster *r, struct error *e)
{

	memset(r, 0, sizeof(*r));
	r->loaded_at = client_now_ms(c);
	if ((r->entries = map_new(sizeof(struct roster_entry))) == NULL)
		return error_set(e, EX_SOFTWARE, "out of memory");
	if (hash_walk(c, B(ROSTER_KEY), load_field, r, e) == 0)
		return 0;
	roster_free(r);
	return -1;
}

/* A batch: the arguments point into ids of the map and into ${text}. */
struct batch {
	struct buf text;
	size_t ends[BATCH];
	struct bytes ids[BATCH];
	size_t n;
	struct error *e;
	bool failed;
};

static void
saved(void *ctx, size_t tag, const struct reply *r)
{
	struct batch *b = ctx;
	int64_t one;

	(void)tag;
	if (!b->failed && !reply_integer(r, &one)) {
		b->failed = true;
		(void)reply_fail(r, b->e, "saving %s", ROSTER_KEY);
	}
}

static int
send(struct client *c, const struct script *s, struct batch *b, int64_t keep_ms)
{
	struct bytes argv[2 + 2 * BATCH];
	size_t argc = 0, i, from = 0;
	char keep[24];
	int rc;

	if (b->n == 0)
		return 0;
	if (b->text.failed)
		return error_set(b->e, EX_SOFTWARE, "out of memory");
	argv[argc++] = B(ROSTER_KEY);
	argv[argc++] = bytes_of_int(keep_ms, keep);
	for (i = 0; i < b->n; i++) {
		argv[argc++] = b->ids[i];
		argv[argc++] = (struct bytes){ b->text.p + from, b->ends[i] - from };
		from = b->ends[i];
	}
	/* Merging the same again changes nothing, so it may be repeated. */
	rc = script_add(c, s, CLIENT_REPEAT, saved, b, 0, 1, argc, argv);
	b->n = 0;
	buf_reset(&b->text);
	return rc == 0 ? 0 : error_set(b->e, EX_SOFTWARE, "out of memory");
}

static int
send_all(struct client *c, struct roster *r, const struct script *s, struct batch *b,
    int64_t keep_ms)
{
	struct roster_entry *entry;
	struct bytes id;
	size_t at = 0;
	void *value;

	while (map_next(r->entries, &at, &id, &value)) {
		entry = value;
		if (!entry->removed && !entry->changed)
			continue;
		if (entry->removed)
			buf_printf(&b->text, "x %lld %lld", (long long)entry->sight,
			    (long long)entry->since);
		else
			roster_format(entry, &b->text);
		b->ids[b->n] = id;
		b->ends[b->n++] = b->text.n;
		if (b->n == BATCH && send(c, s, b, keep_ms) != 0)
			return -1;
	}
	return send(c, s, b, keep_ms);
}

static void
settle(struct roster *r)
{
	struct roster_entry *entry;
	struct bytes id;
	size_t at = 0;
	void *value;

	while (map_next(r->entries, &at, &id, &value)) {
		entry = value;
		entry->changed = false;
		if (entry->removed)
			(void)map_remove(r->entries, id);
	}
}

int
roster_save(struct client *c, struct roster *r, int64_t keep_ms, struct error *e)
{
	struct error ignored = { 0 };
	struct script s;
	struct batch b = { .e = e };
	int rc;

	if (r->entries == NULL)
		return 0;
	if (script_init(&s, "roster-save", save_body) != 0)
		return error_set(e, EX_SOFTWARE, "SHA-1 is not available");
	/* Else every batch of a first run would be sent twice. That it cannot be
	 * loaded is no error: the batches bring it with them. */
	if (map_count(r->entries) > BATCH)
		(void)script_load(c, &s, &ignored);
	rc = send_all(c, r, &s, &b, keep_ms);
	/* Drained in any case: the callbacks point at ${b}. */
	if (client_drain(c) != 0 && rc == 0 && !b.failed) {
		*e = *client_error(c);
		rc = -1;
	}
	buf_free(&b.text);
	if (rc != 0 || b.failed)
		return -1;
	settle(r);
	return 0;
}
