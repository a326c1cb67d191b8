#include "swarms.h"

#include <stdlib.h>


static int
by_swarm(const void *a, const void *b)
{
	const struct item *left = a, *right = b;

	return bytes_compare(left->swarm, right->swarm);
}

size_t
swarms_of(const struct coordinator *c, struct bytes *out, size_t max)
{
	size_t i, best = 0, run = 0, n = 0, first = 0;
	struct bytes swarm;

	/* In order, so that every run that sees the same work says the same. */
	if (c->items_n > 1)
		qsort(c->items, c->items_n, sizeof(c->items[0]), by_swarm);
	for (i = 0; i < c->items_n; i++) {
		run = i > 0 && bytes_equal(c->items[i].swarm, c->items[i - 1].swarm) ? run + 1 : 1;
		if (run == 1) {
			if (n == max)
				break;
			out[n++] = c->items[i].swarm;
		}
		if (run > best) {
			best = run;
			first = n - 1;
		}
	}
	if (n == 0 && max > 0)
		out[n++] = bytes_str(c->job->settings->escalate_dead.default_swarm);
	swarm = out[first];
	out[first] = out[0];
	out[0] = swarm;
	return n;
}
