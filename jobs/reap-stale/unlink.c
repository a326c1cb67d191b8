#include "batch.h"

#include "base/log.h"

/*
 * The last step: the script that deletes what is still as it was read, in calls of several keys.
 */

/* Longer payloads are compared by their digest: hashing costs less than sending. */
#define WHOLE_MAX 4096

/*
 * KEYS: the keys that are to go, then the heartbeats of their owners. ARGV[1]: how many are to go;
 * ARGV[2]: a heartbeat with 0 <= PTTL <= that ends by itself. For each key that is to go four
 * arguments: what it was - its value ("s"), its DUMP ("d") or its DUMP's SHA-1 ("h") -, what was
 * left of its TTL in ms, which of the three it is, and whose: the number of its owner, 0 for none
 * that counts, "own" for a heartbeat itself. Then for each owner the SHA-1 of its heartbeat as it
 * was judged, empty where there was none.
 *
 * A key is unlinked only if it still is the same and its expiry has not moved later (a refresh can
 * write the very same bytes), and only if its owner's heartbeat holds what it did, or is gone. For
 * each key -2 its owner lives, -1 gone, 0 changed, 1 unlinked, or an error.
 */
static const char unlink_unchanged[] =
    "local n, ends = tonumber(ARGV[1]), tonumber(ARGV[2])\n"
    "local alive, values = {}, {}\n"
    "if #KEYS > n then\n"
    " local at = 4 * n + 2\n"
    " for i, v in ipairs(redis.call('MGET', unpack(KEYS, n + 1))) do\n"
    "  if not v then alive[i] = redis.call('EXISTS', KEYS[n + i]) == 1\n"
    "  else alive[i] = redis.sha1hex(v) ~= ARGV[at + i] end\n"
    " end\n"
    "end\n"
    "if n > 1 then values = redis.call('MGET', unpack(KEYS, 1, n)) end\n"
    "local function later(t, was, least)\n"
    " if t == -1 then return was ~= -1 end\n"
    " return t <= least or (was ~= -1 and t > was)\n"
    "end\n"
    "local function look(i)\n"
    " local key, form, whose = KEYS[i], ARGV[4 * i + 1], ARGV[4 * i + 2]\n"
    " if alive[tonumber(whose)] then return -2 end\n"
    " local v = values[i]\n"
    " if not v then\n"
    "  if form == 's' then v = redis.pcall('GET', key) else v = redis.pcall('DUMP', key) end\n"
    " end\n"
    " if not v then return -1 end\n"
    " if form == 'h' and type(v) == 'string' then v = redis.sha1hex(v) end\n"
    " if v ~= ARGV[4 * i - 1] then return 0 end\n"
    " local pttl, least = ARGV[4 * i], whose == 'own' and ends or -1\n"
    " if pttl ~= '-1' or least > 0 then\n"
    "  local t = redis.pcall('PTTL', key)\n"
    "  if type(t) ~= 'number' then return t end\n"
    "  if later(t, tonumber(pttl), least) then return 0 end\n"
    " end\n"
    " return 1\n"
    "end\n"
    "local done, go, going = {}, {}, {}\n"
    "for i = 1, n do\n"
    " done[i] = going[KEYS[i]] and -1 or look(i)\n" /* SCAN may give one twice */
    " if done[i] == 1 then\n"
    "  go[#go + 1] = KEYS[i]\n"
    "  going[KEYS[i]] = true\n"
    " end\n"
    "end\n"
    "if #go > 0 then redis.call('UNLINK', unpack(go)) end\n"
    "return done\n";

void
unlink_init(struct script *s)
{

	script_init(s, "unlink-unchanged", unlink_unchanged);
}

bool
unlink_alone(const struct item *item)
{
	return item->form != FORM_STRING || item->bytes.n > UNLINK_VALUE_MAX;
}

static void
note_deleted(struct deleter *d, struct item *item)
{
	batch_note_deleted(item);
	result_count(d->reap->result, "keys-deleted", 1);
	result_action(d->reap->result, "unlink", item->key, "%s", family_name(item->family));
}

/* The word for the journal, or NULL: unknown. */
static const char *
outcome_of(struct deleter *d, struct item *item, const struct reply *r)
{
	struct result *result = d->reap->result;
	int64_t v;

	if (r == NULL && item->owner != NULL)
		item->owner->failed = true;
	if (r == NULL && !client_was_sent(d->reap->client)) {
		result_failed(result, "delete-failed", item->key, "not deleted: the connection was lost "
		    "before the command was sent");
		return "failed";
	}
	if (r == NULL) {
		result_unknown(result, "delete-unknown", item->key,
		    "the reply was lost: whether it was deleted is unknown; the journal has it");
		return NULL;
	}
	if (!reply_integer(r, &v)) {
		deleter_give_up(d, item, r, "delete-failed", "UNLINK");
		return "failed";
	}
	switch (v) {
	case 1:
		note_deleted(d, item);
		return "deleted";
	case -2:
		batch_revive(d, item->owner, "its heartbeat changed since it was judged");
		return "changed";
	case 0:
		result_count(result, "keys-changed-meanwhile", 1);
		log_event(LOG_LEVEL_DEBUG, "changed", &item->key, "left: it changed meanwhile");
		if (item->family == FAMILY_HEARTBEAT && item->owner != NULL)
			batch_revive(d, item->owner, "its heartbeat changed since it was judged");
		return "changed";
	default:
		result_count(result, "keys-gone-meanwhile", 1);
		batch_note_gone(item);
		return "gone";
	}
}

/* ${tag} is the first item of a script call; a reply for each. */
static void
on_unlink(void *ctx, size_t tag, const struct reply *r)
{
	struct deleter *d = ctx;
	const size_t n = d->items[tag].together;
	const char *outcome;
	size_t replies;

	for (size_t i = 0; i < n; i++) {
		struct item *item = &d->items[tag + i];

		/* Refused as a whole, so none of it was done. One key may be the cause: each alone. */
		if (n > 1 && reply_error(r) != NULL && unlink_queue(d, tag + i, 1) == 0)
			continue;
		outcome = outcome_of(d, item, reply_array(r, &replies) ? reply_at(r, i) : r);
		if (outcome != NULL && journal_result(d->journal, item->key, outcome, &d->error) != 0)
			d->failed = true;
	}
}

/* The arguments of a call. */
struct call {
	size_t n;                               /* keys that are to go */
	size_t owners;
	struct candidate *owner[UNLINK_TOGETHER];
	struct buf keys[UNLINK_TOGETHER];       /* their heartbeats */
	char number[UNLINK_TOGETHER + 2][24];
	char sha1[SCRIPT_SHA1];                 /* of a DUMP, which goes alone */
};

/* The number of ${c} among the owners, from 1 on; 0 without memory. */
static size_t
owner_number(struct call *call, struct candidate *c)
{
	size_t i;

	for (i = 0; i < call->owners; i++)
		if (call->owner[i] == c)
			return i + 1;
	buf_reset(&call->keys[i]);
	key_make(&call->keys[i], FAMILY_HEARTBEAT, c->id);
	if (call->keys[i].failed)
		return 0;
	call->owner[i] = c;
	return ++call->owners;
}

static int
item_arguments(struct deleter *d, struct call *call, size_t i, const struct item *item,
    struct bytes argv[4])
{
	static const char digits[UNLINK_TOGETHER + 1][3] = { "0", "1", "2", "3", "4", "5", "6", "7",
		"8", "9", "10", "11", "12", "13", "14", "15", "16" };
	const bool digest = item->form == FORM_DUMP && item->bytes.n > WHOLE_MAX;
	size_t owner;

	if (digest && script_sha1(item->bytes, call->sha1) != 0)
		return -1;
	argv[0] = digest ? bytes_str(call->sha1) : item->bytes;
	argv[1] = bytes_of_int(item->pttl, call->number[i]);
	argv[2] = item->form == FORM_STRING ? B("s") : digest ? B("h") : B("d");
	argv[3] = B("0");
	if (item->owner == NULL || batch_regardless(d))
		return 0;
	if (item->family == FAMILY_HEARTBEAT)
		argv[3] = B("own");
	else if ((owner = owner_number(call, item->owner)) == 0)
		return -1;
	else
		argv[3] = bytes_str(digits[owner]);
	return 0;
}

static int
send_call(struct deleter *d, struct call *call, size_t first)
{
	/* Keys and, behind them, arguments: 5 an item, 2 an owner. */
	struct bytes keys[7 * UNLINK_TOGETHER + 2], argv[4 * UNLINK_TOGETHER];
	const size_t n = call->n;
	size_t k = 0;

	for (size_t i = 0; i < n; i++) {
		keys[k++] = d->items[first + i].key;
		if (item_arguments(d, call, i, &d->items[first + i], &argv[4 * i]) != 0)
			return -1;
	}
	for (size_t i = 0; i < call->owners; i++)
		keys[k++] = buf_view(&call->keys[i]);
	keys[k++] = bytes_of_int((int64_t)n, call->number[UNLINK_TOGETHER]);
	keys[k++] = bytes_of_int(d->reap->settings->liveness.heartbeat_ttl_max,
	    call->number[UNLINK_TOGETHER + 1]);
	for (size_t i = 0; i < 4 * n; i++)
		keys[k++] = argv[i];
	for (size_t i = 0; i < call->owners; i++)
		keys[k++] = call->owner[i]->heartbeat ? bytes_str(call->owner[i]->sha1) : B("");
	d->items[first].together = n;
	return script_add(d->reap->client, &d->script, CLIENT_ONCE, on_unlink, d, first,
	    n + call->owners, k, keys);
}

int
unlink_queue(struct deleter *d, size_t first, size_t n)
{
	struct call call = { .n = n };
	int outcome = send_call(d, &call, first);

	for (size_t i = 0; i < UNLINK_TOGETHER; i++)
		buf_free(&call.keys[i]);
	return outcome;
}
