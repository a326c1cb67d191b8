#include <stddef.h>
#include <stdlib.h>

#include <check.h>

/* Unit tests of shared/redis: a line here and one in the table for each suite. */
Suite *suite_connect(void);
Suite *suite_pipeline(void);
Suite *suite_queue(void);
Suite *suite_reply(void);
Suite *suite_script(void);
Suite *suite_server_info(void);
Suite *suite_transport(void);

static Suite *(*const suites[])(void) = {
	suite_connect,
	suite_pipeline,
	suite_queue,
	suite_reply,
	suite_script,
	suite_server_info,
	suite_transport,
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
