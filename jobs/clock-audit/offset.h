#ifndef CLOCK_AUDIT_OFFSET_H_
#define CLOCK_AUDIT_OFFSET_H_

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * The offset of the local clock from a server's, from timed exchanges: pure
 * arithmetic. As in NTP (RFC 5905, section 8; Cristian, "Probabilistic clock
 * synchronization", 1989): the server's clock was read between sending and
 * receiving, so the offset is the middle of the two minus what the server said,
 * give or take half the round trip, and the exchange with the shortest round
 * trip says most. All times are microseconds.
 */

/* One reading of the wall clock between two of the monotonic clock: however
 * long the process was kept waiting in between, wall minus monotonic lies
 * between wall - mono_after and wall - mono_before. */
struct clock_reading {
	int64_t mono_before, wall, mono_after;
};

struct clock_sample {
	struct clock_reading sent, received;
	int64_t server; /* what the server's clock said, truncated to a microsecond */
};

struct clock_offset {
	bool valid;           /* at least one sample counts */
	int64_t offset;       /* local clock minus the server's: ahead is positive */
	int64_t error;        /* the truth lies within offset +- error */
	int64_t round_trip;   /* of the sample that counts */
	int64_t server;       /* the server's time in it */
	int64_t mono;         /* this machine's monotonic clock at that time */
	size_t used;          /* samples since the last jump */
	int64_t local_jump;   /* the largest jump of the local clock, at least so far; 0 = none */
	int64_t server_jump;  /* the same of the server's */
};

/* By how much the wall clock certainly jumped between two readings, the
 * least that explains them, negative for backwards; 0 if it need not have (or by a millisecond at
 * most). A clock that is being slewed does not jump. */
int64_t clock_jump(const struct clock_reading *a, const struct clock_reading *b);
/* The same of the server's clock, between two exchanges; it may run up to a tenth faster or
 * slower than this machine's meanwhile. */
int64_t clock_server_jump(const struct clock_sample *a, const struct clock_sample *b);

/* Evaluate ${n} samples in the order taken. Those before a jump, and an
 * exchange in which the clock jumped, do not count: nothing is averaged. */
void offset_evaluate(const struct clock_sample *samples, size_t n, struct clock_offset *o);

/* What of ${value} +- ${error} is certain: the least that it can be in its
 * direction, 0 if it can be 0. */
int64_t offset_certain(int64_t value, int64_t error);

#endif
