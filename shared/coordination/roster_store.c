#include "coordination/roster.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "coordination/hash.h"
#include "redis/script.h"

/* Entries in one script call: what the server does at a stretch, a tenth of a millisecond. */
#define BATCH 50
/* What is damaged can be of any size. */
#define DAMAGED_BYTES 65536

/*
 * KEYS[1] the roster; ARGV[1] its TTL; then id, entry, was; id, entry, was... An entry of
 * "x SIGHT SINCE" removes, one of "?" and what cannot be read removes that. Fields are as in
 * roster_text.c's line: the first two times, SIGHT and SINCE, order its halves, what was
 * seen (1, 5, 6, 7) and the state (2, 3, 4); FIRST (8) is the earlier, LIFE and SEEN (9, 10)
 * the later of both. What is stored and cannot be read loses. ``was'' is what stands there
 * if nobody else wrote meanwhile, and then the entry wins whole; so it does nearly always in
 * any case, so that only its times are taken apart.
 */
static const char save_body[] =
    "local line = '^v1 (%d+) (%d+) (%l+) (%d+) (%x+) (%d+) (%x+) (%d+) (%d+) (%d+)$'\n"
    "local times = '^v1 (%d+) (%d+) %l+ %d+ %x+ %d+ %x+ (%d+) (%d+) (%d+)$'\n"
    "local find = string.match\n"
    "local function less(a, b) return tonumber(a) < tonumber(b) end\n"
    "local function merged(old, new, seen, state, first, life, last)\n"
    " local o, n = {find(old, line)}, {find(new, line)}\n"
    " local function take(...) for _, i in ipairs({...}) do n[i] = o[i] end end\n"
    " if seen then take(1, 5, 6, 7) end\n"
    " if state then take(2, 3, 4) end\n"
    " if first then take(8) end\n"
    " if life then take(9) end\n"
    " if last then take(10) end\n"
    " return 'v1 ' .. table.concat(n, ' ')\n"
    "end\n"
    "local ids, set, gone = {}, {}, {}\n"
    "for i = 2, #ARGV, 3 do ids[#ids + 1] = ARGV[i] end\n"
    "for i, old in ipairs(redis.call('HMGET', KEYS[1], unpack(ids))) do\n"
    " local new = ARGV[3 * i]\n"
    " local o1, o2, o8, o9, o10\n"
    " if old and old ~= ARGV[3 * i + 1] then o1, o2, o8, o9, o10 = find(old, times) end\n"
    " local kind = string.byte(new)\n"
    " if kind == 63 then\n"
    "  if old == string.sub(new, 2) then gone[#gone + 1] = ids[i] end\n"
    " elseif kind == 120 then\n"
    "  local x1, x2 = find(new, '^x (%d+) (%d+)$')\n"
    "  if not (o1 and (less(x1, o1) or less(x2, o2))) then gone[#gone + 1] = ids[i] end\n"
    " else\n"
    "  if o1 then\n"
    "   local n1, n2, n8, n9, n10 = find(new, times)\n"
    "   local seen, state, first = less(n1, o1), less(n2, o2), less(o8, n8)\n"
    "   local life, last = less(n9, o9), less(n10, o10)\n"
    "   if seen or state or first or life or last then\n"
    "    new = merged(old, new, seen, state, first, life, last)\n"
    "   end\n"
    "  end\n"
    "  set[#set + 1] = ids[i]\n"
    "  set[#set + 1] = new\n"
    " end\n"
    "end\n"
    "if #set > 0 then redis.call('HSET', KEYS[1], unpack(set)) end\n"
    "if #gone > 0 then redis.call('HDEL', KEYS[1], unpack(gone)) end\n"
    "redis.call('PEXPIRE', KEYS[1], ARGV[1])\n"
    "return 1\n";

static bool
keep_damaged(struct roster *r, struct bytes id, struct bytes value)
{
	struct buf *text;

	if (r->damaged == NULL && (r->damaged = map_new(sizeof(*text))) == NULL)
		return false;
	if ((text = map_put(r->damaged, id, NULL)) == NULL)
		return false;
	buf_reset(text);
	buf_bytes(text, value);
	return !text->failed;
}

/* One line for all of them, so that a log is not full of what the next save mends. */
static void
tell_damaged(const struct roster *r)
{
	const size_t n = r->damaged != NULL ? map_count(r->damaged) : 0;
	struct bytes id;
	void *value;
	size_t at = 0;

	if (n > 0 && map_next(r->damaged, &at, &id, &value))
		log_event(LOG_LEVEL_WARN, "roster-damaged", &id, "%zu entr%s of " ROSTER_KEY " cannot be "
		    "read and count%s as none%s; a run that saves it removes what is damaged", n,
		    n == 1 ? "y" : "ies", n == 1 ? "s" : "", n == 1 ? "" : ", this one among them");
}

/* "v2 ...": what a newer version of the jobs wrote is not damaged, and it may still be in use. */
static bool
is_of_another_version(struct bytes text)
{

	const struct bytes word = { text.p, bytes_find(text, ' ', 0) };

	return word.n > 1 && text.p[0] == 'v' && text.p[1] >= '0' && text.p[1] <= '9' &&
	    !bytes_equal(word, B("v1"));
}

static bool
load_field(void *ctx, struct bytes id, struct bytes value)
{
	struct roster *r = ctx;
	struct roster_entry entry, *e;

	r->existed = true;
	if (!roster_parse(value, &entry))
		return keep_damaged(r, id, value);
	if ((e = map_put(r->entries, id, NULL)) == NULL)
		return false;
	/* HSCAN may give one twice. */
	free(e->was);
	*e = entry;
	e->known = true;
	e->sight_before = entry.sight;
	e->was = strndup(value.p, value.n);
	return e->was != NULL;
}

int
roster_load(struct client *c, struct roster *r, struct error *e)
{

	memset(r, 0, sizeof(*r));
	r->loaded_at = client_now_ms(c);
	if ((r->entries = map_new(sizeof(struct roster_entry))) == NULL)
		return error_set(e, EX_SOFTWARE, "out of memory");
	if (hash_walk(c, B(ROSTER_KEY), load_field, r, e) == 0) {
		tell_damaged(r);
		return 0;
	}
	roster_free(r);
	return -1;
}

/* A batch: the arguments point into ids and entries of the map and into ${text}. */
struct batch {
	struct buf text;
	size_t ends[BATCH];
	struct bytes ids[BATCH];
	struct roster_entry *entries[BATCH]; /* that will stand there; NULL: one is to go */
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
	if (!b->failed && r != NULL && !reply_integer(r, &one)) {
		b->failed = true;
		(void)reply_fail(r, b->e, "saving %s", ROSTER_KEY);
	}
}

/* Until at most ${left} calls are under way. */
static int
await(struct client *c, struct batch *b, size_t left)
{
	while (client_pending(c) > left)
		if (client_step(c) != 0) {
			/* The cause, not that a reply is missing for it. */
			*b->e = *client_error(c);
			b->failed = true;
		}
	return b->failed ? -1 : 0;
}

static void
add(struct batch *b, struct bytes id, struct roster_entry *entry)
{

	b->ids[b->n] = id;
	b->entries[b->n] = entry;
	b->ends[b->n++] = b->text.n;
}

/* May ${entry} take the place of its own line of before as it is? A clock that went back, or a person
 * who took an escalation back, makes one that has to be merged. */
static bool
supersedes(const struct roster_entry *entry)
{
	struct roster_entry was;

	return entry->was != NULL && roster_parse(bytes_str(entry->was), &was) &&
	    entry->sight >= was.sight && entry->since >= was.since &&
	    entry->first_sight <= was.first_sight && entry->last_life >= was.last_life &&
	    entry->last_seen >= was.last_seen;
}

static int
send(struct client *c, const struct script *s, struct batch *b, int64_t keep_ms)
{
	struct bytes argv[2 + 3 * BATCH], line;
	size_t argc = 0, i, from;
	char keep[24];
	int rc;

	if (b->n == 0)
		return 0;
	if (b->text.failed)
		return error_set(b->e, EX_SOFTWARE, "out of memory");
	argv[argc++] = B(ROSTER_KEY);
	argv[argc++] = bytes_of_int(keep_ms, keep);
	for (i = from = 0; i < b->n; from = b->ends[i++]) {
		argv[argc++] = b->ids[i];
		argv[argc++] = bytes_slice(buf_view(&b->text), from, b->ends[i]);
		argv[argc++] = b->entries[i] != NULL && supersedes(b->entries[i]) ?
		    bytes_str(b->entries[i]->was) : B("");
	}
	/* Merging the same again changes nothing, so it may be repeated. */
	rc = script_add(c, s, CLIENT_REPEAT, saved, b, 0, 1, argc, argv);
	for (i = from = 0; i < b->n && rc == 0; from = b->ends[i++]) {
		if (b->entries[i] == NULL)
			continue;
		line = bytes_slice(buf_view(&b->text), from, b->ends[i]);
		free(b->entries[i]->was);
		if ((b->entries[i]->was = strndup(line.p, line.n)) == NULL)
			rc = -1;
	}
	b->n = 0;
	buf_reset(&b->text);
	if (rc != 0)
		return error_set(b->e, EX_SOFTWARE, "out of memory");
	/* One is worked on while the next is made, but no more: several of them, one behind the
	 * other, would keep others waiting. */
	client_push(c);
	return await(c, b, 1);
}

/* Before the entries, so that none of them is merged with it. */
static int
send_damaged(struct client *c, struct roster *r, const struct script *s, struct batch *b,
    int64_t keep_ms)
{
	struct bytes id;
	size_t at = 0;
	void *value;

	while (r->damaged != NULL && map_next(r->damaged, &at, &id, &value)) {
		if (is_of_another_version(buf_view(value)))
			continue;
		buf_char(&b->text, '?');
		buf_bytes(&b->text, buf_view(value));
		add(b, id, NULL);
		if ((b->n == BATCH || b->text.n > DAMAGED_BYTES) && send(c, s, b, keep_ms) != 0)
			return -1;
	}
	return send(c, s, b, keep_ms);
}

static int
send_all(struct client *c, struct roster *r, const struct script *s, struct batch *b,
    int64_t keep_ms)
{
	struct roster_entry *entry;
	struct bytes id;
	size_t at = 0;
	void *value;

	if (send_damaged(c, r, s, b, keep_ms) != 0)
		return -1;
	while (map_next(r->entries, &at, &id, &value)) {
		entry = value;
		if (!entry->removed && !entry->changed)
			continue;
		if (entry->removed)
			buf_printf(&b->text, "x %lld %lld", (long long)entry->sight,
			    (long long)entry->since);
		else
			roster_format(entry, &b->text);
		add(b, id, entry->removed ? NULL : entry);
		if (b->n == BATCH && send(c, s, b, keep_ms) != 0)
			return -1;
	}
	return send(c, s, b, keep_ms);
}

static void
settle(struct roster *r)
{
	struct roster_entry *entry;
	size_t at = 0;
	void *value;

	while (r->damaged != NULL && map_next(r->damaged, &at, NULL, &value)) {
		buf_free(value);
		map_remove_at(r->damaged, at);
	}
	at = 0;
	while (map_next(r->entries, &at, NULL, &value)) {
		entry = value;
		entry->changed = false;
		if (entry->removed) {
			free(entry->was);
			map_remove_at(r->entries, at);
		}
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
	script_init(&s, "roster-save", save_body);
	/* Else every batch of a first run would be sent twice. That it cannot be
	 * loaded is no error: the batches bring it with them. */
	if (map_count(r->entries) > BATCH)
		(void)script_load(c, &s, &ignored);
	rc = send_all(c, r, &s, &b, keep_ms);
	/* In any case: their callbacks point at ${b}. */
	if (await(c, &b, 0) != 0)
		rc = -1;
	buf_free(&b.text);
	if (rc == 0)
		settle(r);
	return rc;
}

/* Calls of roster_read_states that are under way at most. */
#define READS 10

struct states {
	enum roster_state *out;
	size_t n;
	struct error *e;
	int failed;
};

/* ${tag} is the first of a call's. */
static void
on_states(void *ctx, size_t tag, const struct reply *r)
{
	struct states *s = ctx;
	struct roster_entry entry;
	struct bytes value;
	size_t n;

	if (!reply_array(r, &n) || n > s->n - tag) {
		if (s->failed == 0)
			s->failed = reply_fail(r, s->e, "HMGET %s", ROSTER_KEY);
		return;
	}
	for (size_t i = 0; i < n; i++)
		s->out[tag + i] = reply_string(reply_at(r, i), &value) &&
		    roster_parse(value, &entry) ? entry.state : ROSTER_STATES;
}

int
roster_read_states(struct client *c, const struct bytes *ids, size_t n,
    enum roster_state *states, struct error *e)
{
	struct bytes argv[2 + BATCH] = { B("HMGET"), B(ROSTER_KEY) };
	struct states s = { .out = states, .n = n, .e = e };
	int rc = 0;

	for (size_t at = 0; rc == 0 && at < n; at += BATCH) {
		const size_t some = n - at < BATCH ? n - at : BATCH;

		memcpy(argv + 2, ids + at, some * sizeof(*ids));
		if (client_add(c, CLIENT_REPEAT, on_states, &s, at, 2 + some, argv) != 0)
			rc = error_set(e, EX_SOFTWARE, "out of memory");
		else if (client_pending(c) >= READS && (rc = client_drain(c)) != 0)
			*e = *client_error(c);
	}
	/* In any case: the callbacks point at ${s}. */
	if (client_drain(c) != 0 && rc == 0) {
		*e = *client_error(c);
		rc = -1;
	}
	return rc != 0 || s.failed != 0 ? -1 : 0;
}
