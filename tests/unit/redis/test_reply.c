#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <check.h>
#include <hiredis/hiredis.h>

#include "redis/client.h"
#include "redis/reply.h"

Suite *suite_reply(void);

/* The reply that ${wire} is. */
static struct reply *
parse(const char *wire)
{
	bool too_long;
	redisReader *reader = reply_reader(&too_long);
	void *r = NULL;

	ck_assert_ptr_nonnull(reader);
	ck_assert_int_eq(redisReaderFeed(reader, wire, strlen(wire)), REDIS_OK);
	ck_assert_int_eq(redisReaderGetReply(reader, &r), REDIS_OK);
	ck_assert_ptr_nonnull(r);
	redisReaderFree(reader);
	return r;
}

static const struct {
	const char *wire;
	bool nil, error, integer, string, array;
	const char *kind;
} kinds[] = {
	{ "$-1\r\n", true, false, false, false, false, "nil" },
	{ "*-1\r\n", true, false, false, false, false, "nil" },
	{ "-ERR no\r\n", false, true, false, false, false, "ERR no" },
	{ ":-42\r\n", false, false, true, false, false, "an integer" },
	{ "$3\r\nabc\r\n", false, false, false, true, false, "a string" },
	{ "$0\r\n\r\n", false, false, false, true, false, "a string" },
	{ "+OK\r\n", false, false, false, true, false, "a status" },
	{ "*2\r\n:1\r\n$1\r\nx\r\n", false, false, false, false, true, "an array" },
	{ "*0\r\n", false, false, false, false, true, "an array" },
};

START_TEST(tells_the_type)
{
	struct reply *r = parse(kinds[_i].wire);
	struct bytes s;
	int64_t v;
	size_t n;

	ck_assert_int_eq(reply_is_nil(r), kinds[_i].nil);
	ck_assert_int_eq(reply_error(r) != NULL, kinds[_i].error);
	ck_assert_int_eq(reply_integer(r, &v), kinds[_i].integer);
	ck_assert_int_eq(reply_string(r, &s), kinds[_i].string);
	ck_assert_int_eq(reply_array(r, &n), kinds[_i].array);
	ck_assert_str_eq(reply_kind(r), kinds[_i].kind);
	reply_free(r);
}
END_TEST

/* What a callback is given when the reply was lost. */
START_TEST(none_is_of_no_type)
{
	struct bytes s;
	int64_t v;
	size_t n;

	ck_assert(!reply_is_nil(NULL));
	ck_assert_ptr_null(reply_error(NULL));
	ck_assert(!reply_integer(NULL, &v));
	ck_assert(!reply_string(NULL, &s));
	ck_assert(!reply_array(NULL, &n));
	ck_assert_ptr_null(reply_at(NULL, 0));
	ck_assert_str_eq(reply_kind(NULL), "no reply");
}
END_TEST

START_TEST(gives_the_value)
{
	struct reply *r = parse("*4\r\n:-9223372036854775808\r\n$4\r\na\r\nb\r\n+PONG\r\n*1\r\n$-1\r\n");
	struct bytes s;
	int64_t v;
	size_t n;

	ck_assert(reply_array(r, &n));
	ck_assert_uint_eq(n, 4);
	ck_assert(reply_integer(reply_at(r, 0), &v));
	ck_assert_int_eq(v, INT64_MIN);
	ck_assert(reply_string(reply_at(r, 1), &s));
	ck_assert(bytes_equal(s, B("a\r\nb")));
	ck_assert(reply_string(reply_at(r, 2), &s));
	ck_assert(bytes_equal(s, B("PONG")));
	ck_assert(reply_is_nil(reply_at(reply_at(r, 3), 0)));
	ck_assert_ptr_null(reply_at(r, 4));
	ck_assert_ptr_null(reply_at(reply_at(r, 0), 0));
	reply_free(r);
	reply_free(NULL);
}
END_TEST

static const struct {
	const char *text;
	bool temporary, elsewhere, crowded;
	int exit;
} errors[] = {
	{ "LOADING Redis is loading the dataset in memory", true, false, false, EX_UNAVAILABLE },
	{ "BUSY Redis is busy running a script.", true, false, false, EX_UNAVAILABLE },
	{ "BUSYKEY Target key name already exists.", false, false, false, EX_CRITICAL },
	{ "BUSYGROUP Consumer Group name already exists", false, false, false, EX_CRITICAL },
	{ "TRYAGAIN Multiple keys request during rehashing of slot", true, false, false,
	    EX_UNAVAILABLE },
	{ "CLUSTERDOWN The cluster is down", true, false, false, EX_UNAVAILABLE },
	{ "MASTERDOWN Link with MASTER is down", true, true, false, EX_UNAVAILABLE },
	{ "READONLY You can't write against a read only replica.", true, true, false,
	    EX_UNAVAILABLE },
	{ "READONLY", true, true, false, EX_UNAVAILABLE },
	{ "OOM command not allowed when used memory > 'maxmemory'.", false, false, false,
	    EX_UNAVAILABLE },
	{ "MISCONF Redis is configured to save RDB snapshots", false, false, false, EX_UNAVAILABLE },
	{ "NOREPLICAS Not enough good replicas to write.", false, false, false, EX_UNAVAILABLE },
	{ "NOAUTH Authentication required.", false, false, false, EX_NOPERM },
	{ "WRONGPASS invalid username-password pair", false, false, false, EX_NOPERM },
	{ "NOPERM this user has no permissions", false, false, false, EX_NOPERM },
	{ "ERR Error running script (call to f_0): @user_script:1: @user_script: 1: The user executing "
	  "the script can't run this command or subcommand", false, false, false, EX_NOPERM },
	{ "ERR ACL failure in script: User u has no permissions to run the 'del' command script: 0, on "
	  "@user_script:1.", false, false, false, EX_NOPERM },
	{ "DENIED Redis is running in protected mode", false, false, false, EX_NOPERM },
	{ "ERR max number of clients reached", false, false, true, EX_UNAVAILABLE },
	{ "ERR max number of clients + cluster connections reached", false, false, true,
	    EX_UNAVAILABLE },
	{ "ERR unknown command", false, false, false, EX_CRITICAL },
	{ "WRONGTYPE Operation against a key", false, false, false, EX_CRITICAL },
	{ "NOSCRIPT No matching script.", false, false, false, EX_CRITICAL },
	{ "ERR Error running script (call to f_1b): @user_script:1: @user_script: 1: -OOM command "
	  "not allowed when used memory > 'maxmemory'.", false, false, false, EX_UNAVAILABLE },
	{ "ERR Error running script (call to f_1b): @user_script:1: @user_script: 1: -READONLY You "
	  "can't write against a read only replica.", true, true, false, EX_UNAVAILABLE },
	{ "ERR Error running script (call to f_1b): @user_script:1: attempt to index nil", false,
	  false, false, EX_CRITICAL },
	{ "ERR no such thing: -OOM ", false, false, false, EX_CRITICAL },
	{ "", false, false, false, EX_CRITICAL },
};

START_TEST(knows_what_errors_mean)
{
	ck_assert_int_eq(reply_temporary(errors[_i].text), errors[_i].temporary);
	ck_assert_int_eq(reply_elsewhere(errors[_i].text), errors[_i].elsewhere);
	ck_assert_int_eq(reply_crowded(errors[_i].text), errors[_i].crowded);
	ck_assert_int_eq(reply_exit(errors[_i].text), errors[_i].exit);
}
END_TEST

static const struct {
	const char *wire; /* NULL: lost */
	int exit;
	const char *text;
} failures[] = {
	{ NULL, EX_UNAVAILABLE, "GET k: the reply was lost, the outcome is unknown" },
	{ "-NOPERM no\r\n", EX_NOPERM, "GET k: NOPERM no" },
	{ "-WRONGTYPE x\r\n", EX_CRITICAL, "GET k: WRONGTYPE x" },
	{ ":1\r\n", EX_CRITICAL, "GET k: unexpected reply: an integer" },
	{ "$-1\r\n", EX_CRITICAL, "GET k: unexpected reply: nil" },
};

START_TEST(turns_replies_into_errors)
{
	struct reply *r = failures[_i].wire != NULL ? parse(failures[_i].wire) : NULL;
	struct error e = { 0 };

	ck_assert_int_eq(reply_fail(r, &e, "GET %s", "k"), -1);
	ck_assert_int_eq(e.exit, failures[_i].exit);
	ck_assert_str_eq(e.text, failures[_i].text);
	ck_assert_int_eq(reply_fail(r, NULL, "GET"), -1);
	reply_free(r);
}
END_TEST

static const struct {
	int64_t v;
	const char *text;
} numbers[] = { { 0, "0" }, { -1, "-1" }, { INT64_MAX, "9223372036854775807" },
	{ INT64_MIN, "-9223372036854775808" } };

START_TEST(writes_numbers)
{
	char out[24];

	ck_assert(bytes_equal(bytes_of_int(numbers[_i].v, out), bytes_str(numbers[_i].text)));
}
END_TEST

static size_t
below(size_t n)
{

	return (size_t)random() % n;
}

/* A reply at random, in the form of the wire and as a person would write it down. */
static void
invent(int depth, struct buf *wire, struct buf *told)
{
	size_t n, i;

	switch (below(depth < REPLY_DEPTH_MAX ? 6 : 4)) {
	case 0:
		buf_str(wire, "$-1\r\n");
		buf_str(told, "nil ");
		break;
	case 1:
		n = below(100000);
		buf_printf(wire, ":%zu\r\n", n);
		buf_printf(told, "%zu ", n);
		break;
	case 2:
	case 3:
		/* Now and then more than what strings of one reply share. */
		n = below(20) == 0 ? below(20000) : below(30);
		buf_printf(wire, "$%zu\r\n", n);
		for (i = 0; i < n; i++) {
			buf_char(wire, (char)('a' + (i + n) % 26));
			buf_char(told, (char)('a' + (i + n) % 26));
		}
		buf_str(wire, "\r\n");
		buf_str(told, "\" ");
		break;
	default:
		n = below(10) == 0 ? below(700) : below(6);
		if (depth > 2)
			n = n % 6;
		buf_printf(wire, "*%zu\r\n", n);
		buf_str(told, "( ");
		for (i = 0; i < n; i++)
			invent(depth + 1, wire, told);
		buf_str(told, ") ");
		break;
	}
}

static void
tell(const struct reply *r, struct buf *told)
{
	struct bytes s;
	int64_t v;
	size_t n, i;

	if (reply_is_nil(r))
		buf_str(told, "nil ");
	else if (reply_integer(r, &v))
		buf_printf(told, "%lld ", (long long)v);
	else if (reply_string(r, &s)) {
		ck_assert_int_eq(s.p[s.n], '\0');
		buf_bytes(told, s);
		buf_str(told, "\" ");
	} else {
		ck_assert(reply_array(r, &n));
		buf_str(told, "( ");
		for (i = 0; i < n; i++)
			tell(reply_at(r, i), told);
		buf_str(told, ") ");
	}
}

START_TEST(reads_whatever_is_sent_in_whatever_pieces)
{
	struct buf wire = { 0 }, told = { 0 }, read = { 0 };
	struct reply *kept[50];
	bool too_long;
	redisReader *reader = reply_reader(&too_long);
	const unsigned int seed = (unsigned int)time(NULL);
	size_t at = 0, n, got = 0, i;
	void *r;

	srandom(seed);
	ck_assert_ptr_nonnull(reader);
	for (i = 0; i < 50; i++)
		invent(1, &wire, &told);
	/* Each is whole however long others are kept. */
	while (at < wire.n) {
		n = 1 + below(9000);
		if (n > wire.n - at)
			n = wire.n - at;
		ck_assert_int_eq(redisReaderFeed(reader, wire.p + at, n), REDIS_OK);
		at += n;
		for (;;) {
			ck_assert_int_eq(redisReaderGetReply(reader, &r), REDIS_OK);
			if (r == NULL)
				break;
			ck_assert_uint_lt(got, 50);
			kept[got++] = r;
		}
	}
	ck_assert_msg(got == 50, "seed %u: %zu replies", seed, got);
	for (i = 0; i < got; i++)
		tell(kept[i], &read);
	ck_assert_msg(bytes_equal(buf_view(&read), buf_view(&told)), "seed %u", seed);
	for (i = 0; i < got; i++)
		reply_free(kept[i]);
	redisReaderFree(reader);
	buf_free(&wire);
	buf_free(&told);
	buf_free(&read);
}
END_TEST

/* What the parser gives up on is freed with it (the sanitizers look). */
static const struct {
	const char *wire;
	bool too_long;
} broken[] = {
	{ "*3\r\n$3\r\nabc\r\n*2\r\n:1\r\n?\r\n", false },
	{ "*1000001\r\n", true },
	{ "*2\r\n$1\r\nx\r\n*1000001\r\n", true },
	{ "*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n", true },
	{ "hello\r\n", false },
};

START_TEST(gives_up_cleanly)
{
	bool too_long = true;
	redisReader *reader = reply_reader(&too_long);
	void *r = NULL;

	ck_assert_ptr_nonnull(reader);
	ck_assert(!too_long);
	ck_assert_int_eq(redisReaderFeed(reader, broken[_i].wire, strlen(broken[_i].wire)), REDIS_OK);
	ck_assert_int_eq(redisReaderGetReply(reader, &r), REDIS_ERR);
	ck_assert_ptr_null(r);
	ck_assert_int_eq(too_long, broken[_i].too_long);
	redisReaderFree(reader);
}
END_TEST

/* The connection ends in the middle of one. */
START_TEST(frees_the_half_of_a_reply)
{
	static const char wire[] = "*3\r\n$3\r\nabc\r\n*2\r\n:1\r\n$100\r\nno more";
	bool too_long;
	redisReader *reader = reply_reader(&too_long);
	void *r = NULL;

	ck_assert_int_eq(redisReaderFeed(reader, wire, sizeof(wire) - 1), REDIS_OK);
	ck_assert_int_eq(redisReaderGetReply(reader, &r), REDIS_OK);
	ck_assert_ptr_null(r);
	redisReaderFree(reader);
}
END_TEST

Suite *
suite_reply(void)
{
	Suite *s = suite_create("reply");
	TCase *t = tcase_create("reply");

	tcase_set_timeout(t, 120);
	tcase_add_loop_test(t, tells_the_type, 0, sizeof(kinds) / sizeof(kinds[0]));
	tcase_add_test(t, gives_the_value);
	tcase_add_test(t, reads_whatever_is_sent_in_whatever_pieces);
	tcase_add_loop_test(t, gives_up_cleanly, 0, sizeof(broken) / sizeof(broken[0]));
	tcase_add_test(t, frees_the_half_of_a_reply);
	tcase_add_test(t, none_is_of_no_type);
	tcase_add_loop_test(t, knows_what_errors_mean, 0, sizeof(errors) / sizeof(errors[0]));
	tcase_add_loop_test(t, turns_replies_into_errors, 0,
	    sizeof(failures) / sizeof(failures[0]));
	tcase_add_loop_test(t, writes_numbers, 0, sizeof(numbers) / sizeof(numbers[0]));
	suite_add_tcase(s, t);
	return s;
}
