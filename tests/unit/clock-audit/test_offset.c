#include "clock-audit/offset.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <check.h>

Suite *suite_offset(void);

#define WALL INT64_C(1700000000000000)

/*
 * A small world: true time in us. The local wall clock is true time plus
 * wall_offset, the server's true time plus server_offset; the monotonic clock
 * is true time less something.
 */
struct world {
	int64_t now;
	int64_t wall_offset, server_offset;
};

static struct clock_reading
read_world(struct world *w, int64_t before, int64_t after)
{
	struct clock_reading r;

	r.mono_before = w->now - WALL + 77;
	w->now += before;
	r.wall = w->now + w->wall_offset;
	w->now += after;
	r.mono_after = w->now - WALL + 77;
	return r;
}

static struct clock_sample
sample_world(struct world *w, int64_t there, int64_t back)
{
	struct clock_sample s;

	s.sent = read_world(w, 0, 1);
	w->now += there;
	s.server = w->now + w->server_offset;
	w->now += back;
	s.received = read_world(w, 1, 0);
	return s;
}

START_TEST(no_samples_say_nothing)
{
	struct clock_offset o;

	offset_evaluate(NULL, 0, &o);
	ck_assert(!o.valid && o.used == 0 && o.local_jump == 0 && o.server_jump == 0);
}
END_TEST

START_TEST(one_sample_is_a_middle_and_half_a_round_trip)
{
	struct clock_sample s = { .sent = { 100, WALL, 100 }, .server = WALL - 1000 + 30,
		.received = { 160, WALL + 60, 160 } };
	struct clock_offset o;

	offset_evaluate(&s, 1, &o);
	ck_assert(o.valid);
	ck_assert_int_eq(o.offset, 1000);
	ck_assert_int_eq(o.error, 31); /* half of 60, and a microsecond for truncation */
	ck_assert_int_eq(o.round_trip, 60);
	ck_assert_int_eq(o.server, WALL - 970);
	ck_assert_uint_eq(o.used, 1);
}
END_TEST

START_TEST(the_shortest_round_trip_counts)
{
	struct world w = { .now = WALL, .wall_offset = 5000 };
	struct clock_sample s[3];
	struct clock_offset o;

	s[0] = sample_world(&w, 900, 100);
	s[1] = sample_world(&w, 30, 10);
	s[2] = sample_world(&w, 100, 900);
	offset_evaluate(s, 3, &o);
	ck_assert(o.valid && o.used == 3);
	ck_assert_int_eq(o.server, s[1].server);
	ck_assert_int_le(llabs(o.offset - 5000), o.error);
	ck_assert_int_le(o.error, 25);
}
END_TEST

/* Delays of any asymmetry: the truth is within the stated error, always. */
START_TEST(the_truth_lies_within_the_error)
{
	unsigned int seed = (unsigned int)time(NULL);
	struct clock_sample s[8];
	struct clock_offset o;
	size_t round, i;

	printf("the_truth_lies_within_the_error: seed %u\n", seed);
	srandom(seed);
	for (round = 0; round < 20000; round++) {
		struct world w = { .now = WALL };
		size_t n = 1 + (size_t)random() % 8;

		w.wall_offset = (random() - RAND_MAX / 2) * (random() % 2000);
		w.server_offset = (random() - RAND_MAX / 2) * (random() % 2000);
		for (i = 0; i < n; i++)
			s[i] = sample_world(&w, random() % 100000, random() % 100000);
		offset_evaluate(s, n, &o);
		ck_assert(o.valid && o.used == n && o.local_jump == 0 && o.server_jump == 0);
		ck_assert_int_le(llabs(o.offset - (w.wall_offset - w.server_offset)), o.error);
		ck_assert_int_le(o.error, o.round_trip / 2 + 2);
	}
}
END_TEST

static const struct {
	int64_t local, server;
} jumps[] = {
	{ 20000000, 0 }, { -20000000, 0 }, { 300000, 0 }, { -300000, 0 }, { 5000, 0 },
	{ 0, 120000000 }, { 0, -120000000 }, { 0, 50000 }, { 7200000000, -7200000000 },
};

/* A jump between two exchanges: told, and what was before does not count. */
START_TEST(a_jump_is_noticed_and_not_averaged)
{
	struct clock_sample s[8];
	struct clock_offset o;
	size_t at, i;

	for (at = 1; at < 8; at++) {
		struct world w = { .now = WALL, .wall_offset = 1000 };

		for (i = 0; i < 8; i++) {
			if (i == at) {
				w.wall_offset += jumps[_i].local;
				w.server_offset += jumps[_i].server;
			}
			/* The best of all is before the jump. */
			s[i] = i == 0 ? sample_world(&w, 5, 5) : sample_world(&w, 50, 90);
		}
		offset_evaluate(s, 8, &o);
		ck_assert(o.valid);
		ck_assert_uint_eq(o.used, 8 - at);
		ck_assert_int_le(llabs(o.offset - (w.wall_offset - w.server_offset)), o.error);
		ck_assert_int_eq(o.local_jump == 0, jumps[_i].local == 0);
		ck_assert_int_eq(o.server_jump == 0, jumps[_i].server == 0);
		/* At least so far, in its direction. */
		ck_assert_int_le(llabs(o.local_jump), llabs(jumps[_i].local));
		ck_assert(o.local_jump == 0 || (o.local_jump > 0) == (jumps[_i].local > 0));
		ck_assert_int_ge(llabs(o.local_jump) + 200, llabs(jumps[_i].local));
	}
}
END_TEST

/* A jump between sending and receiving: that exchange does not count either. */
START_TEST(a_jump_within_an_exchange_is_noticed)
{
	struct world w = { .now = WALL };
	struct clock_sample s[3];
	struct clock_offset o;

	s[0] = sample_world(&w, 50, 50);
	s[1].sent = read_world(&w, 0, 1);
	w.now += 50;
	s[1].server = w.now;
	w.wall_offset += 3000000;
	w.now += 50;
	s[1].received = read_world(&w, 1, 0);
	offset_evaluate(s, 2, &o);
	ck_assert(!o.valid && o.used == 0);
	ck_assert_int_ge(o.local_jump, 2999000);
	s[2] = sample_world(&w, 50, 50);
	offset_evaluate(s, 3, &o);
	ck_assert(o.valid && o.used == 1);
	ck_assert_int_le(llabs(o.offset - 3000000), o.error);
	ck_assert_int_ge(o.local_jump, 2999000);
}
END_TEST

/* However long the process is kept waiting, that alone is no jump. */
START_TEST(waiting_is_no_jump)
{
	unsigned int seed = (unsigned int)time(NULL);
	struct clock_reading a, b;
	size_t round;

	printf("waiting_is_no_jump: seed %u\n", seed);
	srandom(seed);
	for (round = 0; round < 20000; round++) {
		struct world w = { .now = WALL, .wall_offset = random() };
		int64_t long_us = random() % 3 == 0 ? 900000 : 3;

		a = read_world(&w, random() % long_us, random() % long_us);
		w.now += random() % 5000000;
		b = read_world(&w, random() % long_us, random() % long_us);
		ck_assert_int_eq(clock_jump(&a, &b), 0);
	}
}
END_TEST

/* A server's clock that is slewed, as fast as any daemon does it, does not jump. */
START_TEST(slewing_is_no_jump)
{
	struct world w = { .now = WALL };
	struct clock_sample a = sample_world(&w, 50, 50), b;
	int64_t slew = _i == 0 ? 833333 : -833333;

	w.now += 10000000;
	w.server_offset += slew;
	b = sample_world(&w, 50, 50);
	ck_assert_int_eq(clock_server_jump(&a, &b), 0);
	w.server_offset += slew;
	b = sample_world(&w, 50, 50);
	ck_assert_int_ne(clock_server_jump(&a, &b), 0);
}
END_TEST

/* Wall and monotonic clock of one machine are slewed together: any step shows, however long the
 * run takes. */
START_TEST(a_small_step_in_a_long_run_is_noticed)
{
	struct world w = { .now = WALL };
	struct clock_reading a = read_world(&w, 0, 1), b;

	w.now += 60000000;
	w.wall_offset += 900;
	b = read_world(&w, 0, 1);
	ck_assert_int_eq(clock_jump(&a, &b), 0);
	w.wall_offset += 4100;
	b = read_world(&w, 0, 1);
	ck_assert_int_ge(clock_jump(&a, &b), 4990);
}
END_TEST

static const struct {
	int64_t value, error, certain;
} certains[] = {
	{ 0, 0, 0 }, { 10, 0, 10 }, { -10, 0, -10 }, { 10, 4, 6 }, { -10, 4, -6 },
	{ 10, 10, 0 }, { -10, 10, 0 }, { 10, 11, 0 }, { -10, 11, 0 },
	{ 20000000, 25000, 19975000 },
};

START_TEST(what_is_certain_is_less_the_error)
{
	ck_assert_int_eq(offset_certain(certains[_i].value, certains[_i].error),
	    certains[_i].certain);
}
END_TEST

#define COUNT(a) (int)(sizeof(a) / sizeof((a)[0]))

Suite *
suite_offset(void)
{
	Suite *s = suite_create("offset");
	TCase *t = tcase_create("offset");

	tcase_set_timeout(t, 60);
	tcase_add_test(t, no_samples_say_nothing);
	tcase_add_test(t, one_sample_is_a_middle_and_half_a_round_trip);
	tcase_add_test(t, the_shortest_round_trip_counts);
	tcase_add_test(t, the_truth_lies_within_the_error);
	tcase_add_loop_test(t, a_jump_is_noticed_and_not_averaged, 0, COUNT(jumps));
	tcase_add_test(t, a_jump_within_an_exchange_is_noticed);
	tcase_add_test(t, waiting_is_no_jump);
	tcase_add_loop_test(t, slewing_is_no_jump, 0, 2);
	tcase_add_test(t, a_small_step_in_a_long_run_is_noticed);
	tcase_add_loop_test(t, what_is_certain_is_less_the_error, 0, COUNT(certains));
	suite_add_tcase(s, t);
	return s;
}
