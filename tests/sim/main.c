#include "sim.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <check.h>

/*
 * sim                       the tests
 * sim SEED [SAFEGUARD]      one world, with its whole schedule
 * sim FROM-TO [SAFEGUARD]   many, the failing ones named
 */
#define WORLDS_FIXED 300
#define WORLDS_RANDOM 200
#define WORLDS_OFF 30000 /* at most, until a missing safeguard shows */

/* Where to begin to look for a world that a missing safeguard breaks. Any start
 * would do, and after a change of the job or of the simulation these are no
 * better than any: they only save time. */
static const uint64_t begin_at[GUARDS] = {
	[GUARD_LOCK] = 115, [GUARD_EPOCH] = 2345, [GUARD_FRESH] = 1, [GUARD_DEADLINE] = 5,
	[GUARD_PUT_BACK] = 5, [GUARD_COPY_SYNC] = 3740, [GUARD_PROCESSES] = 105,
	[GUARD_CONFIRM] = 2345, [GUARD_DRAIN_TIME] = 235, [GUARD_DRAIN_PASS] = 475,
	[GUARD_SOURCE] = 5, [GUARD_EXCLUDE] = 10, [GUARD_LISTS] = 430, [GUARD_NAMED] = 10,
	[GUARD_HOLD] = 2985, [GUARD_CATCH_UP] = 20, [GUARD_VOUCH] = 6340, [GUARD_FLEET] = 5,
	[GUARD_TURN] = 15,
};

static void
explain(uint64_t seed, unsigned off)
{
	char failure[400];
	int ended = 0;

	(void)sim_world(seed, off, true, &ended, failure, sizeof(failure));
	(void)fflush(stdout);
}

static void
run_worlds(uint64_t from, uint64_t n)
{
	char failure[400];
	uint64_t i;
	int ended = 0;

	for (i = 0; i < n; i++) {
		if (sim_world(from + i, 0, false, &ended, failure, sizeof(failure)) == -1) {
			explain(from + i, 0);
			ck_abort_msg("%s", failure);
		}
	}
	/* A simulation in which no rotation ever ends would prove nothing. */
	ck_assert_msg((uint64_t)ended > n / 2, "only %d rotations ended in %llu worlds", ended,
	    (unsigned long long)n);
}

START_TEST(fixed_worlds)
{
	run_worlds(1, WORLDS_FIXED);
}
END_TEST

START_TEST(random_worlds)
{
	uint64_t seed = (uint64_t)time(NULL) * 1000003U;

	printf("simulated worlds from seed %llu\n", (unsigned long long)seed);
	run_worlds(seed, WORLDS_RANDOM);
}
END_TEST

START_TEST(each_safeguard_is_needed)
{
	char failure[400];
	uint64_t seed, from = begin_at[_i];
	int ended = 0;

	for (seed = from; seed < from + WORLDS_OFF; seed++) {
		if (sim_world(seed, 1U << _i, false, &ended, failure, sizeof(failure)) == -1) {
			/* It is the safeguard, not the schedule, that makes it break. */
			ck_assert_msg(sim_world(seed, 0, false, &ended, failure,
			    sizeof(failure)) == 0, "%s", failure);
			return;
		}
	}
	ck_abort_msg("without the safeguard \"%s\" nothing breaks in %d worlds",
	    guard_names[_i], WORLDS_OFF);
}
END_TEST

static int
check_all(void)
{
	Suite *suite = suite_create("sim");
	TCase *t = tcase_create("sim"), *more = tcase_create("more");
	SRunner *runner;
	int failed;

	tcase_set_timeout(t, 600);
	tcase_add_test(t, fixed_worlds);
	suite_add_tcase(suite, t);
	/* It runs the same code, some minutes longer. */
	tcase_set_tags(more, "no-valgrind");
	tcase_set_timeout(more, 600);
	tcase_add_test(more, random_worlds);
	tcase_add_loop_test(more, each_safeguard_is_needed, 0, GUARDS);
	suite_add_tcase(suite, more);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

static unsigned
parse_guard(const char *name)
{
	unsigned i;

	for (i = 0; i < GUARDS; i++) {
		if (strcmp(guard_names[i], name) == 0)
			return 1U << i;
	}
	(void)fprintf(stderr, "sim: no safeguard is called %s\n", name);
	exit(64);
}

int
main(int argc, char **argv)
{
	unsigned off = argc > 2 ? parse_guard(argv[2]) : 0;
	char failure[400], *end;
	uint64_t from, to;
	int ended = 0, failed = 0;

	if (argc == 1)
		return check_all();
	from = strtoull(argv[1], &end, 10);
	if (*end != '-') {
		explain(from, off);
		return 0;
	}
	for (to = strtoull(end + 1, NULL, 10); from <= to; from++) {
		if (sim_world(from, off, false, &ended, failure, sizeof(failure)) == -1) {
			printf("%s\n", failure);
			failed++;
		}
	}
	printf("%d worlds failed, %d rotations ended\n", failed, ended);
	return failed == 0 ? 0 : 1;
}
