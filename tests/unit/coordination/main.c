#include <stddef.h>
#include <stdlib.h>

#include <check.h>

/* Unit tests of shared/coordination: a line here and one in the table for each suite. */
Suite *suite_keys(void);
Suite *suite_record(void);
Suite *suite_roster(void);
Suite *suite_brake(void);
Suite *suite_journal(void);
Suite *suite_heartbeat(void);
Suite *suite_liveness(void);
Suite *suite_signature(void);
Suite *suite_payload(void);

static Suite *(*const suites[])(void) = {
	suite_keys,
	suite_record,
	suite_roster,
	suite_brake,
	suite_journal,
	suite_heartbeat,
	suite_liveness,
	suite_signature,
	suite_payload,
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
