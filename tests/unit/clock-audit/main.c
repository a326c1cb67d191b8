#include <check.h>

#include "../runner.h"

/* Unit tests of clock-audit: a line here and one in the table for each suite. */
Suite *suite_offset(void);
Suite *suite_kernel(void);
Suite *suite_fleet(void);
Suite *suite_writers(void);

int
main(void)
{
	static Suite *(*const suites[])(void) = {
		suite_offset,
		suite_kernel,
		suite_fleet,
		suite_writers,
		NULL
	};

	return run_suites(suites);
}
