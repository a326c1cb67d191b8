#include <check.h>

#include "../runner.h"

/* Unit tests of jobs/escalate-dead: a line here and one in the table for each suite. */
Suite *suite_course(void);
Suite *suite_ledger(void);
Suite *suite_strikes(void);
Suite *suite_successor(void);
Suite *suite_swarms(void);

int
main(void)
{
	static Suite *(*const suites[])(void) = {
		suite_course,
		suite_ledger,
		suite_strikes,
		suite_successor,
		suite_swarms,
		NULL
	};

	return run_suites(suites);
}
