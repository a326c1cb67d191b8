#ifndef TTL_FIXER_CURSOR_H_
#define TTL_FIXER_CURSOR_H_

#include <stdbool.h>
#include <stdint.h>

#include "job/run.h"

/*
 * Where a pass whose time was up goes on: coordkeep:cursor:ttl-fixer, or, where a full server
 * refuses that, a file in this host's state_dir. A pass with --pressure has one of its own, since
 * it looks at other keys, and for minutes only: the next incident begins at the start. It holds
 * for one process of the server and one db only.
 */
struct cursor {
	const char *key;
	struct buf path;  /* of the file; empty: no state_dir */
	int64_t keep;     /* ms, how long the place holds */
	bool found, filed;/* something is stored, whether it can be used or not */
	uint64_t from;    /* 0 = the start */
	bool left;        /* cursor_leave stored a place: the next run goes on there */
};

/* What is there and means nothing here, of another type too, is none. */
int cursor_load(struct run *r, bool pressure, struct cursor *c, struct error *e);
/* Store ${at}, or forget what is stored when ${at} is 0. That it can be stored nowhere is logged:
 * the next pass begins at the start. -1 with ${e} only where it never can be, for want of
 * permission. */
int cursor_leave(struct run *r, struct cursor *c, uint64_t at, struct error *e);
void cursor_free(struct cursor *c);

#endif
