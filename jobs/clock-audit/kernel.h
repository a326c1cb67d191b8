#ifndef CLOCK_AUDIT_KERNEL_H_
#define CLOCK_AUDIT_KERNEL_H_

#include <stdint.h>

#include <sys/timex.h>

/* What the kernel says of its clock (adjtimex(2), RFC 5905 appendix A.2). */
enum sync_state {
	SYNC_UNKNOWN, /* it would not say */
	SYNC_YES,
	SYNC_NO
};

struct kernel_view {
	enum sync_state state;
	int64_t estimated_error; /* microseconds, SYNC_YES and SYNC_NO */
	int64_t maximum_error;
	int refused;             /* SYNC_UNKNOWN: errno */
};

/* Pure: what adjtimex returned (${r}, ${error} its errno) and filled in. */
struct kernel_view kernel_judge(int r, int error, const struct timex *t);
/* Ask the kernel; changes nothing. */
struct kernel_view kernel_read(void);
/* "synchronised", "not synchronised", "synchronisation unknown" */
const char *sync_name(enum sync_state s);

#endif
