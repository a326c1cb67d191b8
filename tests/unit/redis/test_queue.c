#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <check.h>

#include "redis/queue.h"

Suite *suite_queue(void);

static void
expect_raw(struct bytes raw, const char *text, size_t n)
{
	ck_assert_uint_eq(raw.n, n);
	ck_assert_mem_eq(raw.p, text, n);
}

static void
push1(struct queue *q, enum client_repeat repeat, size_t tag, struct bytes word)
{
	const struct command command = { .tag = tag, .repeat = repeat };

	ck_assert_int_eq(queue_push(q, &command, 0, NULL, 1, &word), 0);
}

static const struct {
	size_t argc;
	struct bytes argv[3];
	const char *wire;
	size_t n;
} forms[] = {
#define WIRE(s) s, sizeof(s) - 1
	{ 1, { { "PING", 4 } }, WIRE("*1\r\n$4\r\nPING\r\n") },
	{ 2, { { "GET", 3 }, { "", 0 } }, WIRE("*2\r\n$3\r\nGET\r\n$0\r\n\r\n") },
	{ 2, { { "GET", 3 }, { NULL, 0 } }, WIRE("*2\r\n$3\r\nGET\r\n$0\r\n\r\n") },
	{ 2, { { "GET", 3 }, { "a\0\r\n", 4 } }, WIRE("*2\r\n$3\r\nGET\r\n$4\r\na\0\r\n\r\n") },
	{ 3, { { "SET", 3 }, { "k", 1 }, { "0123456789", 10 } },
	    WIRE("*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$10\r\n0123456789\r\n") },
};

START_TEST(formats_commands)
{
	const struct command command = { .tag = 7 };
	struct queue q = { 0 };
	struct bytes raw;
	size_t i;

	/* The arguments may come in two parts, cut anywhere. */
	for (i = 0; i <= forms[_i].argc; i++) {
		ck_assert_int_eq(queue_push(&q, &command, i, forms[_i].argv, forms[_i].argc - i,
		    forms[_i].argv + i), 0);
		ck_assert_uint_eq(queue_pop(&q, &raw).tag, 7);
		expect_raw(raw, forms[_i].wire, forms[_i].n);
		ck_assert_uint_eq(q.n, 0);
	}
	queue_free(&q);
}
END_TEST

START_TEST(evalsha_becomes_eval)
{
	const struct script s = { .name = "x", .body = "return 1",
		.sha1 = "0123456789012345678901234567890123456789" };
	const struct command command = { .script = &s, .tag = 3 };
	const struct bytes head[] = { B("EVALSHA"), bytes_str(s.sha1), B("1") };
	const struct bytes argv[] = { B("key"), B("$40\r\n") };
	struct queue q = { 0 }, later = { 0 };
	struct bytes raw;
	struct command c;

	ck_assert_int_eq(queue_push(&q, &command, 3, head, 2, argv), 0);
	c = queue_pop(&q, &raw);
	ck_assert_int_eq(queue_push_eval(&later, &c, raw), 0);
	c = queue_pop(&later, &raw);
	ck_assert_uint_eq(c.tag, 3);
#define EVAL "*5\r\n$4\r\nEVAL\r\n$8\r\nreturn 1\r\n$1\r\n1\r\n$3\r\nkey\r\n$5\r\n$40\r\n\r\n"
	expect_raw(raw, EVAL, sizeof(EVAL) - 1);
	queue_free(&q);
	queue_free(&later);
}
END_TEST

START_TEST(lost_commands_keep_their_place)
{
	struct queue q = { 0 };
	struct bytes raw;
	size_t tag;

	/* 0 and 1 went out whole, 2 in part, 3 not at all; 14 bytes each. */
	push1(&q, CLIENT_REPEAT, 0, B("AAAA"));
	push1(&q, CLIENT_ONCE, 1, B("BBBB"));
	push1(&q, CLIENT_ONCE, 2, B("CCCC"));
	push1(&q, CLIENT_ONCE, 3, B("DDDD"));
	q.sent = 28 + 13;
	ck_assert_uint_eq(queue_unsend(&q), 1);
	ck_assert_uint_eq(q.sent, q.head);
	ck_assert(!queue_first_sent(&q));
	q.sent = q.end;
	for (tag = 0; tag < 4; tag++) {
		ck_assert(queue_first_sent(&q));
		ck_assert_uint_eq(queue_pop(&q, &raw).tag, tag);
		ck_assert_uint_eq(raw.n, tag == 1 ? 0 : 14);
		if (tag != 1)
			ck_assert_int_eq(raw.p[8], "ABCD"[tag]);
	}
	queue_free(&q);
}
END_TEST

START_TEST(a_command_sent_whole_is_lost)
{
	struct queue q = { 0 };

	push1(&q, CLIENT_ONCE, 0, B("AAAA"));
	q.sent = q.end;
	ck_assert_uint_eq(queue_unsend(&q), 1);
	ck_assert_uint_eq(q.end, q.head);
	/* And only once. */
	ck_assert_uint_eq(queue_unsend(&q), 0);
	queue_free(&q);
}
END_TEST

START_TEST(gives_big_memory_back)
{
	static char big[3 * 1024 * 1024];
	struct queue q = { 0 };
	struct bytes raw;

	push1(&q, CLIENT_REPEAT, 0, (struct bytes){ big, sizeof(big) });
	queue_pop(&q, &raw);
	push1(&q, CLIENT_REPEAT, 1, B("PING"));
	ck_assert_uint_lt(q.cap, sizeof(big));
	queue_free(&q);
}
END_TEST

/* A queue under random pushes, sends, pops and losses against a plain model. */
START_TEST(behaves_like_its_model)
{
	enum { MAX = 400 };
	struct { size_t tag, size; bool once, lost, resent; } model[MAX];
	unsigned seed = (unsigned)time(NULL) + (unsigned)_i;
	size_t first = 0, n = 0, next = 0, step, i, lost;
	struct queue q = { 0 };
	struct command popped;
	struct bytes raw;
	char word[400];

	printf("queue: seed %u\n", seed);
	srand(seed);
	memset(word, 'x', sizeof(word));
	for (step = 0; step < 4000; step++) {
		switch (rand() % 8) {
		case 0: case 1: case 2:
			if (first + n == MAX)
				break;
			model[first + n].tag = next;
			model[first + n].size = 8 + (size_t)rand() % 390;
			model[first + n].once = rand() % 2 == 0;
			model[first + n].lost = model[first + n].resent = false;
			memcpy(word, &next, sizeof(next));
			push1(&q, model[first + n].once ? CLIENT_ONCE : CLIENT_REPEAT, next,
			    (struct bytes){ word, model[first + n].size });
			n++;
			next++;
			break;
		case 3: case 4:
			q.sent += (size_t)rand() % (q.end - q.sent + 1);
			break;
		case 5: case 6:
			if (n == 0 || !queue_first_sent(&q))
				break;
			popped = queue_pop(&q, &raw);
			ck_assert_uint_eq(popped.tag, model[first].tag);
			ck_assert_int_eq(popped.resent, model[first].resent);
			ck_assert_int_eq(raw.n == 0, model[first].lost);
			if (raw.n > 0) {
				i = bytes_find(raw, '\n', bytes_find(raw, '\n', 0) + 1) + 1;
				ck_assert_uint_eq(raw.n, i + model[first].size + 2);
				ck_assert_mem_eq(raw.p + i, &model[first].tag, sizeof(size_t));
			}
			first++;
			n--;
			break;
		default:
			if (rand() % 4 != 0)
				break;
			lost = 0;
			raw.n = q.head;
			for (i = first; i < first + n; i++) {
				raw.n += q.v[(q.first + i - first) & (q.vcap - 1)].length;
				if (!model[i].lost && model[i].once && raw.n <= q.sent) {
					model[i].lost = true;
					lost++;
				} else if (!model[i].lost && raw.n <= q.sent)
					model[i].resent = true;
			}
			ck_assert_uint_eq(queue_unsend(&q), lost);
		}
		if (first == MAX)
			first = n = 0;
		ck_assert_uint_eq(q.n, n);
		ck_assert(q.head <= q.sent && q.sent <= q.end && q.end <= q.cap);
	}
	queue_free(&q);
}
END_TEST

Suite *
suite_queue(void)
{
	Suite *s = suite_create("queue");
	TCase *t = tcase_create("queue");

	tcase_set_timeout(t, 120);
	tcase_add_loop_test(t, formats_commands, 0, sizeof(forms) / sizeof(forms[0]));
	tcase_add_test(t, evalsha_becomes_eval);
	tcase_add_test(t, lost_commands_keep_their_place);
	tcase_add_test(t, a_command_sent_whole_is_lost);
	tcase_add_test(t, gives_big_memory_back);
	tcase_add_loop_test(t, behaves_like_its_model, 0, 20);
	suite_add_tcase(s, t);
	return s;
}
