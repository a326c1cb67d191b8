#include "owners.h"

#include <stdlib.h>
#include <string.h>

#include "base/map.h"
#include "coordination/keys.h"

struct owners {
	struct map *counts; /* id -> int64_t */
	size_t most;
	int64_t error;
};

struct owners *
owners_new(size_t most)
{
	struct owners *o;

	if ((o = calloc(1, sizeof(*o))) == NULL)
		return NULL;
	o->most = most;
	if ((o->counts = map_new(sizeof(int64_t))) == NULL) {
		free(o);
		return NULL;
	}
	return o;
}

void
owners_free(struct owners *o)
{

	if (o == NULL)
		return;
	map_free(o->counts, NULL);
	free(o);
}

/* No counter is free: the new key and one of each other id cancel out. */
static void
cancel(struct owners *o)
{
	size_t at = 0;
	void *value;

	o->error++;
	while (map_next(o->counts, &at, NULL, &value))
		if (--*(int64_t *)value == 0)
			map_remove_at(o->counts, at);
}

int
owners_add(struct owners *o, struct bytes id)
{
	bool full = map_count(o->counts) >= o->most;
	int64_t *count = full ? map_find(o->counts, id) : map_put(o->counts, id, NULL);

	if (count != NULL)
		++*count;
	else if (full)
		cancel(o);
	else
		return -1;
	return 0;
}

int64_t
owners_error(const struct owners *o)
{

	return o->error;
}

static int
largest_first(const void *a, const void *b)
{
	const struct owner *x = a, *y = b;

	if (x->least != y->least)
		return x->least > y->least ? -1 : 1;
	return bytes_compare(x->id, y->id);
}

struct owner *
owners_over(const struct owners *o, int64_t over, size_t *n)
{
	struct owner *list = NULL;
	struct bytes id;
	size_t at = 0, room = 0;
	void *value;

	*n = 0;
	while (map_next(o->counts, &at, &id, &value))
		room += *(int64_t *)value + o->error > over;
	if (room == 0 || (list = calloc(room, sizeof(*list))) == NULL) {
		*n = room;
		return NULL;
	}
	at = 0;
	while (map_next(o->counts, &at, &id, &value))
		if (*(int64_t *)value + o->error > over)
			list[(*n)++] = (struct owner){ id, *(int64_t *)value };
	qsort(list, *n, sizeof(*list), largest_first);
	return list;
}

struct counting {
	struct owners *owners;
	struct bytes last; /* an idempotency record to oneself counts once */
	int failed;
};

static bool
has_colon(struct bytes s)
{

	return bytes_find(s, ':', 0) < s.n;
}

static bool
count_claim(void *ctx, const struct key_claim *claim)
{
	struct counting *c = ctx;
	const enum family f = claim->family;
	bool several = f == FAMILY_ACK || f == FAMILY_WORK || f == FAMILY_IDEMPOTENCY;

	if (several && (has_colon(claim->id) || has_colon(claim->swarm)))
		return true;
	if (c->last.p != NULL && bytes_equal(c->last, claim->id))
		return true;
	c->last = claim->id;
	c->failed |= owners_add(c->owners, claim->id);
	/* Of an ack or a work item there is one plain reading, of the many that a
	 * key full of colons has. */
	return f == FAMILY_IDEMPOTENCY;
}

int
owners_count_key(struct owners *o, struct bytes key)
{
	struct counting c = { .owners = o };

	key_claims(key, count_claim, &c);
	return c.failed;
}
