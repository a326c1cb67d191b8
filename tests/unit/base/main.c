#include <check.h>

#include "../runner.h"

/* Unit tests of shared/base: a line here and one in the table for each suite. */
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
	static Suite *(*const suites[])(void) = {
		suite_status,
		suite_bytes,
		suite_buf,
		suite_clock,
		suite_duration,
		suite_map,
		suite_log,
		suite_file,
		suite_command,
		suite_config,
		suite_config_load,
		suite_config_print,
		NULL
	};

	return run_suites(suites);
}
