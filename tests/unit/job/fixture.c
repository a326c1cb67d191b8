#include "fixture.h"

#include <check.h>

#include "base/log.h"

struct result *r;

void
fixture_setup(void)
{
	struct log_options quiet = { .job = "test", .run = "", .file = "",
		.level = LOG_LEVEL_ERROR, .repeat_limit = 1 };
	struct error e = { 0 };

	ck_assert_int_eq(log_open(&quiet, &e), 0);
	r = result_new();
	ck_assert_ptr_nonnull(r);
}

void
fixture_teardown(void)
{
	result_free(r);
	result_free(NULL);
	(void)log_close();
}
