#ifndef CLOCK_AUDIT_WRITERS_H_
#define CLOCK_AUDIT_WRITERS_H_

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "coordination/record.h"

/*
 * What a stamped time proves of its writer's clock: pure arithmetic. Nobody saw the value being
 * written, but it was there when it was read: a stamp from after that is of a clock that is ahead.
 * And where this run (watch.h) saw other bytes before, it was written since that sight: a stamp
 * from before it is of a clock that is behind. So the writer's clock minus the server's lies in
 * an interval, and a clock is called skewed only if all of that interval is.
 *
 * The expiry proves nothing. It tells when somebody last set an expiry, not when these bytes were
 * written: ttl-fixer gives one to a heartbeat that had none and can cut one that is long, and a
 * writer may renew its own with EXPIRE and leave the bytes. So without an earlier sight nothing
 * bounds the age of a value, and no clock can be known to be behind.
 *
 * All times are ms on the server's clock.
 */
struct writing {
	int64_t read;    /* the value was there not after this */
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
