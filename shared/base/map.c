#include "base/map.h"

#include <sys/random.h>

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/siphash.h"

/* Open addressing over pointers to entries, so that entries never move. An
 * entry is one allocation: header, value, key. Its hash is in the slot: those that only stand in
 * the way are passed without being read. */
struct entry {
	uint32_t key_size;
	_Alignas(max_align_t) char data[];
};

struct slot {
	struct entry *entry; /* NULL: empty */
	uint32_t hash;
};

struct map {
	struct slot *slots;
	size_t size;  /* a power of two */
	size_t count; /* entries */
	size_t used;  /* entries and graves */
	size_t value_size;
	unsigned char key[16];
};

#define SIZE_FIRST 16

/* What a removed entry leaves in its slot, so that probing goes on past it and
 * a walk that removes as it goes sees every entry once. */
static struct entry grave;

static char *
entry_key(const struct map *m, struct entry *e)
{
	return e->data + m->value_size;
}

static int
random_key(unsigned char *key, size_t size)
{
	ssize_t n;

	do
		n = getrandom(key, size, 0);
	while (n == -1 && errno == EINTR);
	return n == (ssize_t)size ? 0 : -1;
}

struct map *
map_new(size_t value_size)
{
	struct map *m = calloc(1, sizeof(*m));

	if (m == NULL)
		return NULL;
	m->slots = calloc(SIZE_FIRST, sizeof(struct slot));
	if (m->slots == NULL || random_key(m->key, sizeof(m->key)) == -1) {
		free(m->slots);
		free(m);
		return NULL;
	}
	m->size = SIZE_FIRST;
	m->value_size = value_size;
	return m;
}

void
map_free(struct map *m, void (*free_value)(void *value))
{
	struct entry *e;
	size_t i;

	if (m == NULL)
		return;
	for (i = 0; i < m->size; i++) {
		e = m->slots[i].entry;
		if (e == NULL || e == &grave)
			continue;
		if (free_value != NULL)
			free_value(e->data);
		free(e);
	}
	free(m->slots);
	free(m);
}

size_t
map_count(const struct map *m)
{
	return m->count;
}

/* The slot of ${key}, or the empty one where probing for it ended. There is
 * always an empty slot. */
static size_t
find_slot(const struct map *m, struct bytes key, uint32_t hash)
{
	size_t i = hash & (m->size - 1);
	struct entry *e;

	for (; (e = m->slots[i].entry) != NULL; i = (i + 1) & (m->size - 1)) {
		if (m->slots[i].hash != hash || e == &grave || e->key_size != key.n)
			continue;
		if (key.n == 0 || memcmp(entry_key(m, e), key.p, key.n) == 0)
			break;
	}
	return i;
}

static uint32_t
hash_of(const struct map *m, struct bytes key)
{
	return (uint32_t)siphash13(m->key, key);
}

void *
map_find(const struct map *m, struct bytes key)
{
	struct entry *e = m->slots[find_slot(m, key, hash_of(m, key))].entry;

	return e == NULL ? NULL : e->data;
}

/* Move the entries to a table with room for as many again, without graves. */
static int
rebuild(struct map *m)
{
	size_t size = SIZE_FIRST, i, at;
	struct slot *slots, *s;

	while (size / 2 <= m->count)
		size *= 2;
	slots = calloc(size, sizeof(struct slot));
	if (slots == NULL)
		return -1;
	for (i = 0; i < m->size; i++) {
		s = &m->slots[i];
		if (s->entry == NULL || s->entry == &grave)
			continue;
		for (at = s->hash & (size - 1); slots[at].entry != NULL; at = (at + 1) & (size - 1))
			;
		slots[at] = *s;
	}
	free(m->slots);
	m->slots = slots;
	m->size = size;
	m->used = m->count;
	return 0;
}

void *
map_put(struct map *m, struct bytes key, bool *added)
{
	uint32_t hash = hash_of(m, key);
	size_t at = find_slot(m, key, hash);
	struct entry *e = m->slots[at].entry;

	if (added != NULL)
		*added = e == NULL;
	if (e != NULL)
		return e->data;
	/* Of many graves every search would read its share. */
	if (m->used + 1 > m->size / 4 * 3 || m->used - m->count > m->size / 4) {
		if (rebuild(m) == -1)
			goto failed;
		at = find_slot(m, key, hash);
	}
	if (key.n > UINT32_MAX || m->value_size > SIZE_MAX / 2)
		goto failed;
	e = malloc(sizeof(*e) + m->value_size + key.n);
	if (e == NULL)
		goto failed;
	e->key_size = (uint32_t)key.n;
	memset(e->data, 0, m->value_size);
	if (key.n > 0)
		memcpy(entry_key(m, e), key.p, key.n);
	m->slots[at] = (struct slot){ e, hash };
	m->count++;
	m->used++;
	return e->data;

failed:
	if (added != NULL)
		*added = false;
	return NULL;
}

static void
bury(struct map *m, struct slot *s)
{
	free(s->entry);
	s->entry = &grave;
	m->count--;
}

bool
map_remove(struct map *m, struct bytes key)
{
	struct slot *s = &m->slots[find_slot(m, key, hash_of(m, key))];

	if (s->entry == NULL)
		return false;
	bury(m, s);
	return true;
}

void
map_remove_at(struct map *m, size_t at)
{
	bury(m, &m->slots[at - 1]);
}

bool
map_next(const struct map *m, size_t *at, struct bytes *key, void **value)
{
	struct entry *e;

	while (*at < m->size) {
		e = m->slots[(*at)++].entry;
		if (e == NULL || e == &grave)
			continue;
		if (key != NULL)
			*key = (struct bytes){ entry_key(m, e), e->key_size };
		if (value != NULL)
			*value = e->data;
		return true;
	}
	return false;
}
