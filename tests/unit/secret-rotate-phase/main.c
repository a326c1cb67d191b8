#include <check.h>

#include "../runner.h"

/* Unit tests of secret-rotate-phase: a line here and one in the table for each suite. */
Suite *suite_hosts(void);
Suite *suite_envtext(void);
Suite *suite_envfile(void);
Suite *suite_rotation(void);
Suite *suite_phase(void);
Suite *suite_orders(void);
Suite *suite_local(void);
Suite *suite_processes(void);
Suite *suite_source(void);
Suite *suite_commands(void);

int
main(void)
{
	static Suite *(*const suites[])(void) = {
		suite_hosts,
		suite_envtext,
		suite_envfile,
		suite_rotation,
		suite_phase,
		suite_orders,
		suite_local,
		suite_processes,
		suite_source,
		suite_commands,
		NULL
	};

	return run_suites(suites);
}
