#include <stddef.h>
#include <stdlib.h>

#include <check.h>

/* Unit tests of clock-audit: a line here and one in the table for each suite. */
Suite *suite_offset(void);
Suite *suite_kernel(void);
Suite *suite_fleet(void);
Suite *suite_writers(void);

static Suite *(*const suites[])(void) = {
	suite_offset,
	suite_kernel,
	suite_fleet,
	suite_writers,
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
