#include "moved.h"

#include <stdlib.h>
#include <string.h>

#include "coordination/hash.h"
#include "coordination/keys.h"
#include "coordination/record.h"
#include "fields.h"
#include "redis/script.h"
#include "store.h"
#include "transfer.h"

#define BATCH 100
/* Names in the escalation record. */
#define NAMES_MAX 100
#define NAMES_BYTES 16384

void
moved_key(struct bytes new_id, struct buf *out)
{

	buf_str(out, "coordkeep:moved:");
	buf_bytes(out, new_id);
}

void
moved_field(struct bytes old_key, bool unchanged, struct buf *out)
{

	buf_str(out, unchanged ? "u:" : "j:");
	buf_bytes(out, old_key);
}

/*
 * KEYS new name, old name, the moved hash, the record. ARGV field, the record's bytes,
 * whether to do it or only to say what it would do.
 * What stands under the new name has to be what we put there. What could be refused is tried first, as
 * in the script that moves.
 */
static const char back_body[] =
    "local dry = ARGV[3] ~= '1'\n"
    "if not dry and redis.call('GET', KEYS[4]) ~= ARGV[2] then return 'lost' end\n"
    "local kept = redis.call('HGET', KEYS[3], ARGV[1])\n"
    "if not kept then return 'back' end\n"
    "local v = redis.pcall('GET', KEYS[1])\n"
    "if type(v) == 'table' then return 'changed' end\n"
    "local old = redis.call('EXISTS', KEYS[2])\n"
    "if not v then return old == 1 and 'there' or 'gone' end\n"
    "if redis.sha1hex(v) ~= string.sub(kept, 1, 40) then return 'changed' end\n"
    "if old == 1 then return 'taken' end\n"
    "if dry then return 'back' end\n"
    "if string.sub(ARGV[1], 1, 2) == 'j:' then v = string.sub(kept, 41) end\n"
    "redis.call('SET', KEYS[2], '', 'XX')\n"
    "redis.call('DEL', KEYS[2])\n"
    "redis.call('HDEL', KEYS[3], '')\n"
    "local ttl = redis.call('PTTL', KEYS[1])\n"
    "if ttl < 0 then\n"
    " redis.call('SET', KEYS[2], v)\n"
    "else\n"
    " redis.call('SET', KEYS[2], v, 'PX', math.min(math.max(ttl, 1), " STORE_TTL_MOST "))\n"
    "end\n"
    "redis.call('DEL', KEYS[1])\n"
    "redis.call('HDEL', KEYS[3], ARGV[1])\n"
    "return 'back'\n";

struct back {
	struct coordinator *c;
	struct bytes new_id;
	struct buf *fields;  /* own copies */
	size_t n, cap;
	int64_t *left;
	struct error *e;
	bool failed;
};

static bool
on_field(void *ctx, struct bytes field, struct bytes value)
{
	struct back *b = ctx;
	struct buf *more;
	size_t size;

	(void)value;
	if (b->n == b->cap) {
		size = b->cap == 0 ? 64 : b->cap * 2;
		if ((more = realloc(b->fields, size * sizeof(*more))) == NULL)
			return false;
		b->fields = more;
		b->cap = size;
	}
	b->fields[b->n] = (struct buf){ 0 };
	buf_bytes(&b->fields[b->n], field);
	return !b->fields[b->n++].failed;
}

static void
stays(struct back *b, struct bytes key, struct bytes word)
{
	struct result *result = b->c->job->result;

	++*b->left;
	if (bytes_equal(word, B("gone")))
		result_finding(result, "work-not-moved-back", SEVERITY_WARNING, key,
		    "neither under this name nor under that of %.*s: it was finished, handed on once more, "
		    "deleted or has expired", (int)b->new_id.n, b->new_id.p);
	else
		result_finding(result, "work-not-moved-back", SEVERITY_WARNING, key,
		    bytes_equal(word, B("taken")) ?
		    "its old name is taken again: it stays with %.*s" :
		    "it was changed meanwhile: it stays with %.*s", (int)b->new_id.n, b->new_id.p);
}

static void
on_back(void *ctx, size_t tag, const struct reply *r)
{
	struct back *b = ctx;
	struct result *result = b->c->job->result;
	struct bytes word, key = bytes_from(buf_view(&b->fields[tag]), 2);

	if (!reply_string(r, &word)) {
		b->failed = true;
		(void)reply_fail(r, b->e, "moving a work item back");
	} else if (bytes_equal(word, B("back")))
		result_action(result, "move-back", key, "work %s moved back",
		    run_dry(b->c->job->run) ? "would be" : "is");
	else if (bytes_equal(word, B("lost"))) {
		b->failed = true;
		(void)error_set(b->e, EX_TEMPFAIL, "another run changed the escalation record");
	} else if (!bytes_equal(word, B("there"))) /* its owner has written it anew */
		stays(b, key, word);
}

static int
send_back(struct back *b, const struct script *script, size_t i)
{
	struct coordinator *c = b->c;
	struct buf moved = { 0 }, record = { 0 }, new_key = { 0 };
	struct bytes field = buf_view(&b->fields[i]), key, swarm, work_id;
	int rc = -1;

	key = bytes_from(field, 2);
	/* Only a key that was moved for this owner can have been entered. */
	if (!key_work_parse(key, c->id, &swarm, &work_id))
		return 0;
	moved_key(b->new_id, &moved);
	fields_key(c, FIELD_RECORD, &record);
	buf_str(&new_key, "coordinator:work:");
	buf_bytes(&new_key, swarm);
	buf_char(&new_key, ':');
	buf_bytes(&new_key, b->new_id);
	buf_char(&new_key, ':');
	buf_bytes(&new_key, work_id);
	if (!moved.failed && !record.failed && !new_key.failed)
		rc = script_add(c->job->client, script, CLIENT_REPEAT, on_back, b, i, 4, 7,
		    (struct bytes[]){ buf_view(&new_key), key, buf_view(&moved), buf_view(&record),
		        field, buf_view(&c->ledger.value),
		        run_dry(c->job->run) ? B("0") : B("1") });
	buf_free(&moved);
	buf_free(&record);
	buf_free(&new_key);
	return rc == 0 ? 0 : error_set(b->e, EX_SOFTWARE, "out of memory");
}

int
transfer_back(struct coordinator *c, struct bytes new_id, int64_t *left, struct error *e)
{
	struct client *client = c->job->client;
	struct back b = { .c = c, .new_id = new_id, .left = left, .e = e };
	struct buf key = { 0 };
	struct script script;
	size_t i;
	int rc;

	*left = 0;
	script_init(&script, "escalate-back", back_body);
	moved_key(new_id, &key);
	rc = key.failed ? error_set(e, EX_SOFTWARE, "out of memory") :
	    hash_walk(client, buf_view(&key), on_field, &b, e);
	for (i = 0; i < b.n && rc == 0; i++) {
		rc = send_back(&b, &script, i);
		if ((i % BATCH == BATCH - 1 || i == b.n - 1) && rc == 0) {
			if (client_drain(client) != 0) {
				*e = *client_error(client);
				rc = -1;
			} else if (b.failed || run_keep_lease(c->job->run, e) != 0)
				rc = -1;
		}
	}
	if (client_drain(client) != 0 && rc == 0)
		rc = -1;
	for (i = 0; i < b.n; i++)
		buf_free(&b.fields[i]);
	free(b.fields);
	buf_free(&key);
	return rc;
}

/* A page of HSCAN: the next cursor into ${cursor}, the old keys onto ${names}. */
static int
take_page(const struct reply *r, struct buf *cursor, struct buf *names, size_t *n)
{
	const struct reply *pairs;
	struct bytes next, field;
	size_t parts, i;

	if (!reply_array(r, &parts) || parts != 2 || !reply_string(reply_at(r, 0), &next) ||
	    !reply_array(pairs = reply_at(r, 1), &parts))
		return -1;
	buf_reset(cursor);
	buf_bytes(cursor, next);
	for (i = 0; i + 1 < parts; i += 2) {
		if (!reply_string(reply_at(pairs, i), &field))
			return -1;
		if (++*n > NAMES_MAX || names->n > NAMES_BYTES)
			continue;
		if (names->n > 1)
			buf_char(names, ',');
		record_quote(names, bytes_from(field, 2));
	}
	return cursor->failed ? -1 : 0;
}

int
transfer_kept(struct escalate *x, struct bytes new_id, int64_t *n, struct error *e)
{
	struct buf key = { 0 };
	struct reply *r;
	int rc = 0;

	*n = 0;
	moved_key(new_id, &key);
	if (key.failed)
		return error_set(e, EX_SOFTWARE, "out of memory");
	if ((r = CLIENT_CALL(x->client, CLIENT_REPEAT, B("HLEN"), buf_view(&key))) == NULL) {
		*e = *client_error(x->client);
		rc = -1;
	} else if (hash_is_wrong_type(r))
		rc = hash_wrong_type(x->client, buf_view(&key), "hash", e);
	else if (!reply_integer(r, n))
		rc = reply_fail(r, e, "HLEN %.*s", (int)key.n, key.p);
	reply_free(r);
	buf_free(&key);
	return rc;
}

int
transfer_count(struct escalate *x, struct bytes new_id, int64_t *moved, struct buf *unchanged,
    struct error *e)
{
	struct buf key = { 0 }, cursor = { 0 };
	struct reply *r;
	size_t n = 0;
	int rc;

	moved_key(new_id, &key);
	buf_char(unchanged, '[');
	buf_char(&cursor, '0');
	rc = transfer_kept(x, new_id, moved, e);
	while (rc == 0 && *moved > 0) {
		r = CLIENT_CALL(x->client, CLIENT_REPEAT, B("HSCAN"), buf_view(&key),
		    buf_view(&cursor), B("MATCH"), B("u:*"), B("COUNT"), B("1000"));
		if (r == NULL)
			goto lost;
		if (take_page(r, &cursor, unchanged, &n) != 0)
			rc = reply_fail(r, e, "HSCAN of the work that was moved");
		reply_free(r);
		if (bytes_equal(buf_view(&cursor), B("0")))
			break;
	}
	buf_char(unchanged, ']');
	buf_free(&key);
	buf_free(&cursor);
	return rc;
lost:
	if (key.failed)
		(void)error_set(e, EX_SOFTWARE, "out of memory");
	else
		*e = *client_error(x->client);
	buf_free(&key);
	buf_free(&cursor);
	return -1;
}
