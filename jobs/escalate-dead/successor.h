#ifndef ESCALATE_DEAD_SUCCESSOR_H_
#define ESCALATE_DEAD_SUCCESSOR_H_

#include <stdint.h>

#include "base/bytes.h"

/* "r-", 32 hex digits and a NUL. */
#define SUCCESSOR_SIZE 35

/**
 * successor_id(id, incarnation, out):
 * The id of the coordinator that replaces ${id}: the first 128 bits of
 * SHA-256(id, NUL, incarnation in decimal). The incarnation is the last sign of
 * life: every run that escalates the same death computes the same id, a second
 * death of the same coordinator has another. -1 if the digest fails.
 */
int successor_id(struct bytes id, int64_t incarnation, char out[SUCCESSOR_SIZE]);

#endif
