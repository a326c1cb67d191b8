#ifndef TTL_FIXER_CURSOR_H_
#define TTL_FIXER_CURSOR_H_

#include <stdbool.h>
#include <stdint.h>

#include "job/run.h"

/*
 * Where a pass whose time was up goes on: coordkeep:cursor:ttl-fixer (a pass
 * with --pressure has one of its own, since it looks at other keys). It holds
 * for one process of the server and one db only.
 */
struct cursor {
	const char *key;
	bool found;     /* something is stored, whether it can be used or not */
	uint64_t from;  /* 0 = the start */
};

int cursor_load(struct run *r, bool pressure, struct cursor *c, struct error *e);
/* Store ${at}, or forget what is stored when ${at} is 0. That it cannot be stored is logged: the
 * next pass begins at the start. -1 with ${e} only where it never can be, for want of permission. */
int cursor_leave(struct run *r, const struct cursor *c, uint64_t at, struct error *e);

#endif
