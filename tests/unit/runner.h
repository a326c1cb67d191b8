#ifndef UNIT_RUNNER_H_
#define UNIT_RUNNER_H_

#include <stddef.h>
#include <stdlib.h>

#include <check.h>

/* Run the suites of a NULL-terminated table. What main() returns: 0 if nothing failed. */
static inline int
run_suites(Suite *(*const suites[])(void))
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

#endif
