#include "histogram.h"

#include <stdlib.h>

#define LINEAR 64 /* also the buckets of one power of two */
#define LINEAR_BITS 6
#define BUCKETS (LINEAR * (64 - LINEAR_BITS))

struct histogram {
	int64_t n, min, max;
	int64_t buckets[BUCKETS];
};

struct histogram *
histogram_new(void)
{

	return calloc(1, sizeof(struct histogram));
}

void
histogram_free(struct histogram *h)
{

	free(h);
}

static size_t
bucket_of(int64_t v)
{
	int top;

	if (v < LINEAR)
		return (size_t)v;
	top = 63 - __builtin_clzll((unsigned long long)v);
	return (size_t)(top - LINEAR_BITS + 1) * LINEAR +
	    (size_t)((v >> (top - LINEAR_BITS)) & (LINEAR - 1));
}

/* The middle of bucket ${i}. */
static int64_t
middle(size_t i)
{
	size_t shift;

	if (i < LINEAR)
		return (int64_t)i;
	shift = i / LINEAR - 1;
	return (int64_t)(LINEAR + i % LINEAR) * ((int64_t)1 << shift) +
	    ((int64_t)1 << shift) / 2;
}

void
histogram_add(struct histogram *h, int64_t v)
{

	if (v < 0)
		v = 0;
	if (h->n == 0 || v < h->min)
		h->min = v;
	if (v > h->max)
		h->max = v;
	h->n++;
	h->buckets[bucket_of(v)]++;
}

int64_t
histogram_count(const struct histogram *h)
{

	return h->n;
}

int64_t
histogram_min(const struct histogram *h)
{

	return h->min;
}

int64_t
histogram_max(const struct histogram *h)
{

	return h->max;
}

int64_t
histogram_median(const struct histogram *h)
{
	int64_t rank = (h->n + 1) / 2, seen = 0, v;
	size_t i;

	if (h->n == 0)
		return 0;
	for (i = 0; i < BUCKETS - 1; i++)
		if ((seen += h->buckets[i]) >= rank)
			break;
	v = middle(i);
	return v < h->min ? h->min : v > h->max ? h->max : v;
}
