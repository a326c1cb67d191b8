#include "belongings.h"

#include <stdlib.h>
#include <string.h>

#include "coordination/keys.h"
#include "coordination/record.h"

/* Values read in one exchange. */
#define BATCH 100

struct claims {
	const struct escalate *x;
	struct bytes first;
	struct bytes first_swarm, first_work_id;
	size_t n;
	bool alive; /* one of them is */
	bool gone;  /* one of them is known, and not alive */
};

static bool
is_alive(const struct coordinator *c)
{

	return c->judgement.verdict == VERDICT_ALIVE && !c->judgement.confirmable &&
	    c->fields[FIELD_HEARTBEAT].there;
}

/* The one that a person names, for whatever end. */
static const char *
asked_for(const struct escalate *x)
{

	return x->options->explain != NULL ? x->options->explain : x->options->coordinator;
}

static bool
on_claim(void *ctx, const struct key_claim *claim)
{
	struct claims *k = ctx;
	const struct coordinator *c = escalate_find(k->x, claim->id);
	const char *only = asked_for(k->x);

	if (k->n++ == 0) {
		k->first = claim->id;
		k->first_swarm = claim->swarm;
		k->first_work_id = claim->work_id;
	}
	if (c != NULL && c->judged) {
		/* Of the one that a person names all is wanted: it may be forced. */
		if (is_alive(c) && (only == NULL || !bytes_equal(claim->id, bytes_str(only))))
			k->alive = true;
		else
			k->gone = true;
	} else if (roster_find(&k->x->roster, claim->id) != NULL)
		k->gone = true;
	return true;
}

/*
 * Most work is that of the living. Where ids or work ids hold colons, a key of
 * theirs has other parses, whose ids nobody has ever heard of; a run without
 * history has heard of nobody and keeps those.
 */
static bool
wanted(const struct claims *k)
{

	return k->gone || !k->alive || (k->n > 1 && !k->x->roster.existed);
}

static bool
copy(struct bytes from, struct bytes *to)
{
	char *p = malloc(from.n + 1);

	if (p == NULL)
		return false;
	memcpy(p, from.p, from.n);
	*to = (struct bytes){ p, from.n };
	/* cppcheck-suppress memleak ; *to holds it */
	return true;
}

static void
discard(struct bytes key)
{

	free((void *)(uintptr_t)key.p);
}

static bool
append(struct bytes **list, size_t *n, size_t *cap, struct bytes key)
{
	struct bytes *more;
	size_t size;

	if (*n == *cap) {
		size = *cap == 0 ? 64 : *cap * 2;
		if ((more = realloc(*list, size * sizeof(*more))) == NULL)
			return false;
		*list = more;
		*cap = size;
	}
	(*list)[(*n)++] = key;
	return true;
}

int
belongings_note(struct escalate *x, struct bytes key)
{
	struct claims k = { .x = x };
	struct bytes own;

	key_claims(key, on_claim, &k);
	if (!wanted(&k))
		return 0;
	if (!copy(key, &own))
		return -1;
	if (!append(&x->loose, &x->loose_n, &x->loose_cap, own)) {
		discard(own);
		return -1;
	}
	return 0;
}

static bool
same_item(const struct coordinator *c, struct bytes key)
{
	size_t i;

	/* SCAN gives repeats close together, if at all. */
	for (i = c->items_n; i > 0 && c->items_n - i < 16; i--)
		if (bytes_equal(c->items[i - 1].key, key))
			return true;
	return false;
}

/* ${key} becomes that of ${id}, or is freed. False without memory (then it is the caller's). */
static bool
give(struct escalate *x, struct bytes id, struct bytes key, struct bytes swarm,
    struct bytes work_id)
{
	struct coordinator *c = escalate_coordinator(x, id);
	struct item *more;
	size_t size;

	if (c == NULL)
		return false;
	if (same_item(c, key)) {
		discard(key);
		return true;
	}
	if (c->items_n == c->items_cap) {
		size = c->items_cap == 0 ? 8 : c->items_cap * 2;
		if ((more = realloc(c->items, size * sizeof(*more))) == NULL)
			return false;
		c->items = more;
		c->items_cap = size;
	}
	c->items[c->items_n++] = (struct item){ .key = key, .swarm = swarm, .work_id = work_id };
	return true;
}

static bool
mark_uncertain(void *ctx, const struct key_claim *claim)
{
	struct coordinator *c = escalate_find(ctx, claim->id);

	if (c != NULL)
		c->uncertain++;
	return true;
}

static bool
leave(struct escalate *x, struct bytes key)
{

	if (!append(&x->uncertain, &x->uncertain_n, &x->uncertain_cap, key))
		return false;
	key_claims(key, mark_uncertain, x);
	return true;
}

/* The value of an ambiguous key has come. */
static void
on_value(void *ctx, size_t tag, const struct reply *r)
{
	struct escalate *x = ctx;
	struct bytes key = x->loose[tag], value, owner, swarm, work_id;
	struct record *record = NULL;
	const char *error, *why;
	bool ok;

	if (reply_string(r, &value))
		record = record_parse(value, &why);
	else if ((error = reply_error(r)) == NULL || strncmp(error, "WRONGTYPE", 9) != 0) {
		if (x->failed.exit == 0)
			(void)reply_fail(r, &x->failed, "reading a work item");
		return;
	}
	if (record != NULL && record_text(record, "assignedTo", &owner) &&
	    key_work_parse(key, owner, &swarm, &work_id))
		ok = give(x, owner, key, swarm, work_id);
	else
		ok = leave(x, key);
	record_free(record);
	if (ok)
		x->loose[tag] = (struct bytes){ NULL, 0 };
	else
		(void)error_set(&x->failed, EX_SOFTWARE, "out of memory");
}

int
belongings_settle(struct escalate *x, struct error *e)
{
	char max[24];
	size_t i;

	(void)bytes_of_int(x->settings->reap_stale.undo_value_max, max);
	for (i = 0; i < x->loose_n; i++) {
		struct claims k = { .x = x };

		key_claims(x->loose[i], on_claim, &k);
		if (!wanted(&k))
			continue;
		if (k.n == 1) {
			if (!give(x, k.first, x->loose[i], k.first_swarm, k.first_work_id))
				return error_set(e, EX_SOFTWARE, "out of memory");
			x->loose[i] = (struct bytes){ NULL, 0 };
		} else if (CLIENT_ADD(x->client, CLIENT_REPEAT, on_value, x, i, B("GETRANGE"),
		               x->loose[i], B("0"), bytes_str(max)) != 0)
			return error_set(e, EX_SOFTWARE, "out of memory");
		if (client_pending(x->client) >= BATCH && client_drain(x->client) != 0) {
			*e = *client_error(x->client);
			return -1;
		}
	}
	if (client_drain(x->client) != 0) {
		*e = *client_error(x->client);
		return -1;
	}
	if (x->failed.exit != 0) {
		*e = x->failed;
		return -1;
	}
	for (i = 0; i < x->loose_n; i++)
		discard(x->loose[i]);
	x->loose_n = 0;
	return 0;
}

void
belongings_release(struct escalate *x)
{
	const char *only = asked_for(x);
	struct coordinator *c;
	size_t at = 0, i;

	while ((c = escalate_next(x, &at)) != NULL) {
		if (!is_alive(c) || c->ledger.stage != LEDGER_NONE ||
		    (only != NULL && bytes_equal(c->id, bytes_str(only))))
			continue;
		c->released = true;
		for (i = 0; i < c->items_n; i++)
			discard(c->items[i].key);
		c->items_n = 0;
	}
}

void
belongings_prune(struct coordinator *c)
{
	size_t i, kept = 0;

	for (i = 0; i < c->items_n; i++) {
		if (c->items[i].fate == ITEM_GONE)
			discard(c->items[i].key);
		else
			c->items[kept++] = c->items[i];
	}
	c->items_n = kept;
}

void
item_name(const struct item *item, struct bytes id, struct buf *out)
{

	buf_str(out, "coordinator:work:");
	buf_bytes(out, item->swarm);
	buf_char(out, ':');
	buf_bytes(out, id);
	buf_char(out, ':');
	buf_bytes(out, item->work_id);
}

void
belongings_drop(struct escalate *x)
{
	size_t i;

	for (i = 0; i < x->loose_n; i++)
		discard(x->loose[i]);
	for (i = 0; i < x->uncertain_n; i++)
		discard(x->uncertain[i]);
	x->loose_n = x->uncertain_n = 0;
}
