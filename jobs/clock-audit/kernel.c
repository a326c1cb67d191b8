#include "kernel.h"

#include <assert.h>
#include <errno.h>
#include <stddef.h>
#include <string.h>

static const char *const names[] = {
	[SYNC_UNKNOWN] = "synchronisation unknown",
	[SYNC_YES] = "synchronised",
	[SYNC_NO] = "not synchronised",
};
static_assert(sizeof(names) / sizeof(names[0]) == SYNC_NO + 1, "a name for each state");

const char *
sync_name(enum sync_state s)
{
	return names[s];
}

struct kernel_view
kernel_judge(int r, int error, const struct timex *t)
{
	struct kernel_view v = { .state = SYNC_UNKNOWN };

	if (r == -1) {
		v.refused = error;
		return v;
	}
	/* TIME_ERROR stands for more than STA_UNSYNC (a lost pulse per second
	 * signal, too); in all of them the kernel does not vouch for the time. */
	v.state = r == TIME_ERROR || (t->status & STA_UNSYNC) != 0 ? SYNC_NO : SYNC_YES;
	v.estimated_error = t->esterror;
	v.maximum_error = t->maxerror;
	return v;
}

struct kernel_view
kernel_read(void)
{
	struct timex t;
	int r;

	/* modes = 0: read only, allowed to everybody (but to some sandboxes). */
	memset(&t, 0, sizeof(t));
	r = adjtimex(&t);
	return kernel_judge(r, errno, &t);
}
