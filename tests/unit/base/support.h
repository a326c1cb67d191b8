#ifndef UNIT_BASE_SUPPORT_H_
#define UNIT_BASE_SUPPORT_H_

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/bytes.h"

/* A directory of the test's own; removed with all in it by scratch_remove. */
struct scratch {
	char path[128];
};
void scratch_make(struct scratch *s);
void scratch_remove(const struct scratch *s);
/* ${name} in it; valid until the next but seven call. */
const char *scratch_file(const struct scratch *s, const char *name);
/* Write a file; and read one, which must be there, into a fresh buffer. */
void put_file(const char *path, struct bytes data, mode_t mode);
struct buf get_file(const char *path);
size_t count_entries(const char *path);
size_t count_open_files(void);

/* A generator that says what it was seeded with (TEST_SEED repeats a run). */
struct dice {
	uint64_t state;
};
void dice_seed(struct dice *d, const char *name);
uint64_t dice_next(struct dice *d);
/* 0 to n - 1. */
size_t dice_below(struct dice *d, size_t n);
void dice_fill(struct dice *d, char *p, size_t n);

#endif
