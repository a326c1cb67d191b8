#include "clock-audit/kernel.h"

#include <errno.h>
#include <string.h>

#include <check.h>

Suite *suite_kernel(void);

static const struct {
	int r, status;
	enum sync_state state;
} views[] = {
	{ TIME_OK, STA_PLL, SYNC_YES },
	{ TIME_OK, 0, SYNC_YES },
	{ TIME_INS, STA_PLL | STA_INS, SYNC_YES },
	{ TIME_DEL, STA_PLL | STA_DEL, SYNC_YES },
	{ TIME_WAIT, STA_PLL, SYNC_YES },
	{ TIME_OK, STA_UNSYNC, SYNC_NO },
	{ TIME_ERROR, STA_UNSYNC, SYNC_NO },
	{ TIME_ERROR, STA_PLL, SYNC_NO },
	{ -1, 0, SYNC_UNKNOWN },
	{ -1, STA_UNSYNC, SYNC_UNKNOWN },
};

START_TEST(the_kernel_is_taken_at_its_word)
{
	struct timex t;
	struct kernel_view v;

	memset(&t, 0, sizeof(t));
	t.status = views[_i].status;
	t.esterror = 350;
	t.maxerror = 4200;
	v = kernel_judge(views[_i].r, EPERM, &t);
	ck_assert(v.state == views[_i].state);
	if (v.state == SYNC_UNKNOWN) {
		ck_assert_int_eq(v.refused, EPERM);
		return;
	}
	ck_assert_int_eq(v.estimated_error, 350);
	ck_assert_int_eq(v.maximum_error, 4200);
}
END_TEST

START_TEST(this_kernel_can_be_asked)
{
	struct kernel_view v = kernel_read();

	ck_assert_str_ne(sync_name(v.state), "");
	ck_assert(v.state != SYNC_UNKNOWN || v.refused != 0);
}
END_TEST

Suite *
suite_kernel(void)
{
	Suite *s = suite_create("kernel");
	TCase *t = tcase_create("kernel");

	tcase_add_loop_test(t, the_kernel_is_taken_at_its_word, 0,
	    (int)(sizeof(views) / sizeof(views[0])));
	tcase_add_test(t, this_kernel_can_be_asked);
	suite_add_tcase(s, t);
	return s;
}
