#include <check.h>

#include "../runner.h"

/* Unit tests of jobs/ttl-fixer: a line here and one in the table for each suite. */
Suite *suite_glob(void);
Suite *suite_policy(void);
Suite *suite_histogram(void);
Suite *suite_owners(void);

int
main(void)
{
	static Suite *(*const suites[])(void) = {
		suite_glob,
		suite_policy,
		suite_histogram,
		suite_owners,
		NULL
	};

	return run_suites(suites);
}
