#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <check.h>

#include "job/settings.h"

Suite *suite_target(void);

static const char *const variables[] = { "REDIS_URL", "REDIS_HOST", "REDIS_PORT",
	"REDIS_PASSWORD", "REDIS_DB", "CREDENTIALS_DIRECTORY" };

static struct settings settings;
static char directory[64], password_path[96];

static void
setup(void)
{
	struct error e = { 0 };
	size_t i;

	for (i = 0; i < sizeof(variables) / sizeof(variables[0]); i++)
		unsetenv(variables[i]);
	memset(&settings, 0, sizeof(settings));
	ck_assert_msg(config_defaults(settings_table, &settings, &e) == 0, "%s", e.text);
	snprintf(directory, sizeof(directory), "/tmp/coordkeep-target-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(directory));
	snprintf(password_path, sizeof(password_path), "%s/redis-password", directory);
}

static void
teardown(void)
{
	size_t i;

	for (i = 0; i < sizeof(variables) / sizeof(variables[0]); i++)
		unsetenv(variables[i]);
	config_free(settings_table, &settings);
	unlink(password_path);
	rmdir(directory);
}

static void
write_password(const char *text, mode_t mode)
{
	int fd = open(password_path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	ck_assert_int_eq(fchmod(fd, mode), 0);
	close(fd);
}

static void
set(const char *option, const char *value)
{
	struct error e = { 0 };
	char text[256];

	snprintf(text, sizeof(text), "redis.%s=%s", option, value);
	ck_assert_msg(config_set(settings_table, &settings, text, &e) == 0, "%s", e.text);
}

/* Each row: the environment and the options, and what comes of them. */
static const struct {
	const char *env[6]; /* in the order of ${variables} */
	const char *url, *username, *db;
	const char *shown, *user, *password;
} rows[] = {
	{ { NULL }, NULL, NULL, NULL, "redis://127.0.0.1:6379/0", "", "" },
	{ { NULL }, "redis://u:p@h:1/2", NULL, NULL, "redis://h:1/2", "u", "p" },
	{ { NULL }, "redis://u:p@h:1/2", "v", "3", "redis://h:1/3", "v", "p" },
	/* REDIS_URL stands over all that it says ... */
	{ { "rediss://x:y@k:2/4" }, "redis://u:p@h:1/2", "v", "3", "rediss://k:2/4", "x", "y" },
	{ { "redis://x:y@k:2/4", "other", "9", "z", "7" }, NULL, NULL, NULL, "redis://k:2/4", "x",
	  "y" },
	/* ... and the others fill in what it does not say. */
	{ { "redis://k", NULL, NULL, "z", "7" }, NULL, "v", "3", "redis://k:6379/7", "v", "z" },
	{ { "redis://k" }, NULL, NULL, "3", "redis://k:6379/3", "", "" },
	/* The password of one server is not told to another. */
	{ { "redis://k" }, "redis://u:p@h:1/2", NULL, NULL, "redis://k:6379/0", "", "" },
	{ { NULL, "hh" }, "redis://h:1/2", NULL, NULL, "redis://hh:1/2", "", "" },
	{ { NULL, "hh", "99" }, "redis://h:1/2", NULL, NULL, "redis://hh:99/2", "", "" },
	{ { NULL, NULL, "99" }, "redis://h:1/2", NULL, NULL, "redis://h:99/2", "", "" },
	{ { NULL, "hh" }, "unix:///s", NULL, NULL, "redis://hh:6379/0", "", "" },
	{ { NULL, NULL, "99" }, "unix:///s", NULL, NULL, "unix:///s?db=0", "", "" },
	{ { NULL, NULL, NULL, "z", "5" }, "redis://:p@h", NULL, "2", "redis://h:6379/5", "", "z" },
	/* Set to nothing is not set. */
	{ { "", "", "", "", "" }, "redis://:p@h:1", NULL, NULL, "redis://h:1/0", "", "p" },
};

START_TEST(test_resolve)
{
	struct redis_target t;
	struct error e = { 0 };
	size_t i;

	for (i = 0; i < 5; i++)
		if (rows[_i].env[i] != NULL)
			setenv(variables[i], rows[_i].env[i], 1);
	if (rows[_i].url != NULL)
		set("url", rows[_i].url);
	if (rows[_i].username != NULL)
		set("username", rows[_i].username);
	if (rows[_i].db != NULL)
		set("db", rows[_i].db);
	ck_assert_msg(redis_target_resolve(&settings, &t, &e) == 0, "%s", e.text);
	ck_assert_str_eq(t.shown, rows[_i].shown);
	ck_assert_str_eq(t.username, rows[_i].user);
	ck_assert_str_eq(t.password, rows[_i].password);
	redis_target_free(&t);
}
END_TEST

static void
refused(const char *says)
{
	struct redis_target t;
	struct error e = { 0 };

	ck_assert_int_eq(redis_target_resolve(&settings, &t, &e), -1);
	ck_assert_int_eq(e.exit, EX_CONFIG);
	ck_assert_msg(strstr(e.text, says) != NULL, "%s", e.text);
}

START_TEST(test_bad_environment)
{
	setenv("REDIS_PORT", "http", 1);
	setenv("REDIS_HOST", "h", 1);
	refused("REDIS_PORT");
	setenv("REDIS_PORT", "1", 1);
	setenv("REDIS_DB", "zero", 1);
	refused("REDIS_DB");
}
END_TEST

START_TEST(test_not_supported)
{
	static const char *const options[][2] = { { "sentinels", "a:1" },
		{ "sentinel_master", "m" }, { "cluster", "yes" } };

	set(options[_i][0], options[_i][1]);
	refused("not supported yet");
}
END_TEST

START_TEST(test_password_file)
{
	struct redis_target t;
	struct error e = { 0 };

	set("url", "redis://:of-the-url@h");
	set("password_file", password_path);
	write_password("of-the-file\n", 0600);
	ck_assert_msg(redis_target_resolve(&settings, &t, &e) == 0, "%s", e.text);
	ck_assert_str_eq(t.password, "of-the-file");
	redis_target_free(&t);
	setenv("REDIS_PASSWORD", "of-the-environment", 1);
	ck_assert_int_eq(redis_target_resolve(&settings, &t, &e), 0);
	ck_assert_str_eq(t.password, "of-the-environment");
	redis_target_free(&t);
}
END_TEST

START_TEST(test_password_file_refused)
{
	set("password_file", password_path);
	refused("redis-password"); /* is not there */
	write_password("secret", 0644);
	refused("chmod");
	write_password("\n", 0600);
	refused("no password");
}
END_TEST

START_TEST(test_credentials)
{
	struct redis_target t;
	struct error e = { 0 };

	setenv("CREDENTIALS_DIRECTORY", directory, 1);
	ck_assert_msg(redis_target_resolve(&settings, &t, &e) == 0, "%s", e.text);
	ck_assert_str_eq(t.password, ""); /* need not be there */
	redis_target_free(&t);
	write_password("of-systemd", 0400);
	ck_assert_msg(redis_target_resolve(&settings, &t, &e) == 0, "%s", e.text);
	ck_assert_str_eq(t.password, "of-systemd");
	redis_target_free(&t);
}
END_TEST

START_TEST(test_environment_wipe)
{
	setenv("REDIS_PASSWORD", "secret", 1);
	setenv("REDIS_URL", "redis://:secret@h", 1);
	redis_environment_wipe();
	ck_assert_ptr_null(getenv("REDIS_PASSWORD"));
	ck_assert_ptr_null(getenv("REDIS_URL"));
	setenv("REDIS_URL", "redis://h", 1);
	redis_environment_wipe();
	ck_assert_str_eq(getenv("REDIS_URL"), "redis://h");
}
END_TEST

Suite *
suite_target(void)
{
	Suite *s = suite_create("target");
	TCase *t = tcase_create("resolve");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_loop_test(t, test_resolve, 0, sizeof(rows) / sizeof(rows[0]));
	tcase_add_test(t, test_bad_environment);
	tcase_add_loop_test(t, test_not_supported, 0, 3);
	tcase_add_test(t, test_password_file);
	tcase_add_test(t, test_password_file_refused);
	tcase_add_test(t, test_credentials);
	tcase_add_test(t, test_environment_wipe);
	suite_add_tcase(s, t);
	return s;
}
