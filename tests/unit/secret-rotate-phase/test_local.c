#include <sys/file.h>
#include <sys/stat.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <check.h>

#include "coordination/signature.h"
#include "secret-rotate-phase/local.h"

#include "make.h"

Suite *suite_local(void);

#define OLD "old-0123456789abcdefghijklmnopqrstuvwxyz"
#define NEW "new-0123456789abcdefghijklmnopqrstuvwxyz"

static char dir[64], state_dir[80], env_file[80], record[96], lock_file[96], new_file[80];
static struct settings settings;
static struct effects fx;
static char old_fp[FINGERPRINT_SIZE], new_fp[FINGERPRINT_SIZE];

static void
put(const char *path, const char *text, mode_t mode)
{
	FILE *f = fopen(path, "w");

	ck_assert_ptr_nonnull(f);
	ck_assert_int_ge(fputs(text, f), 0);
	ck_assert_int_eq(fclose(f), 0);
	ck_assert_int_eq(chmod(path, mode), 0);
}

static const char *
get(const char *path)
{
	static char text[16384];
	FILE *f = fopen(path, "r");
	size_t n;

	ck_assert_ptr_nonnull(f);
	n = fread(text, 1, sizeof(text) - 1, f);
	text[n] = '\0';
	(void)fclose(f);
	return text;
}

static char sign_name[] = "SECRET", other_name[] = "SECRET_NEW";

static void
set_up(void)
{
	(void)snprintf(dir, sizeof(dir), "/tmp/local.XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(dir));
	(void)snprintf(state_dir, sizeof(state_dir), "%s/state", dir);
	(void)snprintf(env_file, sizeof(env_file), "%s/env", dir);
	(void)snprintf(new_file, sizeof(new_file), "%s/new", dir);
	(void)snprintf(record, sizeof(record), "%s/record", state_dir);
	(void)snprintf(lock_file, sizeof(lock_file), "%s/lock", state_dir);
	settings = (struct settings){
		.secrets = { .env_file = env_file, .current_var = sign_name,
		    .other_var = other_name },
		.rotate = { .state_dir = state_dir, .source = SOURCE_FILE,
		    .new_secret_file = new_file },
	};
	fx = (struct effects){ .settings = &settings, .self = "h0", .lock = -1 };
	ck_assert_int_eq(secret_fingerprint(B(OLD), old_fp), 0);
	ck_assert_int_eq(secret_fingerprint(B(NEW), new_fp), 0);
}

static void
tear_down(void)
{
	static const char *const names[] = { "env", "new", ".env.coordkeep", "state/lock",
		"state/record", "state/.record.aBcDeF", "state/other" };
	char path[96];
	size_t i;

	local_unlock(&fx);
	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		(void)snprintf(path, sizeof(path), "%s/%s", dir, names[i]);
		(void)unlink(path);
	}
	(void)rmdir(state_dir);
	ck_assert_int_eq(rmdir(dir), 0);
}

/* ---- the lock ---- */

START_TEST(lock_keeps_others_out)
{
	struct effects second = fx;
	struct error e = { 0 };

	ck_assert_msg(local_lock(&fx, &e) == 0, "%s", e.text);
	ck_assert_int_ne(fx.lock, -1);
	ck_assert_int_eq(local_lock(&second, &e), -1);
	ck_assert_int_eq(e.exit, EX_TEMPFAIL);
	ck_assert_ptr_nonnull(strstr(e.text, lock_file));
	ck_assert_int_eq(second.lock, -1);
	local_unlock(&fx);
	local_unlock(&fx);
	ck_assert_msg(local_lock(&second, &e) == 0, "%s", e.text);
	local_unlock(&second);
}
END_TEST

START_TEST(lock_of_a_dry_run)
{
	struct error e = { 0 };
	struct stat st;

	fx.dry = true;
	ck_assert_int_eq(local_lock(&fx, &e), 0);
	ck_assert_int_eq(fx.lock, -1);
	ck_assert_int_eq(stat(state_dir, &st), -1);
}
END_TEST

START_TEST(lock_tidies)
{
	char half[128], temporary[128], other[128];
	struct error e = { 0 };

	(void)snprintf(half, sizeof(half), "%s/.record.aBcDeF", state_dir);
	(void)snprintf(temporary, sizeof(temporary), "%s/.env.coordkeep", dir);
	(void)snprintf(other, sizeof(other), "%s/other", state_dir);
	ck_assert_int_eq(mkdir(state_dir, 0700), 0);
	put(half, "id", 0600);
	put(temporary, "SECRET=" NEW, 0600);
	put(other, "x", 0600);
	ck_assert_int_eq(local_lock(&fx, &e), 0);
	ck_assert_int_eq(access(half, F_OK), -1);
	ck_assert_int_eq(access(temporary, F_OK), -1);
	ck_assert_int_eq(access(other, F_OK), 0);
}
END_TEST

START_TEST(lock_refuses_a_directory_of_others)
{
	struct error e = { 0 };

	ck_assert_int_eq(mkdir(state_dir, 0700), 0);
	ck_assert_int_eq(chmod(state_dir, 0777), 0);
	ck_assert_int_eq(local_lock(&fx, &e), -1);
	ck_assert_int_eq(e.exit, EX_CONFIG);
	ck_assert_ptr_nonnull(strstr(e.text, "chmod go-w"));
	ck_assert_int_eq(chmod(state_dir, 0700), 0);
	put(env_file, "", 0600);
	settings.rotate.state_dir = env_file;
	ck_assert_int_eq(local_lock(&fx, &e), -1);
	ck_assert_int_eq(e.exit, EX_CANTCREAT);
}
END_TEST

/* ---- the copy ---- */

static struct copy
make_copy(void)
{
	struct copy copy;

	/* Every byte is compared: padding too. */
	memset(&copy, 0, sizeof(copy));
	copy.rotation = make_rotation(PHASE_PROMOTE, "ab", 3);
	copy.reported = NOW - MIN;
	make_fingerprint('a', copy.seen);
	copy.seen_since = NOW - HOUR;
	return copy;
}

static void
ready(void)
{
	ck_assert_int_eq(mkdir(state_dir, 0700), 0);
}

START_TEST(copy_comes_back)
{
	struct copy out = make_copy(), in;
	struct error e = { 0 };
	struct stat st;

	ready();
	ck_assert_msg(local_copy_write(&fx, &out, &e) == 0, "%s", e.text);
	ck_assert_msg(local_copy_read(&fx, &in, &e) == 0, "%s", e.text);
	ck_assert_uint_eq(in.rotation.epoch, out.rotation.epoch);
	ck_assert(rotation_same(&in.rotation, &out.rotation));
	ck_assert_str_eq(in.rotation.turn, out.rotation.turn);
	ck_assert_uint_eq(in.rotation.hosts.n, 3);
	ck_assert_int_eq(in.rotation.since, out.rotation.since);
	ck_assert_int_eq(in.reported, out.reported);
	ck_assert_str_eq(in.seen, out.seen);
	ck_assert_int_eq(in.seen_since, out.seen_since);
	ck_assert_int_eq(stat(record, &st), 0);
	ck_assert_int_eq(st.st_mode & 07777, 0600);
}
END_TEST

START_TEST(copy_of_nothing)
{
	struct copy copy = make_copy(), none;
	struct error e = { 0 };

	ck_assert_int_eq(local_copy_read(&fx, &copy, &e), 0);
	memset(&none, 0, sizeof(none));
	ck_assert_mem_eq(&copy, &none, sizeof(copy));
	/* Before the first rotation a host has reported, and no more. */
	ready();
	copy.reported = NOW;
	ck_assert_int_eq(local_copy_write(&fx, &copy, &e), 0);
	ck_assert_msg(local_copy_read(&fx, &copy, &e) == 0, "%s", e.text);
	ck_assert_uint_eq(copy.rotation.epoch, 0);
	ck_assert_int_eq(copy.reported, NOW);
	ck_assert_str_eq(copy.seen, "");
}
END_TEST

START_TEST(copy_in_a_dry_run)
{
	struct copy copy = make_copy();
	struct error e = { 0 };

	ready();
	fx.dry = true;
	ck_assert_int_eq(local_copy_write(&fx, &copy, &e), 0);
	ck_assert_int_eq(access(record, F_OK), -1);
}
END_TEST

START_TEST(copy_that_cannot_be_written)
{
	struct copy copy = make_copy();
	struct error e = { 0 };

	ck_assert_int_eq(local_copy_write(&fx, &copy, &e), -1);
	ck_assert_int_eq(e.exit, EX_CANTCREAT);
	ck_assert_ptr_nonnull(strstr(e.text, record));
}
END_TEST

/* Any byte that is lost, added or another one is noticed. */
START_TEST(copy_damaged)
{
	struct copy copy = make_copy();
	struct error e = { 0 };
	char good[16384], bad[16384];
	size_t n, i;

	ready();
	ck_assert_int_eq(local_copy_write(&fx, &copy, &e), 0);
	(void)snprintf(good, sizeof(good), "%s", get(record));
	n = strlen(good);
	for (i = 0; i <= n; i++) {
		memcpy(bad, good, n + 1);
		if (i < n)
			bad[i] = bad[i] == 'x' ? 'y' : 'x';
		else
			bad[n - 1] = '\0';
		put(record, bad, 0600);
		e = (struct error){ 0 };
		ck_assert_msg(local_copy_read(&fx, &copy, &e) == -1, "byte %zu", i);
		ck_assert_int_eq(e.exit, EX_IOERR);
		ck_assert_ptr_nonnull(strstr(e.text, record));
		ck_assert_uint_eq(copy.rotation.epoch, 0);
	}
	for (i = 0; i < n; i++) {
		memcpy(bad, good, i);
		bad[i] = '\0';
		put(record, bad, 0600);
		ck_assert_msg(local_copy_read(&fx, &copy, &e) == -1, "cut at %zu", i);
	}
}
END_TEST

/* ---- the environment file ---- */

static const struct look_case {
	const char *text;
	mode_t mode;
	const char *pair; /* o, n, -, ? = another one; NULL = refused */
	int exit;
	const char *says;
} looks[] = {
	{ "SECRET=" OLD "\n", 0600, "o-", 0, NULL },
	{ "A=1\nSECRET=" OLD "\nSECRET_NEW=" NEW "\n", 0640, "on", 0, NULL },
	{ "SECRET='" NEW "'\nSECRET_NEW=\"" OLD "\"", 0600, "no", 0, NULL },
	{ "SECRET=" OLD "\nSECRET_NEW=\n", 0600, "o-", 0, NULL },
	{ "SECRET=" OLD "\nSECRET=" NEW "\n", 0600, "n-", 0, NULL },
	{ "SECRET=\n", 0600, NULL, EX_CONFIG, "is empty" },
	{ "A=1\n", 0600, NULL, EX_CONFIG, "does not set SECRET" },
	{ "SECRET=" OLD "\n", 0644, NULL, EX_CONFIG, "chmod o-rwx" },
	{ NULL, 0, NULL, EX_CONFIG, "cannot be opened" },
	{ "# \\\nSECRET=" OLD "\n", 0600, NULL, EX_CONFIG, "backslash" },
};

static const char *
fp_of(char c)
{
	return c == 'o' ? old_fp : c == 'n' ? new_fp : "";
}

START_TEST(look)
{
	const struct look_case *c = &looks[_i];
	struct error e = { 0 };
	struct pair p;

	if (c->text != NULL)
		put(env_file, c->text, c->mode);
	if (c->pair != NULL) {
		ck_assert_msg(local_look_file(&fx, &p, &e) == 0, "%s", e.text);
		ck_assert_str_eq(p.sign, fp_of(c->pair[0]));
		ck_assert_str_eq(p.other, fp_of(c->pair[1]));
		return;
	}
	ck_assert_int_eq(local_look_file(&fx, &p, &e), -1);
	ck_assert_int_eq(e.exit, c->exit);
	ck_assert_msg(strstr(e.text, c->says) != NULL, "%s", e.text);
	ck_assert_msg(strstr(e.text, "0123456789abc") == NULL, "%s", e.text);
	ck_assert_str_eq(p.sign, "");
}
END_TEST

static const struct move_case {
	const char *before, *source, *target, *after; /* after NULL: as before */
	bool moved;
	int exit;
} moves[] = {
	{ "A=1\nSECRET=" OLD "\nB=2\n", NEW "\n", "on",
	    "A=1\nSECRET=" OLD "\nSECRET_NEW=" NEW "\nB=2\n", true, 0 },
	{ "SECRET=" OLD "\nSECRET_NEW=" NEW "\n", NULL, "no",
	    "SECRET=" NEW "\nSECRET_NEW=" OLD "\n", true, 0 },
	{ "SECRET=" NEW "\nSECRET_NEW=" OLD "\nB=2\n", NULL, "n-", "SECRET=" NEW "\nB=2\n", true, 0 },
	/* A host that was away. */
	{ "SECRET=" OLD "\n", NEW, "n-", "SECRET=" NEW "\n", true, 0 },
	/* The source has changed. */
	{ "SECRET=" OLD "\n", NEW "x", "on", NULL, false, 0 },
	{ "SECRET=" OLD "\n", "short", "on", NULL, false, EX_CONFIG },
	{ "SECRET=" OLD "\n", NULL, "on", NULL, false, EX_CONFIG },
	/* Somebody was here. */
	{ "SECRET=a-secret-that-the-rotation-does-not-know\n", NEW, "on", NULL, false, EX_TEMPFAIL },
	{ "SECRET=" OLD "\nSECRET_NEW=unknown-0123456789-0123456789-0123\n", NEW, "on", NULL, false,
	    EX_TEMPFAIL },
};

static struct rotation
record_of_two(void)
{
	struct rotation r = make_rotation(PHASE_DISTRIBUTE, "ab", 1);

	memcpy(r.sign, old_fp, FINGERPRINT_SIZE);
	memcpy(r.other, new_fp, FINGERPRINT_SIZE);
	return r;
}

START_TEST(move)
{
	const struct move_case *c = &moves[_i];
	struct rotation r = record_of_two();
	struct pair target = { "", "" };
	struct error e = { 0 };
	bool moved = true;
	int dry;

	memcpy(target.sign, fp_of(c->target[0]), strlen(fp_of(c->target[0])));
	memcpy(target.other, fp_of(c->target[1]), strlen(fp_of(c->target[1])));
	put(env_file, c->before, 0640);
	if (c->source != NULL)
		put(new_file, c->source, 0600);
	for (dry = 1; dry >= 0; dry--) {
		fx.dry = dry == 1;
		ck_assert_int_eq(local_move_file(&fx, &r, &target, &moved, &e),
		    c->exit == 0 ? 0 : -1);
		ck_assert_int_eq(e.exit, c->exit);
		ck_assert(moved == c->moved);
		ck_assert_str_eq(get(env_file), c->after == NULL || fx.dry ? c->before : c->after);
		ck_assert_msg(strstr(e.text, "0123456789") == NULL, "%s", e.text);
	}
}
END_TEST

Suite *
suite_local(void)
{
	Suite *s = suite_create("local");
	TCase *t = tcase_create("local");

	tcase_add_checked_fixture(t, set_up, tear_down);
	tcase_set_timeout(t, 120);
	tcase_add_test(t, lock_keeps_others_out);
	tcase_add_test(t, lock_of_a_dry_run);
	tcase_add_test(t, lock_tidies);
	tcase_add_test(t, lock_refuses_a_directory_of_others);
	tcase_add_test(t, copy_comes_back);
	tcase_add_test(t, copy_of_nothing);
	tcase_add_test(t, copy_in_a_dry_run);
	tcase_add_test(t, copy_that_cannot_be_written);
	tcase_add_test(t, copy_damaged);
	tcase_add_loop_test(t, look, 0, (int)(sizeof(looks) / sizeof(looks[0])));
	tcase_add_loop_test(t, move, 0, (int)(sizeof(moves) / sizeof(moves[0])));
	suite_add_tcase(s, t);
	return s;
}
