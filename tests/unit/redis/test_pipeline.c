#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <check.h>

#include "redis/client_private.h"

Suite *suite_pipeline(void);

/* A client that is not connected, and what its callbacks were told. */
static struct client *c;
static size_t told[16], n_told;
static int added;

static void
set_up(void)
{
	c = calloc(1, sizeof(*c));
	ck_assert_ptr_nonnull(c);
	c->options = (struct client_options){
		.transport = { .unix_path = "/nonexistent/redis.sock" }, .username = "",
		.password = "", .name = "", .connect_timeout = 1000, .timeout = 1000, .retries = 1,
	};
	n_told = 0;
	added = 0;
}

static void
tear_down(void)
{
	client_close(c);
}

static void
on_lost(void *ctx, size_t tag, const struct reply *r)
{
	ck_assert_ptr_eq(ctx, c);
	ck_assert_ptr_null(r);
	told[n_told++] = tag;
	added = CLIENT_ADD(c, CLIENT_REPEAT, on_lost, c, 99, B("PING"));
}

static void
add(size_t tag)
{
	ck_assert_int_eq(CLIENT_ADD(c, CLIENT_ONCE, on_lost, c, tag, B("GET"), B("k")), 0);
}

START_TEST(nothing_pending_is_no_step)
{
	ck_assert_int_eq(client_step(c), 0);
	ck_assert_int_eq(client_drain(c), 0);
	ck_assert_uint_eq(client_pending(c), 0);
}
END_TEST

START_TEST(all_are_told_when_it_gives_up)
{
	size_t mark = 0;

	add(0);
	client_mark(c, &mark);
	add(1);
	add(2);
	client_mark(c, NULL);
	add(3);
	ck_assert_uint_eq(mark, 2);
	ck_assert_uint_eq(client_pending(c), 4);
	ck_assert_int_eq(client_step(c), -1);
	ck_assert_int_eq(client_error(c)->exit, EX_UNAVAILABLE);
	ck_assert_ptr_nonnull(strstr(client_error(c)->text, "/nonexistent/redis.sock"));
	ck_assert_uint_eq(n_told, 4);
	ck_assert_mem_eq(told, ((size_t[]){ 0, 1, 2, 3 }), 4 * sizeof(size_t));
	/* What was added meanwhile was refused, and nothing is left to count down later. */
	ck_assert_int_eq(added, -1);
	ck_assert_uint_eq(client_pending(c), 0);
	ck_assert_uint_eq(mark, 0);
}
END_TEST

START_TEST(without_memory_the_next_step_fails)
{
	const struct bytes huge[] = { B("SET"), B("k"), { "", SIZE_MAX / 3 } };
	size_t mark = 0;

	add(0);
	client_mark(c, &mark);
	ck_assert_int_eq(client_add(c, CLIENT_REPEAT, on_lost, c, 1, 3, huge), -1);
	client_mark(c, NULL);
	ck_assert_uint_eq(mark, 0);
	add(2);
	ck_assert_int_eq(client_step(c), -1);
	ck_assert_int_eq(client_error(c)->exit, EX_SOFTWARE);
	ck_assert_uint_eq(n_told, 2);
	ck_assert_mem_eq(told, ((size_t[]){ 0, 2 }), 2 * sizeof(size_t));
	/* Once: the client itself is as good as before. */
	ck_assert_int_eq(client_step(c), 0);
}
END_TEST

START_TEST(a_call_without_memory_has_no_reply)
{
	const struct bytes huge[] = { B("GET"), { "", SIZE_MAX / 3 } };

	ck_assert_ptr_null(client_call(c, CLIENT_REPEAT, 2, huge));
	ck_assert_int_eq(client_error(c)->exit, EX_SOFTWARE);
}
END_TEST

START_TEST(moved_is_said_once)
{
	ck_assert(!client_moved(c));
	c->moved = true;
	ck_assert(client_moved(c));
	ck_assert(!client_moved(c));
}
END_TEST

START_TEST(the_clock_is_carried_forward)
{
	c->clock_offset_us = INT64_C(1700000000000000);
	ck_assert_int_gt(client_now_ms(c), INT64_C(1700000000000));
	ck_assert_int_le(client_now_ms(c), client_now_ms(c));
}
END_TEST

Suite *
suite_pipeline(void)
{
	Suite *s = suite_create("pipeline");
	TCase *t = tcase_create("pipeline");

	tcase_set_timeout(t, 120);
	tcase_add_checked_fixture(t, set_up, tear_down);
	tcase_add_test(t, nothing_pending_is_no_step);
	tcase_add_test(t, all_are_told_when_it_gives_up);
	tcase_add_test(t, without_memory_the_next_step_fails);
	tcase_add_test(t, a_call_without_memory_has_no_reply);
	tcase_add_test(t, moved_is_said_once);
	tcase_add_test(t, the_clock_is_carried_forward);
	suite_add_tcase(s, t);
	return s;
}
