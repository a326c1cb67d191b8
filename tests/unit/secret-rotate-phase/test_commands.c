#include <sys/resource.h>
#include <sys/stat.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <check.h>

#include "base/clock.h"
#include "coordination/signature.h"
#include "job/run_data.h"
#include "secret-rotate-phase/commands.h"

Suite *suite_commands(void);

#define SECRET "one-0123456789abcdefghijklmnopqrstuvwxyz"

static char env_file[64], done[80];
static struct settings settings;
static struct effects fx;

static char sign_name[] = "SECRET", other_name[] = "SECRET_NEW", nothing[] = "";

static void
set_up(void)
{
	FILE *f;
	int fd;

	(void)snprintf(env_file, sizeof(env_file), "/tmp/commands.XXXXXX");
	fd = mkstemp(env_file);
	ck_assert_int_ne(fd, -1);
	ck_assert_ptr_nonnull(f = fdopen(fd, "w"));
	(void)fputs("SECRET=" SECRET "\n", f);
	ck_assert_int_eq(fclose(f), 0);
	(void)snprintf(done, sizeof(done), "%s.done", env_file);
	settings = (struct settings){
		.secrets = { .env_file = env_file, .current_var = sign_name,
		    .other_var = other_name },
		.rotate = { .reload_command = nothing, .restart_command = nothing,
		    .check_command = nothing, .command_timeout = 60000 },
	};
	fx = (struct effects){ .settings = &settings, .self = "h0", .lock = -1 };
}

static void
tear_down(void)
{
	(void)unlink(env_file);
	(void)unlink(done);
}

static bool
was_done(void)
{
	return access(done, F_OK) == 0;
}

/* How a command ends is no evidence. */
static const struct {
	const char *command;
	int64_t timeout;
} ends[] = {
	{ "touch $DONE", 60000 },
	{ "touch $DONE; exit 1", 60000 },
	{ "touch $DONE; kill -9 $$", 60000 },
	{ "touch $DONE; exec sleep 5", 1000 },
	{ "touch $DONE; trap '' TERM; sleep 5", 1000 },
	{ "test -z \"$SECRET$SECRET_NEW\" && touch $DONE", 60000 },
};

START_TEST(restarted)
{
	char command[256];
	struct error e = { 0 };
	int64_t before = clock_mono_ms();

	ck_assert_int_eq(setenv("DONE", done, 1), 0);
	ck_assert_int_eq(setenv("SECRET", SECRET, 1), 0);
	ck_assert_int_eq(setenv("SECRET_NEW", SECRET, 1), 0);
	(void)snprintf(command, sizeof(command), "%s", ends[_i].command);
	settings.rotate.restart_command = command;
	settings.rotate.command_timeout = ends[_i].timeout;
	fx.dry = true;
	ck_assert_int_eq(commands_restart(&fx, &e), 0);
	ck_assert(!was_done());
	fx.dry = false;
	ck_assert_msg(commands_restart(&fx, &e) == 0, "%s", e.text);
	ck_assert(was_done());
	ck_assert_ptr_null(getenv("SECRET"));
	ck_assert_ptr_null(getenv("SECRET_NEW"));
	ck_assert_int_lt(clock_mono_ms() - before, 60000);
}
END_TEST

START_TEST(nothing_to_run)
{
	struct error e = { 0 };

	ck_assert_int_eq(commands_reload(&fx, &e), 0);
	ck_assert_int_eq(commands_restart(&fx, &e), 0);
}
END_TEST

/* A coordinator that takes a moment to read its file again is given it. */
START_TEST(reload_waits_for_the_processes)
{
	char reload[256], check[512], fp[17];
	struct error e = { 0 };

	(void)snprintf(reload, sizeof(reload), "{ sleep 0.3; touch %s; } >/dev/null 2>&1 &", done);
	ck_assert_int_eq(secret_fingerprint(B(SECRET), fp), 0);
	(void)snprintf(check, sizeof(check), "if [ -e %s ]; then echo '%s -'; else echo '%s -'; fi",
	    done, fp, "0123456789abcdef");
	settings.rotate.reload_command = reload;
	settings.rotate.check_command = check;
	ck_assert_msg(commands_reload(&fx, &e) == 0, "%s", e.text);
	ck_assert(was_done());
}
END_TEST

START_TEST(settles)
{
	int64_t before = clock_mono_ms();

	ck_assert(commands_settle(&fx, 0));
	ck_assert(commands_settle(&fx, 1));
	ck_assert_int_ge(clock_mono_ms() - before, 290);
	ck_assert(!commands_settle(&fx, 12));
	ck_assert(!commands_settle(&fx, 1000));
}
END_TEST

static const struct {
	rlim_t was;
	const char *says;
} cores[] = {
	{ 0, "0" }, { 1 << 20, "2048" }, { RLIM_INFINITY, "unlimited" },
};

START_TEST(core_limit)
{
	static struct run run;
	struct rlimit now, all = { RLIM_INFINITY, RLIM_INFINITY };
	struct buf out = { 0 };
	struct command_result r;
	char wanted[32];

	/* The hard limit may be lower here than where the run began. */
	if (setrlimit(RLIMIT_CORE, &all) == -1) {
		ck_assert_int_eq(getrlimit(RLIMIT_CORE, &all), 0);
		if (all.rlim_max < cores[_i].was)
			return;
	}
	now = (struct rlimit){ 0, all.rlim_max };
	ck_assert_int_eq(setrlimit(RLIMIT_CORE, &now), 0);
	run.core_limit = cores[_i].was;
	fx.run = &run;
	r = commands_run(&fx, "ulimit -c", NULL, &out, 100);
	ck_assert_int_eq(r.end, COMMAND_EXITED);
	ck_assert_int_eq(r.status, 0);
	(void)snprintf(wanted, sizeof(wanted), "%s\n", cores[_i].says);
	ck_assert_str_eq(buf_cstr(&out), wanted);
	buf_free(&out);
	/* Only the child's. */
	ck_assert_int_eq(getrlimit(RLIMIT_CORE, &now), 0);
	ck_assert_uint_eq(now.rlim_cur, 0);
}
END_TEST

Suite *
suite_commands(void)
{
	Suite *s = suite_create("commands");
	TCase *t = tcase_create("commands");

	tcase_add_checked_fixture(t, set_up, tear_down);
	tcase_set_timeout(t, 120);
	tcase_add_loop_test(t, restarted, 0, (int)(sizeof(ends) / sizeof(ends[0])));
	tcase_add_test(t, nothing_to_run);
	tcase_add_test(t, reload_waits_for_the_processes);
	tcase_add_test(t, settles);
	tcase_add_loop_test(t, core_limit, 0, (int)(sizeof(cores) / sizeof(cores[0])));
	suite_add_tcase(s, t);
	return s;
}
