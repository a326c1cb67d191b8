#ifndef TESTS_UNIT_JOB_FIXTURE_H_
#define TESTS_UNIT_JOB_FIXTURE_H_

#include "job/result_data.h"

/* A result and a log that is quiet about it, for each test of a suite. */
extern struct result *r;
void fixture_setup(void);
void fixture_teardown(void);

#endif
