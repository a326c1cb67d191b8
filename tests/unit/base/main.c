#include <stdlib.h>

#include <check.h>

Suite *suite_status(void);
Suite *suite_bytes(void);
Suite *suite_buf(void);
Suite *suite_clock(void);
Suite *suite_duration(void);
Suite *suite_map(void);
Suite *suite_log(void);
Suite *suite_file(void);
Suite *suite_command(void);
Suite *suite_config(void);
Suite *suite_config_load(void);
Suite *suite_config_print(void);

int
main(void)
{
	SRunner *runner = srunner_create(suite_status());
	int failed;

	srunner_add_suite(runner, suite_bytes());
	srunner_add_suite(runner, suite_buf());
	srunner_add_suite(runner, suite_clock());
	srunner_add_suite(runner, suite_duration());
	srunner_add_suite(runner, suite_map());
	srunner_add_suite(runner, suite_log());
	srunner_add_suite(runner, suite_file());
	srunner_add_suite(runner, suite_command());
	srunner_add_suite(runner, suite_config());
	srunner_add_suite(runner, suite_config_load());
	srunner_add_suite(runner, suite_config_print());
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
