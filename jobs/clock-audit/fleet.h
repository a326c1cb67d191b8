#ifndef CLOCK_AUDIT_FLEET_H_
#define CLOCK_AUDIT_FLEET_H_

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"

/*
 * The clocks of the fleet: each host leaves what it measured in one hash, host ->
 * "<offset> <error> <at> <reference> <since> <mono>": its clock minus the server's and the error of
 * that in microseconds, when, in ms on the server's clock, and the first digits of the run_id of
 * the server that it measured against: only measurements against the same clock can be compared.
 *
 * And only if that clock was not set in between. A host knows it if it was: its own monotonic clock
 * then went on by another time than the server's since its last report (the server has no such
 * clock to ask for). <mono> is that clock, in ms, and <since> when, on the server's clock, the host
 * last found that the server's had been set.
 * Pure: nothing here talks to Redis.
 */
#define FLEET_KEY "coordkeep:clock"
#define FLEET_REFERENCE 8

struct fleet_report {
	struct bytes host;        /* the caller's */
	int64_t offset, error;    /* us */
	int64_t at;               /* ms */
	char reference[FLEET_REFERENCE + 1]; /* "" = it does not say */
	int64_t since;            /* ms; 0 = it was not set as far as the host knows */
	int64_t mono;             /* ms; 0 = it does not say */
};

void fleet_format(const struct fleet_report *r, struct buf *out);
/* Read a value of the hash; host is left alone. False if it is not one. */
bool fleet_parse(struct bytes value, struct fleet_report *r);

enum fleet_use {
	FLEET_FRESH,
	FLEET_OLD,       /* older than ${ttl}; or from a future that the clock went back from */
	FLEET_FUTURE,    /* from so far in the future that it would outlive a report */
	FLEET_ELSEWHERE  /* measured against another server */
};
enum fleet_use fleet_use(const struct fleet_report *r, const char *reference, int64_t now,
    int64_t ttl);

/* Was the server's clock set since ${before}, what this host reported last? Enter it in ${own}. */
void fleet_continue(struct fleet_report *own, const struct fleet_report *before);
/* Keep the reports from after the server's clock was last set, by what they and ${own} (NULL = none)
 * say. Returns how many there are. */
size_t fleet_steady(struct fleet_report *reports, size_t n, const struct fleet_report *own);

/* Two hosts, and by how much the clock of the first is ahead of the other's. */
struct fleet_pair {
	bool found;               /* there are two hosts at least */
	size_t ahead, behind;
	int64_t difference;       /* us, >= 0 */
	int64_t error;
	int64_t certain;          /* what is left of it less the error, >= 0 */
};
/* The pair with the largest certain difference; if none is certain, that with
 * the largest difference. In one pass. */
struct fleet_pair fleet_worst(const struct fleet_report *reports, size_t n);

/* Do at least two other hosts see the server's clock off like ${own} does, all of them, to
 * within ${tolerance} us? Then it is the server's clock that is wrong. */
bool fleet_agrees(const struct fleet_report *reports, size_t n, size_t own, int64_t tolerance);

#endif
