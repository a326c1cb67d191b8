#include <stddef.h>
#include <stdlib.h>

#include <check.h>

/* Unit tests of jobs/ttl-fixer: a line here and one in the table for each suite. */
Suite *suite_glob(void);
Suite *suite_policy(void);
Suite *suite_histogram(void);
Suite *suite_owners(void);

static Suite *(*const suites[])(void) = {
	suite_glob,
	suite_policy,
	suite_histogram,
	suite_owners,
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
