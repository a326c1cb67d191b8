#include <stdlib.h>

#include <check.h>

Suite *suite_url(void);
Suite *suite_target(void);
Suite *suite_settings(void);
Suite *suite_options(void);
Suite *suite_result(void);
Suite *suite_output(void);
Suite *suite_ending(void);
Suite *suite_metrics(void);
Suite *suite_hooks(void);
Suite *suite_progress(void);

int
main(void)
{
	SRunner *runner = srunner_create(suite_url());
	int failed;

	srunner_add_suite(runner, suite_target());
	srunner_add_suite(runner, suite_settings());
	srunner_add_suite(runner, suite_options());
	srunner_add_suite(runner, suite_result());
	srunner_add_suite(runner, suite_output());
	srunner_add_suite(runner, suite_ending());
	srunner_add_suite(runner, suite_metrics());
	srunner_add_suite(runner, suite_hooks());
	srunner_add_suite(runner, suite_progress());
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
