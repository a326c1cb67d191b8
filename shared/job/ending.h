#ifndef JOB_ENDING_H_
#define JOB_ENDING_H_

#include <stdbool.h>
#include <stdint.h>

/* What the exit code is made of. */
struct ending {
	int early;         /* the code with which the job ended early, 0 = it did not */
	int64_t failed;    /* keys on which something failed */
	int64_t critical;  /* critical findings */
	int64_t findings;  /* all findings */
	bool stopped;      /* a signal came, or the time was up */
	bool unwritten;    /* a line of the log or of the result could not be written */
};

/**
 * ending_code(e):
 * The exit code of a run: the worst of what happened. From the worst:
 *	an early end other than 75 (and 1, 2): its own code
 *	2   a key failed, or a critical finding, or an early end with 2
 *	74  the log or the result could not be written
 *	75  stopped by a signal, the clock, a pause or another run's lease
 *	1   findings
 *	0
 * 2 outranks 74 and 75, since it needs a person; 75 outranks 1, since a pass
 * that was cut short has not seen everything.
 */
int ending_code(const struct ending *e);

/* "ok", "warning", "critical", "usage", ...: the label of coordkeep_runs_total. */
const char *ending_name(int code);

#endif
