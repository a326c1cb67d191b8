#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <check.h>

#include "base/clock.h"
#include "redis/transport.h"

Suite *suite_transport(void);

/* A listener on a unix socket, and the transport that is connected to it. */
static char directory[64];
static char path[128];
static int listener, peer;
static struct transport *t;
static struct error e;

static struct transport_options
options(const char *unix_path)
{
	return (struct transport_options){ .unix_path = unix_path, .host = "", .tls_ca_file = "",
	    .tls_cert_file = "", .tls_key_file = "", .tls_server_name = "" };
}

static int64_t
soon(void)
{
	return clock_mono_ms() + 60000;
}

static void
set_up(void)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	struct transport_options o = options(path);

	snprintf(directory, sizeof(directory), "/tmp/coordkeep-unit-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(directory));
	snprintf(path, sizeof(path), "%s/s", directory);
	memcpy(sa.sun_path, path, strlen(path) + 1);
	listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ck_assert_int_eq(bind(listener, (struct sockaddr *)&sa, sizeof(sa)), 0);
	ck_assert_int_eq(listen(listener, 4), 0);
	e = (struct error){ 0 };
	t = transport_open(&o, soon(), &e);
	ck_assert_msg(t != NULL, "%s", e.text);
	ck_assert_int_ge(peer = accept(listener, NULL, NULL), 0);
}

static void
tear_down(void)
{
	transport_close(t);
	close(peer);
	close(listener);
	unlink(path);
	rmdir(directory);
}

START_TEST(moves_both_ways)
{
	char in[16];
	size_t sent, got;

	ck_assert_int_eq(transport_move(t, "ping", 4, &sent, in, sizeof(in), &got, soon(), &e), 0);
	ck_assert_uint_eq(sent, 4);
	ck_assert_int_eq(read(peer, in, sizeof(in)), 4);
	ck_assert_int_eq(write(peer, "pong", 4), 4);
	ck_assert_int_eq(transport_move(t, NULL, 0, &sent, in, sizeof(in), &got, soon(), &e), 0);
	ck_assert_uint_eq(got, 4);
	ck_assert_mem_eq(in, "pong", 4);
	ck_assert(transport_alive(t));
}
END_TEST

START_TEST(times_out)
{
	size_t sent, got;
	char in[16];

	ck_assert_int_eq(transport_move(t, NULL, 0, &sent, in, sizeof(in), &got,
	    clock_mono_ms() + 20, &e), -1);
	ck_assert_int_eq(e.exit, EX_UNAVAILABLE);
	ck_assert_ptr_nonnull(strstr(e.text, "timed out"));
	ck_assert_ptr_nonnull(strstr(e.text, path));
	/* What is there already counts even when the time is up. */
	ck_assert_int_eq(write(peer, "x", 1), 1);
	ck_assert_int_eq(transport_move(t, NULL, 0, &sent, in, sizeof(in), &got,
	    clock_mono_ms() - 1, &e), 0);
	ck_assert_uint_eq(got, 1);
}
END_TEST

START_TEST(says_that_it_was_closed)
{
	size_t sent, got;
	char in[16];

	/* The last word of the other side is read before the end. */
	ck_assert_int_eq(write(peer, "-ERR", 4), 4);
	close(peer);
	peer = -1;
	ck_assert_int_eq(transport_move(t, "PING", 4, &sent, in, sizeof(in), &got, soon(), &e), 0);
	ck_assert_uint_eq(sent, 0);
	ck_assert_uint_eq(got, 4);
	ck_assert(!transport_alive(t));
	ck_assert_int_eq(transport_move(t, "PING", 4, &sent, in, sizeof(in), &got, soon(), &e), -1);
	ck_assert_int_eq(e.exit, EX_UNAVAILABLE);
	ck_assert_ptr_nonnull(strstr(e.text, "closed the connection"));
}
END_TEST

/* Both sides have more to send than their sockets hold. */
START_TEST(does_not_deadlock_with_full_buffers)
{
	enum { SIZE = 8 * 1024 * 1024 };
	char *out = calloc(1, SIZE), in[4096];
	size_t sent = 0, received = 0, gone, got;
	pid_t child = fork();
	int status;
	ssize_t n;

	ck_assert_ptr_nonnull(out);
	ck_assert_int_ge(child, 0);
	if (child == 0) {
		/* Writes everything before it reads anything. */
		for (gone = 0; gone < SIZE; gone += (size_t)n)
			if ((n = write(peer, out + gone, SIZE - gone)) <= 0)
				_exit(1);
		for (got = 0; got < SIZE; got += (size_t)n)
			if ((n = read(peer, out, SIZE)) <= 0)
				_exit(2);
		_exit(0);
	}
	while (sent < SIZE || received < SIZE) {
		ck_assert_int_eq(transport_move(t, out + sent, SIZE - sent, &gone, in, sizeof(in),
		    &got, soon(), &e), 0);
		sent += gone;
		received += got;
	}
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert_int_eq(status, 0);
	free(out);
}
END_TEST

static void
on_alarm(int number)
{
	(void)number;
}

START_TEST(a_signal_is_no_error)
{
	const struct sigaction action = { .sa_handler = on_alarm };
	size_t sent, got;
	char in[16];

	sigaction(SIGALRM, &action, NULL);
	alarm(1);
	ck_assert_int_eq(transport_move(t, NULL, 0, &sent, in, sizeof(in), &got, soon(), &e), 0);
	ck_assert_uint_eq(sent, 0);
	ck_assert_uint_eq(got, 0);
}
END_TEST

/* One that came between the caller's look and poll would else be seen at the deadline only. */
START_TEST(a_wait_ends_now_and_then)
{
	int64_t before = clock_mono_ms();
	size_t sent = 1, got = 1;
	char in[16];

	ck_assert_int_eq(transport_move(t, NULL, 0, &sent, in, sizeof(in), &got, soon(), &e), 0);
	ck_assert(sent == 0 && got == 0);
	ck_assert_int_ge(clock_mono_ms() - before, TRANSPORT_LOOK_MS - 1);
}
END_TEST

START_TEST(a_full_backlog_times_out)
{
	struct transport_options o = options(path);
	struct transport *more[16] = { NULL };
	size_t i;

	for (i = 0; i < 16; i++)
		if ((more[i] = transport_open(&o, clock_mono_ms() + 50, &e)) == NULL)
			break;
	ck_assert_uint_lt(i, 16);
	ck_assert_int_eq(e.exit, EX_UNAVAILABLE);
	ck_assert_ptr_nonnull(strstr(e.text, "timed out while connecting"));
	for (i = 0; i < 16; i++)
		transport_close(more[i]);
}
END_TEST

static const struct {
	const char *path;
	int exit;
	const char *text;
} failures[] = {
	{ "/nonexistent/redis.sock", EX_UNAVAILABLE, "No such file" },
	{ "/dev/null", EX_UNAVAILABLE, "refused" },
	{ "/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	  "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", EX_CONFIG, "107 bytes at most" },
};

START_TEST(names_what_cannot_be_opened)
{
	struct transport_options o = options(failures[_i].path);
	struct error why = { 0 };

	ck_assert_ptr_null(transport_open(&o, soon(), &why));
	ck_assert_int_eq(why.exit, failures[_i].exit);
	ck_assert_msg(strstr(why.text, failures[_i].text) != NULL, "%s", why.text);
	ck_assert_msg(strstr(why.text, failures[_i].path) != NULL, "%s", why.text);
}
END_TEST

START_TEST(tls_files_are_a_matter_of_config)
{
	struct transport_options o = options(path);
	struct error why = { 0 };

	o.tls = true;
	o.tls_ca_file = "/nonexistent/ca.pem";
	ck_assert_ptr_null(transport_open(&o, soon(), &why));
	ck_assert_int_eq(why.exit, EX_CONFIG);
	ck_assert_ptr_nonnull(strstr(why.text, "tls_ca_file /nonexistent/ca.pem"));
	o.tls_ca_file = "";
	ck_assert_ptr_null(transport_open(&o, soon(), &why));
	ck_assert_int_eq(why.exit, EX_CONFIG);
	ck_assert_ptr_nonnull(strstr(why.text, "tls_server_name"));
}
END_TEST

Suite *
suite_transport(void)
{
	Suite *s = suite_create("transport");
	TCase *open = tcase_create("open"), *move = tcase_create("move");

	tcase_set_timeout(open, 120);
	tcase_add_loop_test(open, names_what_cannot_be_opened, 0,
	    sizeof(failures) / sizeof(failures[0]));
	suite_add_tcase(s, open);
	tcase_set_timeout(move, 120);
	tcase_add_checked_fixture(move, set_up, tear_down);
	tcase_add_test(move, moves_both_ways);
	tcase_add_test(move, times_out);
	tcase_add_test(move, says_that_it_was_closed);
	tcase_add_test(move, does_not_deadlock_with_full_buffers);
	tcase_add_test(move, a_signal_is_no_error);
	tcase_add_test(move, a_wait_ends_now_and_then);
	tcase_add_test(move, a_full_backlog_times_out);
	tcase_add_test(move, tls_files_are_a_matter_of_config);
	suite_add_tcase(s, move);
	return s;
}
