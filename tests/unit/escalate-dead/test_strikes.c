#include "escalate-dead/strikes.h"

#include <check.h>

Suite *suite_strikes(void);

static const struct strike_limits limits = { 3, 30000, 300000 };

static const struct {
	int64_t count, pttl;
	enum strike_result result;
} foreseen[] = {
	{ -1, 300000, STRIKE_BAD },
	{ 0, -1, STRIKE_COUNTED },
	{ 0, 300000, STRIKE_COUNTED }, /* a zero was never counted */
	{ 1, 300000, STRIKE_RECENT },
	{ 1, 270001, STRIKE_RECENT },
	{ 1, 270000, STRIKE_COUNTED }, /* 30 s ago */
	{ 2, 1000, STRIKE_COUNTED },
	{ 2, -1, STRIKE_COUNTED },     /* set by hand, without expiry */
	{ 2, 500000, STRIKE_RECENT },  /* a longer TTL than ours: from a slower cadence */
	{ 3, 300000, STRIKE_MAX },
	{ 3, -1, STRIKE_MAX },
	{ 999, 1, STRIKE_MAX },
};

START_TEST(test_foresee)
{

	ck_assert_int_eq(strikes_foresee(foreseen[_i].count, foreseen[_i].pttl, &limits),
	    foreseen[_i].result);
}
END_TEST

static const struct {
	struct bytes value;
	int64_t count;
} counts[] = {
	{ { "0", 1 }, 0 }, { { "3", 1 }, 3 }, { { "003", 3 }, 3 },
	{ { "999999999999999", 15 }, INT64_C(999999999999999) },
	{ { "1000000000000000", 16 }, -1 }, { { "", 0 }, -1 }, { { "-1", 2 }, -1 },
	{ { "+1", 2 }, -1 }, { { "1.0", 3 }, -1 }, { { " 1", 2 }, -1 }, { { "1\n", 2 }, -1 },
	{ { "1\0", 2 }, -1 }, { { "three", 5 }, -1 }, { { "0x3", 3 }, -1 },
};

START_TEST(test_count)
{

	ck_assert_int_eq(strikes_count(counts[_i].value), counts[_i].count);
}
END_TEST

Suite *
suite_strikes(void)
{
	Suite *s = suite_create("strikes");
	TCase *t = tcase_create("strikes");

	tcase_add_loop_test(t, test_foresee, 0, (int)(sizeof(foreseen) / sizeof(foreseen[0])));
	tcase_add_loop_test(t, test_count, 0, (int)(sizeof(counts) / sizeof(counts[0])));
	suite_add_tcase(s, t);
	return s;
}
