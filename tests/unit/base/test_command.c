#include "base/command.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <check.h>

#include "base/clock.h"
#include "support.h"

Suite *suite_command(void);

#define COUNT(table) ((int)(sizeof(table) / sizeof((table)[0])))
/* Long enough for any machine; a command that works never waits for it. */
#define PLENTY 60000

static size_t files_before;

static void
setup(void)
{
	files_before = count_open_files();
}

/* No descriptor and no child is left behind. */
static void
teardown(void)
{
	ck_assert_uint_eq(count_open_files(), files_before);
	ck_assert_int_eq(waitpid(-1, NULL, WNOHANG), -1);
	ck_assert_int_eq(errno, ECHILD);
}

static const struct {
	const char *command;
	enum command_end end;
	int status;
	const char *output;
} commands[] = {
	{ "true", COMMAND_EXITED, 0, "" },
	{ "exit 3", COMMAND_EXITED, 3, "" },
	{ "echo hello; exit 7", COMMAND_EXITED, 7, "hello\n" },
	{ "kill -9 $$", COMMAND_SIGNALED, 9, "" },
	{ "kill -TERM $$", COMMAND_SIGNALED, 15, "" },
	{ "/no/such/program 2>/dev/null", COMMAND_EXITED, 127, "" },
	{ "cat", COMMAND_EXITED, 0, "input" },
	{ "cat /dev/stdin", COMMAND_EXITED, 0, "input" },
	{ "exec <&-; echo deaf", COMMAND_EXITED, 0, "deaf\n" },
	{ "cat | tr a-z A-Z", COMMAND_EXITED, 0, "INPUT" },
	{ "printf 'a\\0b' | od -An -c | tr -d ' '", COMMAND_EXITED, 0, "a\\0b\n" },
	{ "exec >&-; exit 4", COMMAND_EXITED, 4, "" },
};

START_TEST(runs)
{
	struct buf out = { 0 };
	struct command_result r = command_run(commands[_i].command, NULL, B("input"), &out,
	    1000, PLENTY);

	ck_assert_int_eq(r.end, commands[_i].end);
	ck_assert_int_eq(r.status, commands[_i].status);
	ck_assert_str_eq(buf_cstr(&out), commands[_i].output);
	buf_free(&out);
}
END_TEST

/* Both pipes are full at once unless one is written while the other is read. */
START_TEST(large_input_and_output)
{
	struct buf in = { 0 }, out = { 0 };
	struct command_result r;
	int i;

	for (i = 0; i < 200000; i++)
		buf_printf(&in, "line %d\n", i);
	r = command_run("cat", NULL, buf_view(&in), &out, in.n, PLENTY);
	ck_assert_int_eq(r.end, COMMAND_EXITED);
	ck_assert_int_eq(r.status, 0);
	ck_assert(bytes_equal(buf_view(&in), buf_view(&out)));
	buf_free(&in);
	buf_free(&out);
}
END_TEST

START_TEST(input_that_nobody_reads)
{
	static const char big[1 << 20];
	struct buf out = { 0 };
	struct command_result r;

	(void)signal(SIGPIPE, SIG_DFL);
	r = command_run("exit 5", NULL, (struct bytes){ big, sizeof(big) }, &out, 10, PLENTY);
	ck_assert_int_eq(r.end, COMMAND_EXITED);
	ck_assert_int_eq(r.status, 5);
	r = command_run("head -c 3 >/dev/null", NULL, (struct bytes){ big, sizeof(big) }, NULL,
	    0, PLENTY);
	ck_assert_int_eq(r.end, COMMAND_EXITED);
	buf_free(&out);
}
END_TEST

START_TEST(output_is_bounded)
{
	struct buf out = { 0 };
	struct command_result r = command_run(
	    "i=0; while [ $i -lt 3000 ]; do echo 0123456789012345678901234567890123456789;"
	    " i=$((i+1)); done; exit 6", NULL, B(""), &out, 100, PLENTY);

	/* The rest was read: it came to its end. */
	ck_assert_int_eq(r.end, COMMAND_EXITED);
	ck_assert_int_eq(r.status, 6);
	ck_assert_uint_eq(out.n, 100);
	buf_reset(&out);
	(void)command_run("echo x", NULL, B(""), &out, 0, PLENTY);
	ck_assert_uint_eq(out.n, 0);
	buf_free(&out);
}
END_TEST

START_TEST(output_to_stderr)
{
	struct scratch scratch;
	struct buf b;
	int fd, saved = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);

	scratch_make(&scratch);
	fd = open(scratch_file(&scratch, "err"), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	ck_assert_int_eq(dup2(fd, STDERR_FILENO), STDERR_FILENO);
	(void)command_run("echo one; echo two >&2", NULL, B(""), NULL, 0, PLENTY);
	(void)dup2(saved, STDERR_FILENO);
	(void)close(saved);
	(void)close(fd);
	b = get_file(scratch_file(&scratch, "err"));
	ck_assert_str_eq(buf_cstr(&b), "one\ntwo\n");
	buf_free(&b);
	scratch_remove(&scratch);
}
END_TEST

START_TEST(environment)
{
	const char *const env[] = { "COORDKEEP_JOB=reap-stale", "COORDKEEP_EXIT=1", NULL };
	struct buf out = { 0 };

	(void)setenv("COORDKEEP_JOB", "old", 1);
	(void)setenv("COORDKEEP_JOBS", "stays", 1);
	(void)command_run("env | grep ^COORDKEEP_ | sort", env, B(""), &out, 1000, PLENTY);
	ck_assert_str_eq(buf_cstr(&out),
	    "COORDKEEP_EXIT=1\nCOORDKEEP_JOB=reap-stale\nCOORDKEEP_JOBS=stays\n");
	ck_assert_str_eq(getenv("COORDKEEP_JOB"), "old");
	buf_free(&out);
}
END_TEST

/* A process that it left behind holds its stdout: not waited for. */
START_TEST(a_grandchild_holds_stdout)
{
	struct buf out = { 0 };
	int64_t start = clock_mono_ms();
	struct command_result r = command_run("sleep 300 2>/dev/null & echo $!; exit 2", NULL,
	    B(""), &out, 1000, PLENTY);
	pid_t pid = (pid_t)strtol(buf_cstr(&out), NULL, 10);

	ck_assert_int_eq(r.end, COMMAND_EXITED);
	ck_assert_int_eq(r.status, 2);
	ck_assert_int_lt(clock_mono_ms() - start, PLENTY);
	/* What was started on purpose stays. */
	ck_assert_int_gt(pid, 1);
	ck_assert_int_eq(kill(pid, SIGKILL), 0);
	buf_free(&out);
}
END_TEST

/* Is the process gone, or soon? */
static bool
is_gone(pid_t pid)
{
	char path[64];
	struct buf b = { 0 };
	bool gone = false;
	ssize_t n;
	char chunk[512];
	int i, fd;

	(void)snprintf(path, sizeof(path), "/proc/%ld/stat", (long)pid);
	for (i = 0; i < 1000 && !gone; i++) {
		fd = open(path, O_RDONLY | O_CLOEXEC);
		if (fd == -1)
			return true;
		n = read(fd, chunk, sizeof(chunk));
		(void)close(fd);
		buf_reset(&b);
		buf_add(&b, chunk, n < 0 ? 0 : (size_t)n);
		/* A zombie that nobody reaps in a container is dead all the same. */
		gone = n <= 0 || strstr(buf_cstr(&b), ") Z ") != NULL;
		if (!gone)
			(void)clock_sleep_ms(10);
	}
	buf_free(&b);
	return gone;
}

START_TEST(time_is_up)
{
	struct buf out = { 0 };
	int64_t start = clock_mono_ms();
	struct command_result r = command_run("echo $$; exec sleep 300", NULL, B(""), &out, 100,
	    300);

	ck_assert_int_eq(r.end, COMMAND_TIMEOUT);
	ck_assert_int_ge(clock_mono_ms() - start, 300);
	ck_assert(is_gone((pid_t)strtol(buf_cstr(&out), NULL, 10)));
	buf_free(&out);
}
END_TEST

/* TERM comes first, and its handler gets its moment. */
START_TEST(term_before_kill)
{
	struct scratch scratch;
	char command[512];
	struct buf b = { 0 };
	int64_t limit;

	scratch_make(&scratch);
	put_file(scratch_file(&scratch, "f"), B(""), 0600);
	(void)snprintf(command, sizeof(command),
	    "exec 2>/dev/null; trap 'echo cleaned > %s; exit 0' TERM; while :; do sleep 0.05; done",
	    scratch_file(&scratch, "f"));
	/* A busy machine may take longer to come to the trap. */
	for (limit = 300; limit < 30000 && b.n == 0; limit *= 3) {
		ck_assert_int_eq(command_run(command, NULL, B(""), NULL, 0, limit).end,
		    COMMAND_TIMEOUT);
		buf_free(&b);
		b = get_file(scratch_file(&scratch, "f"));
	}
	ck_assert_str_eq(buf_cstr(&b), "cleaned\n");
	buf_free(&b);
	scratch_remove(&scratch);
}
END_TEST

/* Who ignores TERM is killed, the shell's children with it. */
START_TEST(kill_for_the_deaf)
{
	struct buf out = { 0 };
	char *end;
	struct command_result r;

	r = command_run("trap '' TERM; sleep 300 & echo $$ $!; wait; sleep 300", NULL, B(""),
	    &out, 100, 300);
	ck_assert_int_eq(r.end, COMMAND_TIMEOUT);
	ck_assert(is_gone((pid_t)strtol(buf_cstr(&out), &end, 10)));
	ck_assert(is_gone((pid_t)strtol(end, NULL, 10)));
	buf_free(&out);
}
END_TEST

/* The shell dies of TERM, a deaf child of it does not: killed nevertheless. */
START_TEST(kill_for_the_orphan)
{
	struct buf out = { 0 };
	struct command_result r;

	r = command_run("sh -c 'trap \"\" TERM; echo $$; sleep 300; sleep 300' & wait", NULL,
	    B(""), &out, 100, 500);
	ck_assert_int_eq(r.end, COMMAND_TIMEOUT);
	ck_assert(is_gone((pid_t)strtol(buf_cstr(&out), NULL, 10)));
	buf_free(&out);
}
END_TEST

/* What it started is to live on, and so does it. */
START_TEST(left_alone)
{
	struct scratch scratch;
	char command[512];
	struct buf b = { 0 };
	struct command_result r;
	pid_t pid;

	scratch_make(&scratch);
	(void)snprintf(command, sizeof(command), "echo $$ > %s; exec sleep 300",
	    scratch_file(&scratch, "pid"));
	ck_assert_int_eq(command_run_leaving("exit 3", NULL, PLENTY).status, 3);
	r = command_run_leaving(command, NULL, 3000);
	ck_assert_int_eq(r.end, COMMAND_TIMEOUT);
	b = get_file(scratch_file(&scratch, "pid"));
	pid = (pid_t)strtol(buf_cstr(&b), NULL, 10);
	ck_assert_int_eq(kill(pid, 0), 0);
	ck_assert_int_eq(waitpid(pid, NULL, WNOHANG), 0);
	ck_assert_int_eq(kill(pid, SIGKILL), 0);
	ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
	buf_free(&b);
	scratch_remove(&scratch);
}
END_TEST

/* A stopped one cannot act on TERM until it goes on. */
START_TEST(a_stopped_command)
{
	struct command_result r = command_run("kill -STOP $$", NULL, B(""), NULL, 0, 300);

	ck_assert_int_eq(r.end, COMMAND_TIMEOUT);
}
END_TEST

/* Output without end neither fills the memory nor holds the clock up. */
START_TEST(endless_output)
{
	struct buf out = { 0 };
	struct command_result r = command_run("exec yes", NULL, B(""), &out, 50, 300);

	ck_assert_int_eq(r.end, COMMAND_TIMEOUT);
	ck_assert_uint_eq(out.n, 50);
	buf_free(&out);
}
END_TEST

START_TEST(descriptors_stay_here)
{
	struct buf out = { 0 };
	int a = open("/dev/null", O_RDONLY), b = fcntl(a, F_DUPFD, 100);

	(void)command_run("for f in /proc/self/fd/*; do echo ${f##*/}; done | grep -v '^[012]$' |"
	    " grep -E '^(100|[3-9])$' | wc -l", NULL, B(""), &out, 100, PLENTY);
	/* The shell's own directory handle may be one. */
	ck_assert_int_le(strtol(buf_cstr(&out), NULL, 10), 1);
	buf_reset(&out);
	(void)command_run("if [ -e /proc/self/fd/100 ]; then echo leaked; fi", NULL, B(""), &out,
	    100, PLENTY);
	ck_assert_str_eq(buf_cstr(&out), "");
	(void)close(a);
	(void)close(b);
	buf_free(&out);
}
END_TEST

START_TEST(signals_are_reset)
{
	/* The C library keeps 32 and 33; make starts its children with them ignored. */
	const unsigned long kept = 0x180000000UL;
	unsigned long blocked = 1, ignored = 1;
	struct buf out = { 0 };
	sigset_t all, before;

	(void)sigfillset(&all);
	(void)sigprocmask(SIG_SETMASK, &all, &before);
	(void)signal(SIGTERM, SIG_IGN);
	(void)signal(SIGPIPE, SIG_IGN);
	(void)signal(SIGHUP, SIG_IGN);
	/* Shells keep ignored signals ignored, so look from one level deeper. */
	(void)command_run("grep -E '^Sig(Blk|Ign)' /proc/self/status", NULL, B(""), &out, 200,
	    PLENTY);
	(void)sigprocmask(SIG_SETMASK, &before, NULL);
	ck_assert_int_eq(
	    sscanf(buf_cstr(&out), "SigBlk:\t%lx\nSigIgn:\t%lx\n", &blocked, &ignored), 2);
	ck_assert_uint_eq(blocked, 0);
	ck_assert_uint_eq(ignored & ~kept, 0);
	buf_free(&out);
}
END_TEST

/* ... and ours are as they were. */
START_TEST(own_signals_are_kept)
{
	struct sigaction sa;

	(void)signal(SIGPIPE, SIG_DFL);
	(void)signal(SIGCHLD, SIG_IGN);
	ck_assert_int_eq(command_run("exit 9", NULL, B(""), NULL, 0, PLENTY).status, 9);
	(void)sigaction(SIGPIPE, NULL, &sa);
	ck_assert(sa.sa_handler == SIG_DFL);
	(void)sigaction(SIGCHLD, NULL, &sa);
	ck_assert(sa.sa_handler == SIG_IGN);
	(void)signal(SIGCHLD, SIG_DFL);
}
END_TEST

static void
on_signal(int s)
{
	(void)s;
}

/* Signals that come while we wait change nothing. */
START_TEST(interrupted)
{
	struct sigaction sa = { .sa_handler = on_signal };
	struct itimerspec often = { { 0, 1000000 }, { 0, 1000000 } };
	struct buf out = { 0 };
	struct command_result r;
	timer_t timer;

	ck_assert_int_eq(sigaction(SIGALRM, &sa, NULL), 0);
	ck_assert_int_eq(timer_create(CLOCK_MONOTONIC, NULL, &timer), 0);
	ck_assert_int_eq(timer_settime(timer, 0, &often, NULL), 0);
	r = command_run("cat; sleep 0.2; echo done", NULL, B("in "), &out, 100, PLENTY);
	(void)timer_delete(timer);
	ck_assert_int_eq(r.end, COMMAND_EXITED);
	ck_assert_str_eq(buf_cstr(&out), "in done\n");
	buf_free(&out);
}
END_TEST

START_TEST(own_group)
{
	struct buf out = { 0 };

	(void)command_run("echo $$; cut -d' ' -f5 /proc/$$/stat", NULL, B(""), &out, 100, PLENTY);
	ck_assert_uint_gt(out.n, 3);
	ck_assert_int_eq(out.n % 2, 0);
	ck_assert_int_eq(memcmp(out.p, out.p + out.n / 2, out.n / 2), 0);
	buf_free(&out);
}
END_TEST

START_TEST(without_standard_descriptors)
{
	pid_t pid = fork();
	int status;

	ck_assert_int_ne(pid, -1);
	if (pid == 0) {
		struct buf out = { 0 };
		struct command_result r;

		(void)close(0);
		(void)close(1);
		r = command_run("cat", NULL, B("through"), &out, 100, PLENTY);
		_exit(r.end == COMMAND_EXITED && r.status == 0 &&
		    bytes_equal(buf_view(&out), B("through")) ? 0 : 1);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, 0);
}
END_TEST

START_TEST(cannot_start)
{
	struct rlimit limit, none;
	struct command_result r;
	char text[128];

	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
	none = limit;
	none.rlim_cur = 4;
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &none), 0);
	r = command_run("true", NULL, B(""), NULL, 0, PLENTY);
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
	ck_assert_int_eq(r.end, COMMAND_FAILED);
	ck_assert_int_eq(r.status, EMFILE);
	command_describe(&r, PLENTY, text, sizeof(text));
	ck_assert_str_eq(text, "could not be started: Too many open files");
}
END_TEST

/* The child's errno comes back: a command line that no exec takes. */
START_TEST(cannot_exec)
{
	size_t n = (size_t)4 << 20;
	char *command = malloc(n);
	struct command_result r;

	memset(command, 'x', n);
	command[n - 1] = '\0';
	r = command_run(command, NULL, B(""), NULL, 0, PLENTY);
	ck_assert_int_eq(r.end, COMMAND_FAILED);
	ck_assert_int_eq(r.status, E2BIG);
	free(command);
}
END_TEST

START_TEST(described)
{
	char text[128];

	command_describe(&(struct command_result){ COMMAND_EXITED, 3 }, 10000, text, sizeof(text));
	ck_assert_str_eq(text, "exited with status 3");
	command_describe(&(struct command_result){ COMMAND_SIGNALED, 9 }, 10000, text,
	    sizeof(text));
	ck_assert_str_eq(text, "was ended by signal 9");
	command_describe(&(struct command_result){ COMMAND_TIMEOUT, 0 }, 10000, text,
	    sizeof(text));
	ck_assert_str_eq(text, "took longer than 10s");
}
END_TEST

Suite *
suite_command(void)
{
	Suite *s = suite_create("base/command");
	TCase *t = tcase_create("command"), *exec = tcase_create("exec");

	tcase_set_timeout(t, 300);
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_loop_test(t, runs, 0, COUNT(commands));
	tcase_add_test(t, large_input_and_output);
	tcase_add_test(t, input_that_nobody_reads);
	tcase_add_test(t, output_is_bounded);
	tcase_add_test(t, output_to_stderr);
	tcase_add_test(t, environment);
	tcase_add_test(t, a_grandchild_holds_stdout);
	tcase_add_test(t, time_is_up);
	tcase_add_test(t, term_before_kill);
	tcase_add_test(t, kill_for_the_deaf);
	tcase_add_test(t, kill_for_the_orphan);
	tcase_add_test(t, left_alone);
	tcase_add_test(t, a_stopped_command);
	tcase_add_test(t, endless_output);
	tcase_add_test(t, descriptors_stay_here);
	tcase_add_test(t, signals_are_reset);
	tcase_add_test(t, own_signals_are_kept);
	tcase_add_test(t, interrupted);
	tcase_add_test(t, own_group);
	tcase_add_test(t, without_standard_descriptors);
	tcase_add_test(t, cannot_start);
	tcase_add_test(t, described);
	suite_add_tcase(s, t);
	/* valgrind execs in its own way, and ends the child where exec would have returned. */
	tcase_set_tags(exec, "no-valgrind");
	tcase_add_test(exec, cannot_exec);
	suite_add_tcase(s, exec);
	return s;
}
