#include <sys/stat.h>
#include <sys/xattr.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <check.h>

#include "secret-rotate-phase/envfile.h"

Suite *suite_envfile(void);

static char dir[64], path[96], temporary[96];

static void
set_up(void)
{
	(void)snprintf(dir, sizeof(dir), "/tmp/envfile.XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(dir));
	(void)snprintf(path, sizeof(path), "%s/env", dir);
	(void)snprintf(temporary, sizeof(temporary), "%s/.env.coordkeep", dir);
}

static void
tear_down(void)
{
	(void)unlink(temporary);
	(void)unlink(path);
	(void)rmdir(path);
	ck_assert_msg(rmdir(dir) == 0, "something is left in %s: %s", dir, strerror(errno));
}

static void
make(const char *name, const char *text, mode_t mode)
{
	FILE *f = fopen(name, "w");

	ck_assert_ptr_nonnull(f);
	ck_assert_int_ge(fputs(text, f), 0);
	ck_assert_int_eq(fclose(f), 0);
	ck_assert_int_eq(chmod(name, mode), 0);
}

static void
assert_text(const char *text)
{
	struct envfile f;
	struct error e = { 0 };

	ck_assert_msg(envfile_read(path, &f, &e) == 0, "%s", e.text);
	ck_assert_str_eq(buf_cstr(&f.text), text);
	envfile_free(&f);
}

START_TEST(replaced)
{
	struct envfile f;
	struct error e = { 0 };
	struct stat before, after;
	char value[8] = "";
	bool attribute;

	make(path, "S=a\n", 0640);
	/* Not every file system has them. */
	attribute = setxattr(path, "user.note", "kept", 4, 0) == 0;
	if (geteuid() == 0)
		ck_assert_int_eq(chown(path, 12, 34), 0);
	make(temporary, "left by a run that was killed", 0600);
	ck_assert_int_eq(stat(path, &before), 0);
	ck_assert_int_eq(envfile_read(path, &f, &e), 0);
	ck_assert_msg(envfile_write(path, &f, B("S=b\n"), &e) == 0, "%s", e.text);
	envfile_free(&f);
	assert_text("S=b\n");
	ck_assert_int_eq(stat(path, &after), 0);
	ck_assert_uint_eq(after.st_mode, before.st_mode);
	ck_assert_uint_eq(after.st_uid, before.st_uid);
	ck_assert_uint_eq(after.st_gid, before.st_gid);
	ck_assert_uint_ne(after.st_ino, before.st_ino);
	if (attribute) {
		ck_assert_int_eq(getxattr(path, "user.note", value, sizeof(value)), 4);
		ck_assert_mem_eq(value, "kept", 4);
	}
	ck_assert_int_eq(access(temporary, F_OK), -1);
}
END_TEST

START_TEST(changed_meanwhile)
{
	struct envfile f;
	struct error e = { 0 };

	make(path, "S=a\n", 0600);
	ck_assert_int_eq(envfile_read(path, &f, &e), 0);
	make(path, "S=a\nX=by hand\n", 0600);
	ck_assert_int_eq(envfile_write(path, &f, B("S=b\n"), &e), -1);
	ck_assert_int_eq(e.exit, EX_TEMPFAIL);
	envfile_free(&f);
	assert_text("S=a\nX=by hand\n");
}
END_TEST

START_TEST(directory_gone)
{
	struct envfile f;
	struct error e = { 0 };

	make(path, "S=a\n", 0600);
	ck_assert_int_eq(envfile_read(path, &f, &e), 0);
	/* A directory in the way of the temporary file. */
	ck_assert_int_eq(mkdir(temporary, 0700), 0);
	ck_assert_int_eq(envfile_write(path, &f, B("S=b\n"), &e), -1);
	ck_assert_int_eq(e.exit, EX_CANTCREAT);
	ck_assert_int_eq(rmdir(temporary), 0);
	envfile_free(&f);
	assert_text("S=a\n");
}
END_TEST

static const struct {
	mode_t mode;
	bool refused;
} modes[] = {
	{ 0600, false }, { 0640, false }, { 0400, false }, { 0660, false },
	{ 0644, true }, { 0604, true }, { 0602, true }, { 0601, true },
};

START_TEST(mode)
{
	struct envfile f;
	struct error e = { 0 };
	int r;

	make(path, "S=a\n", modes[_i].mode);
	r = envfile_read(path, &f, &e);
	if (modes[_i].refused) {
		ck_assert_int_eq(r, -1);
		ck_assert_int_eq(e.exit, EX_CONFIG);
		ck_assert_ptr_nonnull(strstr(e.text, "chmod o-rwx "));
		ck_assert_ptr_nonnull(strstr(e.text, path));
	} else {
		ck_assert_int_eq(r, 0);
		envfile_free(&f);
	}
}
END_TEST

START_TEST(odd_files)
{
	char other[96];
	struct envfile f;
	struct error e = { 0 };

	(void)snprintf(other, sizeof(other), "%s/other", dir);
	ck_assert_int_eq(envfile_read(path, &f, &e), -1);
	ck_assert_int_eq(e.exit, EX_NOINPUT);

	make(other, "S=a\n", 0600);
	ck_assert_int_eq(symlink(other, path), 0);
	ck_assert_int_eq(envfile_read(path, &f, &e), -1);
	ck_assert_int_eq(e.exit, EX_CONFIG);
	ck_assert_ptr_nonnull(strstr(e.text, "symbolic link"));
	ck_assert_int_eq(unlink(path), 0);

	ck_assert_int_eq(link(other, path), 0);
	ck_assert_int_eq(envfile_read(path, &f, &e), -1);
	ck_assert_int_eq(e.exit, EX_CONFIG);
	ck_assert_ptr_nonnull(strstr(e.text, "hard links"));
	ck_assert_int_eq(unlink(path), 0);
	ck_assert_int_eq(unlink(other), 0);

	ck_assert_int_eq(mkfifo(path, 0600), 0);
	ck_assert_int_eq(envfile_read(path, &f, &e), -1);
	ck_assert_int_eq(e.exit, EX_CONFIG);
	ck_assert_int_eq(unlink(path), 0);

	ck_assert_int_eq(mkdir(path, 0700), 0);
	ck_assert_int_eq(envfile_read(path, &f, &e), -1);
	ck_assert_int_eq(e.exit, EX_CONFIG);
}
END_TEST

START_TEST(too_large)
{
	struct envfile f;
	struct error e = { 0 };

	make(path, "S=a\n", 0600);
	ck_assert_int_eq(truncate(path, ENVFILE_MAX), 0);
	ck_assert_int_eq(envfile_read(path, &f, &e), 0);
	envfile_free(&f);
	ck_assert_int_eq(truncate(path, ENVFILE_MAX + 1), 0);
	ck_assert_int_eq(envfile_read(path, &f, &e), -1);
	ck_assert_int_eq(e.exit, EX_CONFIG);
}
END_TEST

START_TEST(tidied)
{
	make(path, "S=a\n", 0600);
	make(temporary, "S=b\n", 0600);
	envfile_tidy(path);
	ck_assert_int_eq(access(temporary, F_OK), -1);
	envfile_tidy(path);
	assert_text("S=a\n");
}
END_TEST

#define COUNT(a) ((int)(sizeof(a) / sizeof((a)[0])))

Suite *
suite_envfile(void)
{
	Suite *s = suite_create("envfile");
	TCase *t = tcase_create("envfile");

	tcase_add_checked_fixture(t, set_up, tear_down);
	tcase_add_test(t, replaced);
	tcase_add_test(t, changed_meanwhile);
	tcase_add_test(t, directory_gone);
	tcase_add_loop_test(t, mode, 0, COUNT(modes));
	tcase_add_test(t, odd_files);
	tcase_add_test(t, too_large);
	tcase_add_test(t, tidied);
	suite_add_tcase(s, t);
	return s;
}
