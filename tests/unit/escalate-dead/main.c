#include <stddef.h>
#include <stdlib.h>

#include <check.h>

/* Unit tests of jobs/escalate-dead: a line here and one in the table for each suite. */
Suite *suite_course(void);
Suite *suite_ledger(void);
Suite *suite_strikes(void);
Suite *suite_successor(void);
Suite *suite_swarms(void);

static Suite *(*const suites[])(void) = {
	suite_course,
	suite_ledger,
	suite_strikes,
	suite_successor,
	suite_swarms,
	NULL
};

int
main(void)
{
	SRunner *runner = srunner_create(NULL);
	int failed;
	size_t i;

	for (i = 0; suites[i] != NULL; i++)
		srunner_add_suite(runner, suites[i]());
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
