#include <check.h>

#include "../runner.h"

/* Unit tests of shared/redis: a line here and one in the table for each suite. */
Suite *suite_connect(void);
Suite *suite_pipeline(void);
Suite *suite_queue(void);
Suite *suite_reply(void);
Suite *suite_script(void);
Suite *suite_server_info(void);
Suite *suite_transport(void);

int
main(void)
{
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

	return run_suites(suites);
}
