#include <check.h>

#include "../runner.h"

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

int
main(void)
{
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

	return run_suites(suites);
}
