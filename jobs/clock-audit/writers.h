#ifndef CLOCK_AUDIT_WRITERS_H_
#define CLOCK_AUDIT_WRITERS_H_

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "coordination/record.h"

/*
 * What a stamped time proves of its writer's clock: pure arithmetic. Nobody
 * saw the value being written, but it was there when it was read, and a value that expires was
 * written no longer ago than the longest TTL that writers give allows. So the
 * writer's clock minus the server's lies in an interval, and a clock is called
 * skewed only if all of that interval is. All times are ms on the server's clock.
 */
struct writing {
	int64_t asked;   /* its TTL was asked for not before this */
	int64_t read;    /* the value was there not after this */
	int64_t pttl;    /* what was left of it; negative: no TTL */
	int64_t ttl_max; /* the longest TTL that its writers give; 0 = its TTL says nothing */
	int64_t after;   /* other bytes were seen there at this time; 0 = not known */
	int64_t slack;   /* how far the server's time may be off as known here */
};

/* The writer's clock minus the server's, when it wrote; INT64_MIN, INT64_MAX: not
 * bounded. */
struct skew {
	int64_t low, high;
};

struct skew writer_skew(const struct stamp *stamp, const struct writing *w);
/* What is certain: 0 if the clock can be right, else the nearer end. */
int64_t skew_certain(struct skew s);
/* The same without its sign. */
int64_t skew_size(struct skew s);
/* "4m55s to 8m20s ahead", "at least 11m behind", or "not certainly off", appended. */
void skew_describe(struct skew s, struct buf *out);

#endif
