#include "transfer.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "again.h"
#include "belongings.h"
#include "coordination/record.h"
#include "fields.h"
#include "moved.h"
#include "redis/script.h"
#include "staying.h"
#include "store.h"

#define BATCH 50

/*
 * KEYS old name, new name, the moved hash, the record, the heartbeat. ARGV old
 * value, new value, field and kept bytes for the hash, the record's bytes,
 * whether to mind the heartbeat, its bytes, least TTL, the hash's TTL.
 * What a script did stays done when a later command of it is refused: so each command is given first
 * where it does nothing, and the only one that can still fail, HSET, before the item is touched.
 */
static const char move_body[] =
    "if redis.call('GET', KEYS[4]) ~= ARGV[5] then return 'lost' end\n"
    STORE_LIFE("KEYS[5]", "ARGV[6]", "ARGV[7]")
    "local v = redis.pcall('GET', KEYS[1])\n"
    "if type(v) == 'table' then return 'kind' end\n"
    "if not v then return 'gone' end\n"
    "if v ~= ARGV[1] then return 'changed' end\n"
    "if redis.call('EXISTS', KEYS[2]) == 1 then return 'taken' end\n"
    "redis.call('SET', KEYS[2], '', 'XX')\n"
    "redis.call('DEL', KEYS[2])\n"
    "redis.call('PEXPIRE', KEYS[3], ARGV[9])\n"
    "redis.call('HSET', KEYS[3], ARGV[3], redis.sha1hex(ARGV[2]) .. ARGV[4])\n"
    "redis.call('PEXPIRE', KEYS[3], ARGV[9])\n"
    "local ttl = redis.call('PTTL', KEYS[1])\n"
    "if ttl < 0 then\n"
    " redis.call('SET', KEYS[2], ARGV[2])\n"
    "else\n"
    " redis.call('SET', KEYS[2], ARGV[2], 'PX', math.min(math.max(ttl, tonumber(ARGV[8])),\n"
    "  " STORE_TTL_MOST "))\n"
    "end\n"
    "redis.call('DEL', KEYS[1])\n"
    "return 'moved'\n";

/* An item on its way. */
struct parcel {
	const struct item *item;
	struct buf value, new_key, new_value, field;
	int64_t pttl;
	bool odd, json;
	const char *why; /* it is no JSON that fields can be added to */
	bool sent;
	char answer[16];
};

struct batch {
	struct coordinator *c;
	struct bytes new_id, told_id; /* told_id: for a person */
	struct parcel parcels[BATCH];
	size_t n;
	struct error *e;
	bool failed;
};

static void
batch_empty(struct batch *b)
{
	size_t i;

	for (i = 0; i < b->n; i++) {
		buf_free(&b->parcels[i].value);
		buf_free(&b->parcels[i].new_key);
		buf_free(&b->parcels[i].new_value);
		buf_free(&b->parcels[i].field);
	}
	memset(b->parcels, 0, sizeof(b->parcels));
	b->n = 0;
}

static void
on_value(void *ctx, size_t tag, const struct reply *r)
{
	struct batch *b = ctx;
	struct parcel *p = &b->parcels[tag];
	struct bytes value;
	const char *error;

	if (reply_string(r, &value))
		buf_bytes(&p->value, value);
	else if ((error = reply_error(r)) != NULL && strncmp(error, "WRONGTYPE", 9) == 0)
		p->odd = true;
	else if (!b->failed) {
		b->failed = true;
		(void)reply_fail(r, b->e, "reading a work item");
	}
}

static void
on_pttl(void *ctx, size_t tag, const struct reply *r)
{
	struct batch *b = ctx;

	if (!reply_integer(r, &b->parcels[tag].pttl) && !b->failed) {
		b->failed = true;
		(void)reply_fail(r, b->e, "reading the TTL of a work item");
	}
}

static int
drain(struct batch *b)
{
	struct escalate *x = b->c->job;

	if (client_drain(x->client) != 0) {
		*b->e = *client_error(x->client);
		return -1;
	}
	return b->failed ? -1 : 0;
}

static int
read_values(struct batch *b, const struct item *items, size_t n)
{
	struct escalate *x = b->c->job;
	char max[24];
	size_t i;

	(void)bytes_of_int(x->settings->reap_stale.undo_value_max, max);
	for (i = 0; i < n; i++) {
		b->parcels[i].item = &items[i];
		if (CLIENT_ADD(x->client, CLIENT_REPEAT, on_value, b, i, B("GETRANGE"),
		        items[i].key, B("0"), bytes_str(max)) != 0 ||
		    CLIENT_ADD(x->client, CLIENT_REPEAT, on_pttl, b, i, B("PTTL"),
		        items[i].key) != 0) {
			(void)client_drain(x->client);
			return error_set(b->e, EX_SOFTWARE, "out of memory");
		}
		b->n = i + 1;
	}
	return drain(b);
}

/* The item's new name and bytes. */
static bool
address(struct batch *b, struct parcel *p)
{
	struct buf from = { 0 }, to = { 0 };
	struct record *record;
	char now[24];
	bool ok = true;

	item_name(p->item, b->new_id, &p->new_key);
	if ((record = record_parse(buf_view(&p->value), &p->why)) != NULL) {
		snprintf(now, sizeof(now), "%" PRId64, run_now(b->c->job->run));
		record_quote(&from, b->c->id);
		record_quote(&to, b->new_id);
		p->json = !from.failed && !to.failed &&
		    record_splice(buf_view(&p->value), (const struct record_field[]){
		        { "transferredFrom", buf_cstr(&from) },
		        { "transferredAt", now },
		        { "assignedTo", buf_cstr(&to) },
		        { "status", "\"transferred\"" },
		    }, 4, &p->new_value);
		ok = p->json; /* what can be parsed can be spliced: else no memory */
	} else
		buf_bytes(&p->new_value, buf_view(&p->value));
	moved_field(p->item->key, !p->json, &p->field);
	buf_free(&from);
	buf_free(&to);
	record_free(record);
	return ok && !p->new_key.failed && !p->new_value.failed && !p->field.failed;
}

static void
on_moved(void *ctx, size_t tag, const struct reply *r)
{
	struct batch *b = ctx;
	struct parcel *p = &b->parcels[tag];
	struct bytes word;

	if (reply_string(r, &word) && word.n < sizeof(p->answer)) {
		memcpy(p->answer, word.p, word.n);
		p->answer[word.n] = '\0';
		return;
	}
	/* Nothing was done, or it is not known: the next run finds out. */
	strcpy(p->answer, "failed");
	if (r != NULL)
		(void)reply_fail(r, b->e, "moving a work item");
}

static enum item_fate
fate_of(const struct coordinator *c, const struct parcel *p)
{

	return p->odd ? ITEM_ODD :
	    p->value.n > (size_t)c->job->settings->reap_stale.undo_value_max ? ITEM_LARGE : ITEM_MOVES;
}

static int
send_batch(struct batch *b, const struct script *script)
{
	struct coordinator *c = b->c;
	struct escalate *x = c->job;
	struct buf moved = { 0 }, record = { 0 };
	struct store_life life;
	char least[24], keep[24];
	enum item_fate fate;
	struct parcel *p;
	size_t i;
	int rc = 0;

	moved_key(b->new_id, &moved);
	fields_key(c, FIELD_RECORD, &record);
	store_life(c, &life);
	if (moved.failed || record.failed || life.key.failed)
		rc = -1;
	for (i = 0; i < b->n && rc == 0; i++) {
		p = &b->parcels[i];
		if (p->pttl == -2)
			continue;
		if ((fate = fate_of(c, p)) != ITEM_MOVES) {
			staying_finding(c, p->item->key, fate, b->new_id);
			c->left++;
			continue;
		}
		if (!address(b, p)) {
			rc = -1;
			break;
		}
		p->sent = true;
		if (run_dry(x->run)) {
			strcpy(p->answer, "moved");
			continue;
		}
		/* Done twice, the second finds the old name gone and changes nothing. */
		rc = script_add(x->client, script, CLIENT_REPEAT, on_moved, b, i, 5, 14,
		    (struct bytes[]){ p->item->key, buf_view(&p->new_key), buf_view(&moved),
		        buf_view(&record), buf_view(&life.key), buf_view(&p->value),
		        buf_view(&p->new_value), buf_view(&p->field),
		        p->json ? buf_view(&p->value) : B(""), buf_view(&c->ledger.value),
		        life.minded, life.value,
		        bytes_of_int(WORK_TTL, least), bytes_of_int(MOVED_TTL(x), keep) });
	}
	if (rc != 0)
		(void)error_set(b->e, EX_SOFTWARE, "out of memory");
	if (drain(b) != 0)
		rc = -1;
	buf_free(&moved);
	buf_free(&record);
	buf_free(&life.key);
	return rc;
}

/* The worst that an answer says wins: alive, lost, failed, done. */
static void
settle(struct batch *b, enum transfer_end *end)
{
	struct coordinator *c = b->c;
	struct result *result = c->job->result;
	const struct parcel *p;
	size_t i;

	for (i = 0; i < b->n; i++) {
		p = &b->parcels[i];
		if (!p->sent)
			continue;
		if (strcmp(p->answer, "moved") == 0) {
			c->moved++;
			result_count(result, "work-moved", 1);
			result_action(result, "move", p->item->key, "work %s to %.*s%s%s",
			    run_dry(c->job->run) ? "would be moved" : "moved", (int)b->told_id.n,
			    b->told_id.p, p->json ? "" : ", as it is: it ", p->json ? "" : p->why);
		} else if (strcmp(p->answer, "alive") == 0 ||
		    (strcmp(p->answer, "changed") == 0 && c->job->options->force < 2))
			*end = TRANSFER_ALIVE;
		else if (strcmp(p->answer, "lost") == 0 && *end != TRANSFER_ALIVE)
			*end = TRANSFER_LOST;
		else if (strcmp(p->answer, "taken") == 0) {
			c->left++;
			staying_finding(c, p->item->key, ITEM_TAKEN, b->new_id);
		} else if (strcmp(p->answer, "kind") == 0 || strcmp(p->answer, "changed") == 0) {
			c->left++;
			result_finding(result, "work-changed", SEVERITY_WARNING, p->item->key,
			    "this work item changed while it was being moved, and stays");
		} else if (strcmp(p->answer, "failed") == 0) {
			result_failed(result, "move-failed", p->item->key, "%s",
			    b->e->text[0] != '\0' ? b->e->text : "the reply was lost");
			if (*end == TRANSFER_DONE)
				*end = TRANSFER_FAILED;
		}
	}
}

int
transfer_work(struct coordinator *c, struct bytes new_id, enum transfer_end *end,
    struct error *e)
{
	struct escalate *x = c->job;
	struct script script;
	struct batch *b;
	size_t at, n;
	int rc = 0;

	*end = TRANSFER_DONE;
	c->moved = c->left = 0;
	script_init(&script, "escalate-move", move_body);
	if ((b = calloc(1, sizeof(*b))) == NULL)
		return error_set(e, EX_SOFTWARE, "out of memory");
	b->c = c;
	b->new_id = new_id;
	b->told_id = again_told(c);
	b->e = e;
	for (at = 0; at < c->items_n && rc == 0 && *end == TRANSFER_DONE; at += n) {
		n = c->items_n - at < BATCH ? c->items_n - at : BATCH;
		if (run_should_stop(x->run)) {
			*end = TRANSFER_STOPPED;
			break;
		}
		if ((rc = run_keep_lease(x->run, e)) != 0 ||
		    (rc = read_values(b, c->items + at, n)) != 0)
			break;
		rc = send_batch(b, &script);
		settle(b, end);
		batch_empty(b);
	}
	batch_empty(b);
	free(b);
	return rc;
}
