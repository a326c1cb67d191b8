#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "batch.h"
#include "coordination/record.h"

/* A record that more others could own than that is left to its TTL. */
#define OTHERS_MOST 16

void
deleter_give_up(struct deleter *d, struct item *item, const struct reply *r,
    const char *event, const char *what)
{
	struct error e = { 0 };

	if (item->owner != NULL)
		item->owner->failed = true;
	reply_fail(r, &e, "%s", what);
	if (reply_refuses_key(r)) {
		reap_refused(d->reap, item->key, &e);
		return;
	}
	result_failed(d->reap->result, event, item->key, "not deleted: %s", e.text);
	if (e.exit != EX_CRITICAL && !d->failed) {
		d->failed = true;
		d->error = e;
	}
}

static int
no_memory(struct deleter *d)
{
	d->failed = true;
	return error_set(&d->error, EX_SOFTWARE, "out of memory");
}

static void
gone(struct deleter *d, struct item *item)
{
	item->form = FORM_LEFT;
	result_count(d->reap->result, "keys-gone-meanwhile", 1);
	batch_note_gone(item);
}

static int
copy(struct deleter *d, struct bytes from, struct bytes *to)
{
	char *p = malloc(from.n > 0 ? from.n : 1);

	if (p == NULL)
		return no_memory(d);
	if (from.n > 0)
		memcpy(p, from.p, from.n);
	*to = (struct bytes){ p, from.n };
	d->bytes += from.n;
	/* cppcheck-suppress memleak ; the item holds it */
	return 0;
}

/* What carries a time says whether it is newer than the threshold. */
static bool
has_time(enum family f)
{
	return f == FAMILY_SIGNAL || f == FAMILY_ACK || f == FAMILY_ACTIVITY;
}

/* Another that it may belong to lives, or may. */
static void
leave_uncertain(struct deleter *d, struct item *item)
{
	item->form = FORM_LEFT;
	result_count(d->reap->result, "keys-of-uncertain-owner", 1);
	log_event(LOG_LEVEL_DEBUG, "uncertain-owner", &item->key,
	    "left: another that may own it lives");
}

static void
read_record(struct deleter *d, struct item *item, struct bytes value)
{
	struct record *record;
	struct stamp stamp;
	struct bytes names;
	const char *why;

	if (item->family == FAMILY_IDEMPOTENCY)
		item->stamp = key_idempotency_time(item->key);
	if (!has_time(item->family) || (record = record_parse(value, &why)) == NULL)
		return;
	if (item->family == FAMILY_ACTIVITY ? record_activity_time(record, &stamp) :
	                                      record_signal_time(record, &stamp))
		item->stamp = stamp.ms;
	/* "ack:a:b" may be a's or a:b's; a value that names another of these decides. */
	if (item->family == FAMILY_ACK && item->owner != NULL &&
	    record_text(record, "coordinatorId", &names) && key_may_belong(item->key, names)) {
		item->decided = true;
		if (!bytes_equal(names, item->owner->id) &&
		    (item->owner = map_find(d->reap->candidates, names)) == NULL)
			leave_uncertain(d, item);
	}
	record_free(record);
}

/* The keys by which the others that ${item} may belong to would show that they live. */
struct others {
	const struct deleter *d;
	const struct item *item;
	struct buf keys[2 * OTHERS_MOST];
	size_t n;  /* of the others, also of those that found no room */
	bool held; /* one of them is on hold */
};

static bool
note_other(void *ctx, const struct key_claim *claim)
{
	struct others *o = ctx;

	o->held |= reap_is_held(o->d->reap, claim->id);
	/* Candidates have been looked at. */
	if (bytes_equal(claim->id, o->item->owner->id) ||
	    map_find(o->d->reap->candidates, claim->id) != NULL)
		return true;
	if (o->n < OTHERS_MOST) {
		key_make(&o->keys[2 * o->n], FAMILY_HEARTBEAT, claim->id);
		key_make(&o->keys[2 * o->n + 1], FAMILY_ACTIVITY, claim->id);
	}
	return ++o->n <= OTHERS_MOST;
}

static void
on_others(void *ctx, size_t tag, const struct reply *r)
{
	struct deleter *d = ctx;
	struct item *item = &d->items[tag];
	int64_t there;

	if (item->form == FORM_LEFT)
		return;
	if (!reply_integer(r, &there)) {
		item->form = FORM_LEFT;
		deleter_give_up(d, item, r, "read-failed", "EXISTS");
	} else if (there > 0)
		leave_uncertain(d, item);
}

/* Now that it has been read: one that may belong to several, and does not say whose it is, goes only if none of them lives: also one that this run has not
 * met, because it began to write after the first pass, or --coordinator made none. */
static void
look_at_others(struct deleter *d, size_t tag)
{
	struct item *item = &d->items[tag];
	struct others o = { .d = d, .item = item };
	struct bytes argv[1 + 2 * OTHERS_MOST] = { B("EXISTS") };
	size_t argc = 1;
	bool failed = false;

	if (item->form == FORM_LEFT || item->decided || item->owner == NULL ||
	    (item->family != FAMILY_ACK && item->family != FAMILY_IDEMPOTENCY))
		return;
	key_claims(item->key, note_other, &o);
	if (o.n > OTHERS_MOST || o.held)
		leave_uncertain(d, item);
	for (size_t i = 0; item->form != FORM_LEFT && i < 2 * o.n; i++) {
		argv[argc++] = buf_view(&o.keys[i]);
		failed |= o.keys[i].failed;
	}
	if (failed || (argc > 1 && client_add(d->reap->client, CLIENT_REPEAT, on_others, d, tag, argc,
	                   argv) != 0))
		no_memory(d);
	for (size_t i = 0; i < 2 * OTHERS_MOST; i++)
		buf_free(&o.keys[i]);
}

/* A long value's time, after its DUMP. */
static void
on_long_value(void *ctx, size_t tag, const struct reply *r)
{
	struct deleter *d = ctx;
	struct bytes value;

	if (d->items[tag].form == FORM_DUMP && reply_string(r, &value))
		read_record(d, &d->items[tag], value);
	look_at_others(d, tag);
}

static void
on_dump(void *ctx, size_t tag, const struct reply *r)
{
	struct deleter *d = ctx;
	struct item *item = &d->items[tag];
	struct bytes dump;

	if (item->form != FORM_READING)
		return;
	item->form = FORM_LEFT;
	if (r != NULL && reply_is_nil(r))
		gone(d, item);
	else if (!reply_string(r, &dump))
		deleter_give_up(d, item, r, "read-failed", "DUMP");
	else if (copy(d, dump, &item->bytes) == 0) {
		item->form = FORM_DUMP;
		if (!has_time(item->family))
			look_at_others(d, tag);
	}
}

static void
too_large(struct deleter *d, struct item *item, int64_t size)
{
	const int64_t max = d->reap->settings->reap_stale.undo_value_max;

	item->form = FORM_LEFT;
	if (item->owner != NULL)
		item->owner->failed = true;
	result_finding(d->reap->result, "value-too-large", SEVERITY_WARNING, item->key,
	    "left: it takes %lld bytes, more than undo_value_max = %lld; copying it would stall the "
	    "server (UNLINK it by hand)", (long long)size, (long long)max);
}

static void
on_memory(void *ctx, size_t tag, const struct reply *r)
{
	struct deleter *d = ctx;
	struct item *item = &d->items[tag];
	int64_t size;

	if (r != NULL && reply_is_nil(r))
		gone(d, item);
	else if (!reply_integer(r, &size)) {
		item->form = FORM_LEFT;
		deleter_give_up(d, item, r, "read-failed", "MEMORY USAGE");
	} else if (size > d->reap->settings->reap_stale.undo_value_max)
		too_large(d, item, size);
	else if (CLIENT_ADD(d->reap->client, CLIENT_REPEAT, on_dump, d, tag, B("DUMP"),
	             item->key) != 0 ||
	    (has_time(item->family) && CLIENT_ADD(d->reap->client, CLIENT_REPEAT, on_long_value,
	        d, tag, B("GET"), item->key) != 0))
		no_memory(d);
}

static void
on_value(void *ctx, size_t tag, const struct reply *r)
{
	struct deleter *d = ctx;
	struct item *item = &d->items[tag];
	const char *error = reply_error(r);
	struct bytes value;

	if (item->form != FORM_READING)
		return;
	if (reply_string(r, &value) && value.n <= VALUE_MAX) {
		if (copy(d, value, &item->bytes) != 0)
			return;
		item->form = FORM_STRING;
		/* Here, where the server works meanwhile. */
		if (item->family == FAMILY_HEARTBEAT && item->owner != NULL)
			item->as_judged = batch_is_as_judged(d, item);
		read_record(d, item, value);
		look_at_others(d, tag);
		return;
	}
	if (!reply_string(r, &value) && (error == NULL || strncmp(error, "WRONGTYPE", 9) != 0)) {
		item->form = FORM_LEFT;
		deleter_give_up(d, item, r, "read-failed", "GETRANGE");
	} else if (CLIENT_ADD(d->reap->client, CLIENT_REPEAT, on_memory, d, tag, B("MEMORY"),
	               B("USAGE"), item->key) != 0)
		no_memory(d);
}

/* Before the value: what is written between the two is then seen to have moved its expiry later. */
static void
on_pttl(void *ctx, size_t tag, const struct reply *r)
{
	struct deleter *d = ctx;
	struct item *item = &d->items[tag];

	if (!reply_integer(r, &item->pttl)) {
		item->form = FORM_LEFT;
		deleter_give_up(d, item, r, "read-failed", "PTTL");
	} else if (item->pttl == -2)
		gone(d, item);
}

int
deleter_offer(struct deleter *d, struct bytes key, enum family f, struct candidate *owner)
{
	struct client *c = d->reap->client;
	struct item *item;
	char max[24];

	if (d->failed)
		return -1;
	if (d->n == d->cap) {
		size_t cap = d->cap == 0 ? 256 : d->cap * 2;
		struct item *items = realloc(d->items, cap * sizeof *items);

		if (items == NULL)
			return no_memory(d);
		d->items = items;
		d->cap = cap;
	}
	item = &d->items[d->n];
	*item = (struct item){ .owner = owner, .family = f };
	if (copy(d, key, &item->key) != 0)
		return -1;
	d->n++;
	if (CLIENT_ADD(c, CLIENT_REPEAT, on_pttl, d, d->n - 1, B("PTTL"), item->key) != 0 ||
	    CLIENT_ADD(c, CLIENT_REPEAT, on_value, d, d->n - 1, B("GETRANGE"), item->key, B("0"),
	        bytes_of_int(VALUE_MAX, max)) != 0)
		return no_memory(d);
	return 0;
}
