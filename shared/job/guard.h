#ifndef JOB_GUARD_H_
#define JOB_GUARD_H_

#include <sys/resource.h>

#include "job/run.h"

/* Nothing of this process's memory, which can hold secrets, goes to a core file, what it
 * writes is its own, and no file that it opens becomes its standard output. First of all. */
void guard_process(struct run *r);
/* The soft limit on core files that the run was started with: for a command that may start
 * something which outlives the run. */
rlim_t guard_core_limit(const struct run *r);

#endif
