#ifndef TTL_FIXER_HISTOGRAM_H_
#define TTL_FIXER_HISTOGRAM_H_

#include <stdint.h>

/*
 * The distribution of many values >= 0 in a fixed space: buckets of equal width
 * below 64, above that 64 to each power of two, so that a quantile is within
 * 1 % (the shape of HdrHistogram).
 */
struct histogram;

/* NULL without memory. */
struct histogram *histogram_new(void);
void histogram_free(struct histogram *h);
void histogram_add(struct histogram *h, int64_t v);
int64_t histogram_count(const struct histogram *h);
/* Exact. 0 where nothing was added. */
int64_t histogram_min(const struct histogram *h);
int64_t histogram_max(const struct histogram *h);
/* The value of rank (n + 1) / 2, within 1 %. */
int64_t histogram_median(const struct histogram *h);

#endif
