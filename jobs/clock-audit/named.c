#include "named.h"

#include <stdlib.h>

int
named_skew(struct map *writers, struct bytes id, bool nameless, const char *where,
    bool heartbeat, struct skew skew)
{
	struct writer *w = map_put(writers, id, NULL);

	if (w == NULL)
		return -1;
	w->records++;
	w->nameless = nameless;
	if (w->skewed && !heartbeat && (w->by_heartbeat || skew_size(skew) <= skew_size(w->skew)))
		return 0;
	w->skewed = true;
	w->by_heartbeat = heartbeat;
	w->skew = skew;
	w->where = where;
	return 0;
}

int
named_seconds(struct map *writers, struct bytes id, bool nameless)
{
	struct writer *w = map_put(writers, id, NULL);

	if (w == NULL)
		return -1;
	w->seconds++;
	w->nameless = nameless;
	return 0;
}

int
named_unreadable(struct map *writers, struct bytes id, bool nameless, const char *why)
{
	struct writer *w = map_put(writers, id, NULL);

	if (w == NULL)
		return -1;
	w->unreadable++;
	w->nameless = nameless;
	if (w->why == NULL)
		w->why = why;
	return 0;
}

static int
worse_first(const void *a, const void *b)
{
	const struct named_writer *x = a, *y = b;

	if (x->skew != y->skew)
		return x->skew < y->skew ? 1 : -1;
	return bytes_compare(x->id, y->id);
}

struct named_writer *
named_list(const struct map *writers, size_t *n)
{
	struct named_writer *list = calloc(map_count(writers) + 1, sizeof(*list));
	struct bytes id;
	void *value;
	size_t at = 0;

	*n = 0;
	if (list == NULL)
		return NULL;
	while (map_next(writers, &at, &id, &value)) {
		const struct writer *w = value;

		list[(*n)++] = (struct named_writer){ id, w, w->skewed ? skew_size(w->skew) : 0 };
	}
	qsort(list, *n, sizeof(*list), worse_first);
	return list;
}
