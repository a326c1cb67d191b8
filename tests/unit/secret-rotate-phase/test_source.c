#include <sys/stat.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <check.h>

#include "coordination/signature.h"
#include "secret-rotate-phase/source.h"

Suite *suite_source(void);

#define ID "000102030405060708090a0b0c0d0e0f"
#define GOOD "good-0123456789abcdefghijklmnopqrstuvwxyz"
#define DERIVED "0c84fd335c9f89de5f4752e5567e5f9b0739202986330e076ccd49f83308afed"

static char path[64];
static struct settings settings;
static struct effects fx;

static char sign_name[] = "SECRET", other_name[] = "SECRET_NEW",
    production[] = "production";

static void
set_up(void)
{
	int fd;

	(void)snprintf(path, sizeof(path), "/tmp/source.XXXXXX");
	fd = mkstemp(path);
	ck_assert_int_ne(fd, -1);
	(void)close(fd);
	settings = (struct settings){
		.secrets = { .current_var = sign_name,
		    .other_var = other_name },
		.rotate = { .environment = production, .master_key_file = path,
		    .new_secret_file = path, .command_timeout = 60000 },
	};
	fx = (struct effects){ .settings = &settings, .self = "h0", .lock = -1 };
}

static void
tear_down(void)
{
	(void)unlink(path);
}

static void
put(const char *text)
{
	FILE *f = fopen(path, "w");

	ck_assert_ptr_nonnull(f);
	ck_assert_int_ge(fputs(text, f), 0);
	ck_assert_int_eq(fclose(f), 0);
}

/* The same from another implementation of HKDF:
 * openssl kdf -keylen 32 -kdfopt digest:SHA256 -kdfopt key:0123456789abcdef0123456789abcdef \
 *     -kdfopt salt:000102030405060708090a0b0c0d0e0f -kdfopt info:production HKDF */
START_TEST(derived)
{
	struct buf secret = { 0 }, again = { 0 };
	struct error e = { 0 };

	put("0123456789abcdef0123456789abcdef\n");
	ck_assert_msg(source_secret(&fx, ID, &secret, &e) == 0, "%s", e.text);
	ck_assert_str_eq(buf_cstr(&secret), DERIVED);
	/* With the newline or without: hosts agree. */
	put("0123456789abcdef0123456789abcdef");
	ck_assert_int_eq(source_secret(&fx, ID, &again, &e), 0);
	ck_assert_str_eq(buf_cstr(&again), DERIVED);
	settings.rotate.environment = (char[]){ "staging" };
	buf_wipe(&again);
	ck_assert_int_eq(source_secret(&fx, ID, &again, &e), 0);
	ck_assert_str_ne(buf_cstr(&again), DERIVED);
	buf_wipe(&secret);
	buf_wipe(&again);
}
END_TEST

static const struct file_case {
	int source;
	const char *text; /* of the file, or the command; NULL: there is none */
	mode_t mode;
	int exit;
	const char *gives, *says;
} files[] = {
	{ SOURCE_FILE, GOOD "\n", 0600, 0, GOOD, NULL },
	{ SOURCE_FILE, GOOD, 0640, 0, GOOD, NULL },
	{ SOURCE_FILE, GOOD "\n\n", 0600, EX_CONFIG, NULL, "character 42" },
	{ SOURCE_FILE, GOOD " ", 0600, EX_CONFIG, NULL, "character 42" },
	{ SOURCE_FILE, GOOD "\r\n", 0600, EX_CONFIG, NULL, "character 42" },
	{ SOURCE_FILE, "0123456789012345678901234567890", 0600, EX_CONFIG, NULL, "31 characters" },
	{ SOURCE_FILE, "01234567890123456789012345678901", 0600, 0, "01234567890123456789012345678901",
	    NULL },
	{ SOURCE_FILE, "", 0600, EX_CONFIG, NULL, "0 characters" },
	{ SOURCE_FILE, "$" GOOD, 0600, EX_CONFIG, NULL, "character 1 " },
	{ SOURCE_FILE, "'" GOOD, 0600, EX_CONFIG, NULL, "character 1 " },
	{ SOURCE_FILE, "\"" GOOD, 0600, EX_CONFIG, NULL, "character 1 " },
	{ SOURCE_FILE, "`" GOOD, 0600, EX_CONFIG, NULL, "character 1 " },
	{ SOURCE_FILE, "\\" GOOD, 0600, EX_CONFIG, NULL, "character 1 " },
	{ SOURCE_FILE, "#" GOOD, 0600, EX_CONFIG, NULL, "character 1 " },
	{ SOURCE_FILE, "\177" GOOD, 0600, EX_CONFIG, NULL, "character 1 " },
	{ SOURCE_FILE, "\303\251" GOOD, 0600, EX_CONFIG, NULL, "character 1 " },
	{ SOURCE_FILE, GOOD, 0644, EX_CONFIG, NULL, "chmod" },
	{ SOURCE_FILE, NULL, 0, EX_CONFIG, NULL, "no such file" },
	{ SOURCE_DERIVE, "0123456789012345678901234567890\n", 0600, EX_CONFIG, NULL, "31 bytes" },
	{ SOURCE_DERIVE, GOOD, 0604, EX_CONFIG, NULL, "chmod" },
	{ SOURCE_DERIVE, NULL, 0, EX_CONFIG, NULL, "no such file" },
	{ SOURCE_COMMAND, "echo " GOOD, 0, 0, GOOD, NULL },
	{ SOURCE_COMMAND, "printf %s $COORDKEEP_ROTATION", 0, 0, ID, NULL },
	{ SOURCE_COMMAND, "echo " GOOD "; exit 1", 0, EX_CRITICAL, NULL, "exited with status 1" },
	{ SOURCE_COMMAND, "echo error: no such secret, try again later", 0, EX_CONFIG, NULL,
	    "character 7" },
	{ SOURCE_COMMAND, "kill -9 $$", 0, EX_CRITICAL, NULL, "signal 9" },
	{ SOURCE_COMMAND, "", 0, EX_CONFIG, NULL, "new_secret_command is not set" },
};

START_TEST(given)
{
	const struct file_case *c = &files[_i];
	struct buf secret = { 0 };
	struct error e = { 0 };
	char command[256];

	settings.rotate.source = c->source;
	if (c->source == SOURCE_COMMAND) {
		(void)snprintf(command, sizeof(command), "%s", c->text);
		settings.rotate.new_secret_command = command;
	} else if (c->text == NULL) {
		(void)unlink(path);
	} else {
		put(c->text);
		ck_assert_int_eq(chmod(path, c->mode), 0);
	}
	ck_assert_msg(source_secret(&fx, ID, &secret, &e) == (c->exit == 0 ? 0 : -1), "%s", e.text);
	ck_assert_int_eq(e.exit, c->exit);
	if (c->gives != NULL)
		ck_assert_str_eq(buf_cstr(&secret), c->gives);
	if (c->says != NULL)
		ck_assert_msg(strstr(e.text, c->says) != NULL, "%s", e.text);
	/* The command's own text is in the config. */
	if (c->source != SOURCE_COMMAND)
		ck_assert_msg(strstr(e.text, "0123456789") == NULL, "%s", e.text);
	buf_wipe(&secret);
}
END_TEST

START_TEST(unset)
{
	struct buf secret = { 0 };
	struct error e = { 0 };

	settings.rotate.master_key_file = settings.rotate.new_secret_file = (char[]){ "" };
	ck_assert_int_eq(source_secret(&fx, ID, &secret, &e), -1);
	ck_assert_int_eq(e.exit, EX_CONFIG);
	ck_assert_ptr_nonnull(strstr(e.text, "master_key_file is not set"));
	settings.rotate.source = SOURCE_FILE;
	ck_assert_int_eq(source_secret(&fx, ID, &secret, &e), -1);
	ck_assert_ptr_nonnull(strstr(e.text, "new_secret_file is not set"));
	buf_wipe(&secret);
}
END_TEST

START_TEST(fresh)
{
	char id[33], next[33], fp[FINGERPRINT_SIZE], other[FINGERPRINT_SIZE], wanted[17];
	struct buf secret = { 0 };
	struct error e = { 0 };

	put(GOOD);
	ck_assert_msg(source_fresh(&fx, id, fp, &e) == 0, "%s", e.text);
	ck_assert_int_eq(source_fresh(&fx, next, other, &e), 0);
	ck_assert_uint_eq(strspn(id, "0123456789abcdef"), 32);
	ck_assert_str_ne(id, next);
	ck_assert_str_ne(fp, other);
	/* Every host makes the same of the id. */
	ck_assert_int_eq(source_secret(&fx, id, &secret, &e), 0);
	ck_assert_int_eq(secret_fingerprint(buf_view(&secret), wanted), 0);
	ck_assert_str_eq(fp, wanted);
	buf_wipe(&secret);
	(void)unlink(path);
	ck_assert_int_eq(source_fresh(&fx, id, fp, &e), -1);
	ck_assert_int_eq(e.exit, EX_CONFIG);
}
END_TEST

START_TEST(limits)
{
	char text[1026];
	struct error e = { 0 };

	memset(text, 'x', sizeof(text));
	ck_assert_int_eq(source_check((struct bytes){ text, 1024 }, "here", &e), 0);
	ck_assert_int_eq(source_check((struct bytes){ text, 1025 }, "here", &e), -1);
	ck_assert_ptr_nonnull(strstr(e.text, "here: "));
}
END_TEST

Suite *
suite_source(void)
{
	Suite *s = suite_create("source");
	TCase *t = tcase_create("source");

	tcase_add_checked_fixture(t, set_up, tear_down);
	tcase_set_timeout(t, 120);
	tcase_add_test(t, derived);
	tcase_add_loop_test(t, given, 0, (int)(sizeof(files) / sizeof(files[0])));
	tcase_add_test(t, unset);
	tcase_add_test(t, fresh);
	tcase_add_test(t, limits);
	suite_add_tcase(s, t);
	return s;
}
