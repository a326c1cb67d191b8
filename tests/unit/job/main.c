#include <check.h>

#include "../runner.h"

/* Unit tests of shared/job: a line here and one in the table for each suite. */
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
	static Suite *(*const suites[])(void) = {
		suite_url,
		suite_target,
		suite_settings,
		suite_options,
		suite_result,
		suite_output,
		suite_ending,
		suite_metrics,
		suite_hooks,
		suite_progress,
		NULL
	};

	return run_suites(suites);
}
