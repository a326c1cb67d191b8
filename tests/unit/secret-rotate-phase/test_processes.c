#include <sys/stat.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <check.h>

#include "coordination/signature.h"
#include "secret-rotate-phase/processes.h"

#include "make.h"

Suite *suite_processes(void);

#define ONE "one-0123456789abcdefghijklmnopqrstuvwxyz"
#define TWO "two-0123456789abcdefghijklmnopqrstuvwxyz"

static char dir[64];
static struct settings settings;
static struct effects fx;
static char one[FINGERPRINT_SIZE], two[FINGERPRINT_SIZE];

static char sign_name[] = "SECRET", other_name[] = "SECRET_NEW", nothing[] = "";

static void
set_up(void)
{
	(void)snprintf(dir, sizeof(dir), "/tmp/processes.XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(dir));
	settings = (struct settings){
		.secrets = { .current_var = sign_name,
		    .other_var = other_name },
		.rotate = { .check_command = nothing, .command_timeout = 60000 },
	};
	fx = (struct effects){ .settings = &settings, .self = "h0", .lock = -1 };
	ck_assert_int_eq(secret_fingerprint(B(ONE), one), 0);
	ck_assert_int_eq(secret_fingerprint(B(TWO), two), 0);
}

static void
tear_down(void)
{
	char command[128];

	(void)snprintf(command, sizeof(command), "rm -rf %s", dir);
	ck_assert_int_eq(system(command), 0);
}

/* A process of a false /proc. */
static void
add(long pid, long parent, const char *environment, size_t n)
{
	char path[128];
	FILE *f;

	(void)snprintf(path, sizeof(path), "%s/%ld", dir, pid);
	ck_assert(mkdir(path, 0700) == 0 || errno == EEXIST);
	(void)snprintf(path, sizeof(path), "%s/%ld/environ", dir, pid);
	ck_assert_ptr_nonnull(f = fopen(path, "w"));
	ck_assert_uint_eq(fwrite(environment, 1, n, f), n);
	(void)fclose(f);
	(void)snprintf(path, sizeof(path), "%s/%ld/stat", dir, pid);
	ck_assert_ptr_nonnull(f = fopen(path, "w"));
	(void)fprintf(f, "%ld (a) b (c) S %ld 1 1 0 -1", pid, parent);
	(void)fclose(f);
}
#define ADD(pid, parent, environment) add(pid, parent, environment, sizeof(environment))

static struct state
look(void)
{
	struct state s;
	struct error e = { 0 };

	memset(&s, 0, sizeof(s));
	ck_assert_msg(processes_look_in(&fx, dir, &s, &e) == 0, "%s", e.text);
	return s;
}

START_TEST(carriers)
{
	struct state s;

	ADD(10, 1, "PATH=/bin\0SECRET=" ONE "\0SECRET_NEW=" TWO);
	ADD(11, 1, "SECRET=" ONE "\0SECRET_NEW=" TWO "\0A=B");
	ADD(12, 1, "SECRET_NEW=" TWO "\0XSECRET=" TWO "\0SECRETS=" TWO "\0A=SECRET=" TWO);
	ADD(13, 1, "");
	ADD(14, 2, "SECRET=" TWO "\0SECRET=" ONE "\0SECRET_NEW=");
	add(15, 1, "SECRET=" ONE, sizeof("SECRET=" ONE) - 1);
	ADD(16, 1, "SECRET=");
	s = look();
	ck_assert_uint_eq(s.processes, 5);
	ck_assert_uint_eq(s.pairs, 4);
}
END_TEST

START_TEST(values)
{
	struct state s;

	ADD(10, 1, "SECRET=" ONE "\0SECRET_NEW=" TWO);
	s = look();
	ck_assert_uint_eq(s.processes, 1);
	ck_assert_str_eq(s.pair[0].sign, one);
	ck_assert_str_eq(s.pair[0].other, two);
	ADD(10, 1, "SECRET=" TWO);
	s = look();
	ck_assert_str_eq(s.pair[0].sign, two);
	ck_assert_str_eq(s.pair[0].other, "");
}
END_TEST

START_TEST(not_ours)
{
	long self = (long)getpid();
	struct state s;

	/* init -> a shell -> another -> us -> a command -> its child; and a cousin. */
	ADD(1, 0, "SECRET=" ONE);
	ADD(100000001, 1, "SECRET=" ONE);
	ADD(100000002, 100000001, "SECRET=" ONE);
	add(self, 100000002, "SECRET=" ONE, sizeof("SECRET=" ONE));
	ADD(100000003, self, "SECRET=" ONE);
	ADD(100000004, 100000003, "SECRET=" ONE);
	s = look();
	ck_assert_uint_eq(s.processes, 1); /* init */
	ADD(100000005, 100000001, "SECRET=" ONE);
	s = look();
	ck_assert_uint_eq(s.processes, 2);
}
END_TEST

START_TEST(gone_and_strange)
{
	char path[128];
	struct state s;
	struct error e = { 0 };

	/* A name that is no number, a process that ended, one that cannot be read. */
	(void)snprintf(path, sizeof(path), "%s/self", dir);
	ck_assert_int_eq(mkdir(path, 0700), 0);
	(void)snprintf(path, sizeof(path), "%s/20", dir);
	ck_assert_int_eq(mkdir(path, 0700), 0);
	s = look();
	ck_assert_uint_eq(s.processes, 0);
	(void)snprintf(path, sizeof(path), "%s/20/environ", dir);
	ck_assert_int_eq(mkdir(path, 0700), 0);
	memset(&s, 0, sizeof(s));
	ck_assert_int_eq(processes_look_in(&fx, dir, &s, &e), -1);
	ck_assert_int_eq(e.exit, EX_IOERR);
	ck_assert_int_eq(processes_look_in(&fx, "/dev/null/proc", &s, &e), -1);
}
END_TEST

/* The real /proc: a process that is not our child, though we began it. */
START_TEST(a_real_process)
{
	char command[256], name[64];
	struct state s = { 0 };
	struct error e = { 0 };
	FILE *f;
	long pid = 0;

	(void)snprintf(name, sizeof(name), "TEST_%ld_SECRET", (long)getpid());
	settings.secrets.current_var = name;
	(void)snprintf(command, sizeof(command),
	    "{ %s=" ONE " SECRET_NEW=" TWO " exec sleep 600; } >/dev/null 2>&1 & echo $!", name);
	ck_assert_ptr_nonnull(f = popen(command, "r"));
	ck_assert_int_eq(fscanf(f, "%ld", &pid), 1);
	(void)pclose(f);
	while (s.processes == 0) {
		memset(&s, 0, sizeof(s));
		if (processes_look(&fx, &s, &e) == -1 && geteuid() != 0) {
			/* who is not root may not look at those of others */
			ck_assert_int_eq(e.exit, EX_NOPERM);
			(void)kill((pid_t)pid, SIGKILL);
			return;
		}
		ck_assert_msg(e.exit == 0, "%s", e.text);
	}
	(void)kill((pid_t)pid, SIGKILL);
	ck_assert_uint_eq(s.processes, 1);
	ck_assert_str_eq(s.pair[0].sign, one);
	ck_assert_str_eq(s.pair[0].other, two);
}
END_TEST

#define A "0123456789abcdef"
#define Z "fedcba9876543210"
static const struct print_case {
	const char *text;
	int processes; /* -1: refused */
	size_t pairs;
} prints[] = {
	{ "", 0, 0 },
	{ "\n", 0, 0 },
	{ A " -\n", 1, 1 },
	{ A " -", 1, 1 },
	{ A " " Z "\n" A " " Z "\n\n" Z " -\n", 3, 2 },
	{ "- -\n", 1, 1 },
	{ A "\n", -1, 0 },
	{ A " \n", -1, 0 },
	{ A "  -\n", -1, 0 },
	{ A " -\r\n", -1, 0 },
	{ A " - x\n", -1, 0 },
	{ "0123456789ABCDEF -\n", -1, 0 },
	{ "0123456789abcde -\n", -1, 0 },
	{ ONE " " TWO "\n", -1, 0 },
	{ "ok\n", -1, 0 },
};

START_TEST(printed)
{
	const struct print_case *c = &prints[_i];
	struct state s = { 0 };

	ck_assert(processes_enter(bytes_str(c->text), &s) == (c->processes >= 0));
	if (c->processes >= 0) {
		ck_assert_int_eq((int)s.processes, c->processes);
		ck_assert_uint_eq(s.pairs, c->pairs);
	}
}
END_TEST

static const struct check_case {
	const char *command;
	int processes; /* -1: refused */
	const char *says;
} checks[] = {
	{ "echo '" A " -'", 1, NULL },
	{ "true", 0, NULL },
	{ "echo '" A " -'; exit 3", -1, "exited with status 3" },
	{ "echo " ONE, -1, "two fingerprints" },
	{ "yes '" A " -'", -1, "took longer than" },
	{ "yes '" A " -' | head -n 10000", -1, "more than" },
	/* No secret of ours, and what we inherited is gone too. */
	{ "test -z \"$SECRET$SECRET_NEW\" && ! tr '\\0' '\\n' </proc/$PPID/environ | grep -q " ONE
	    " && echo '" A " -'", 1, NULL },
};

START_TEST(check_command)
{
	const struct check_case *c = &checks[_i];
	char command[512];
	struct state s = { 0 };
	struct error e = { 0 };

	ck_assert_int_eq(setenv("SECRET", ONE, 1), 0);
	ck_assert_int_eq(setenv("SECRET_NEW", ONE, 1), 0);
	(void)snprintf(command, sizeof(command), "%s", c->command);
	settings.rotate.check_command = command;
	if (c->says != NULL && strstr(c->says, "longer") != NULL)
		settings.rotate.command_timeout = 200;
	if (c->processes >= 0) {
		ck_assert_msg(processes_look(&fx, &s, &e) == 0, "%s", e.text);
		ck_assert_int_eq((int)s.processes, c->processes);
		return;
	}
	ck_assert_int_eq(processes_look(&fx, &s, &e), -1);
	ck_assert_int_eq(e.exit, EX_CRITICAL);
	ck_assert_msg(strstr(e.text, c->says) != NULL, "%s", e.text);
}
END_TEST

Suite *
suite_processes(void)
{
	Suite *s = suite_create("processes");
	TCase *t = tcase_create("processes");

	tcase_add_checked_fixture(t, set_up, tear_down);
	tcase_set_timeout(t, 120);
	tcase_add_test(t, carriers);
	tcase_add_test(t, values);
	tcase_add_test(t, not_ours);
	tcase_add_test(t, gone_and_strange);
	tcase_add_test(t, a_real_process);
	tcase_add_loop_test(t, printed, 0, (int)(sizeof(prints) / sizeof(prints[0])));
	tcase_add_loop_test(t, check_command, 0, (int)(sizeof(checks) / sizeof(checks[0])));
	suite_add_tcase(s, t);
	return s;
}
