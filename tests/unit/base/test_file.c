#include "base/file.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <check.h>

#include "support.h"

Suite *suite_file(void);

static struct scratch scratch;

static void
setup(void)
{
	scratch_make(&scratch);
	(void)umask(022);
}

static void
teardown(void)
{
	scratch_remove(&scratch);
}

static void
ck_contents(const char *path, struct bytes expected)
{
	struct buf b = get_file(path);

	ck_assert(bytes_equal(buf_view(&b), expected));
	buf_free(&b);
}

START_TEST(reads)
{
	const char *path = scratch_file(&scratch, "f");
	struct buf b = { 0 };
	struct error e = { 0 };

	put_file(path, B("one\0two\n"), 0644);
	buf_str(&b, "before:");
	ck_assert_int_eq(file_read(path, 8, &b, &e), 0);
	ck_assert(bytes_equal(buf_view(&b), B("before:one\0two\n")));
	ck_assert_int_eq(e.exit, 0);
	buf_reset(&b);
	put_file(path, B(""), 0644);
	ck_assert_int_eq(file_read(path, 0, &b, &e), 0);
	ck_assert_uint_eq(b.n, 0);
	buf_free(&b);
}
END_TEST

START_TEST(reads_what_has_no_size)
{
	struct buf b = { 0 };

	ck_assert_int_eq(file_read("/proc/self/status", 65536, &b, NULL), 0);
	ck_assert_uint_gt(b.n, 100);
	buf_free(&b);
}
END_TEST

START_TEST(reads_large)
{
	const char *path = scratch_file(&scratch, "f");
	struct buf data = { 0 }, b = { 0 };
	int i;

	for (i = 0; i < 20000; i++)
		buf_printf(&data, "line %d\n", i);
	put_file(path, buf_view(&data), 0644);
	ck_assert_int_eq(file_read(path, data.n, &b, NULL), 0);
	ck_assert(bytes_equal(buf_view(&b), buf_view(&data)));
	buf_free(&b);
	buf_free(&data);
}
END_TEST

/* ${e} has the exit, the path and the words. */
static void
ck_refused(int r, const struct error *e, int exit, const char *path, const char *words)
{
	ck_assert_int_eq(r, -1);
	ck_assert_int_eq(e->exit, exit);
	ck_assert_ptr_nonnull(strstr(e->text, path));
	ck_assert_msg(strstr(e->text, words) != NULL, "%s", e->text);
}

START_TEST(refuses_to_read)
{
	const char *path = scratch_file(&scratch, "f"), *fifo = scratch_file(&scratch, "p");
	struct buf b = { 0 };
	struct error e = { 0 };

	ck_refused(file_read(path, 10, &b, &e), &e, EX_NOINPUT, path, "no such file");
	put_file(path, B("12345"), 0644);
	ck_refused(file_read(path, 4, &b, &e), &e, EX_CONFIG, path, "larger than the 4 bytes");
	ck_refused(file_read(scratch.path, 10, &b, &e), &e, EX_CONFIG, scratch.path,
	    "a directory");
	ck_assert_int_eq(mkfifo(fifo, 0600), 0);
	ck_refused(file_read(fifo, 10, &b, &e), &e, EX_CONFIG, fifo, "special file");
	ck_refused(file_read("/dev/zero", 10, &b, &e), &e, EX_CONFIG, "/dev/zero",
	    "special file");
	path = scratch_file(&scratch, "f/under");
	ck_refused(file_read(path, 10, &b, &e), &e, EX_IOERR, path, "Not a directory");
	buf_free(&b);
}
END_TEST

static const struct {
	mode_t mode;
	bool ok;
} modes[] = {
	{ 0600, true }, { 0400, true }, { 0440, true }, { 0640, true }, { 0700, true },
	{ 0644, false }, { 0604, false }, { 0602, false }, { 0601, false }, { 0660, false },
	{ 0620, false }, { 0666, false }, { 0777, false }, { 0444, false }, { 02640, true },
};

START_TEST(secret_modes)
{
	const char *path = scratch_file(&scratch, "secret");
	struct buf b = { 0 };
	struct error e = { 0 };
	char chmod_line[256];
	int r;

	put_file(path, B("s3cret"), modes[_i].mode);
	r = file_read_secret(path, 100, &b, &e);
	if (modes[_i].ok) {
		ck_assert_msg(r == 0, "%s", e.text);
		ck_assert_str_eq(buf_cstr(&b), "s3cret");
	} else {
		(void)snprintf(chmod_line, sizeof(chmod_line), "chmod g-w,o-rwx %s", path);
		ck_refused(r, &e, EX_CONFIG, path, chmod_line);
		ck_assert_uint_eq(b.n, 0);
		/* The words do what they say. */
		ck_assert_int_eq(system(strstr(e.text, "chmod")), 0);
		ck_assert_int_eq(file_read_secret(path, 100, &b, &e), 0);
	}
	buf_wipe(&b);
}
END_TEST

static const struct {
	struct bytes in, out;
} newlines[] = {
	{ { "x", 1 }, { "x", 1 } },
	{ { "x\n", 2 }, { "x", 1 } },
	{ { "x\n\n", 3 }, { "x\n", 2 } },
	{ { "\n", 1 }, { "", 0 } },
	{ { "", 0 }, { "", 0 } },
	{ { "a\nb", 3 }, { "a\nb", 3 } },
};

START_TEST(secret_newline)
{
	const char *path = scratch_file(&scratch, "secret");
	struct buf b = { 0 };

	put_file(path, newlines[_i].in, 0600);
	/* Only what was read counts as its end. */
	buf_str(&b, "before\n");
	ck_assert_int_eq(file_read_secret(path, 100, &b, NULL), 0);
	ck_assert(bytes_equal(bytes_from(buf_view(&b), 7), newlines[_i].out));
	ck_assert_int_eq(b.p[b.n], '\0');
	buf_wipe(&b);
}
END_TEST

START_TEST(secret_is_no_symlink)
{
	const char *path = scratch_file(&scratch, "secret"), *link = scratch_file(&scratch, "l");
	struct buf b = { 0 };
	struct error e = { 0 };

	put_file(path, B("x"), 0600);
	ck_assert_int_eq(symlink(path, link), 0);
	ck_refused(file_read_secret(link, 100, &b, &e), &e, EX_CONFIG, link, "symbolic link");
	ck_assert_int_eq(file_read(link, 100, &b, &e), 0);
	ck_refused(file_read_secret(scratch_file(&scratch, "none"), 100, &b, &e), &e,
	    EX_NOINPUT, "none", "no such file");
	ck_refused(file_read_secret(scratch.path, 100, &b, &e), &e, EX_CONFIG, scratch.path,
	    "a directory");
	buf_free(&b);
}
END_TEST

START_TEST(replaces)
{
	const char *path = scratch_file(&scratch, "f");
	struct error e = { 0 };
	struct stat st;

	(void)umask(077);
	ck_assert_int_eq(file_replace(path, 0644, B("one\0"), &e), 0);
	ck_contents(path, B("one\0"));
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_int_eq(st.st_mode & 07777, 0644);
	ck_assert_int_eq(file_replace(path, 0600, B(""), &e), 0);
	ck_contents(path, B(""));
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_int_eq(st.st_mode & 07777, 0600);
	ck_assert_uint_eq(count_entries(scratch.path), 1);
}
END_TEST

/* Who has the old file open keeps the old one, whole. */
START_TEST(replaces_by_another_file)
{
	const char *path = scratch_file(&scratch, "f"), *link = scratch_file(&scratch, "g");

	put_file(path, B("old"), 0600);
	ck_assert_int_eq(rename(path, path), 0);
	ck_assert_int_eq(symlink("f", link), 0);
	/* A link is replaced, not followed: what it names may be anybody's. */
	ck_assert_int_eq(file_replace(link, 0600, B("new"), NULL), 0);
	ck_contents(path, B("old"));
	ck_contents(link, B("new"));
}
END_TEST

START_TEST(replaces_in_the_current_directory)
{
	ck_assert_int_eq(chdir(scratch.path), 0);
	ck_assert_int_eq(file_replace("here", 0600, B("x"), NULL), 0);
	ck_contents(scratch_file(&scratch, "here"), B("x"));
	ck_assert_int_eq(chdir("/"), 0);
}
END_TEST

static void
append(const char *path, struct bytes line)
{
	int fd = file_append(path, 0640);

	ck_assert_int_ne(fd, -1);
	ck_assert_int_eq(write(fd, line.p, line.n), (ssize_t)line.n);
	(void)close(fd);
}

START_TEST(appends)
{
	const char *path = scratch_file(&scratch, "f"), *link = scratch_file(&scratch, "g");
	struct stat st;

	append(path, B("one "));
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_int_eq(st.st_mode & 07777, 0640);
	ck_assert_int_eq(symlink("f", link), 0);
	append(link, B("two"));
	ck_contents(path, B("one two"));
	ck_assert_int_eq(file_append(scratch_file(&scratch, "no/f"), 0640), -1);
	ck_assert_int_eq(errno, ENOENT);
}
END_TEST

/* Root's runs beside those of an unprivileged user, who owns the directory. */
START_TEST(gives_what_is_new_to_its_directorys_owner)
{
	const uid_t other = geteuid() == 0 ? 12345 : geteuid();
	const char *path = scratch_file(&scratch, "f"), *link = scratch_file(&scratch, "g");
	const char *old = scratch_file(&scratch, "old");
	struct stat st;

	put_file(old, B("x"), 0600);
	ck_assert_int_eq(chown(scratch.path, other, (gid_t)-1), 0);
	append(path, B("x"));
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_uint_eq(st.st_uid, other);
	ck_assert_int_eq(file_replace(path, 0600, B("y"), NULL), 0);
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_uint_eq(st.st_uid, other);

	/* what was there keeps its owner */
	append(old, B("y"));
	ck_assert_int_eq(stat(old, &st), 0);
	ck_assert_uint_eq(st.st_uid, geteuid());

	ck_assert_int_eq(symlink(old, link), 0);
	if (geteuid() == 0) {
		ck_assert_int_eq(file_append(link, 0640), -1);
		ck_assert_int_eq(errno, ELOOP);
	}
}
END_TEST

START_TEST(cannot_create)
{
	const char *path = scratch_file(&scratch, "no/f");
	char long_path[6000];
	struct error e = { 0 };

	ck_refused(file_replace(path, 0600, B("x"), &e), &e, EX_CANTCREAT, path, "No such file");
	memset(long_path, 'x', sizeof(long_path));
	long_path[sizeof(long_path) - 1] = '\0';
	ck_refused(file_replace(long_path, 0600, B("x"), &e), &e, EX_CANTCREAT, "xxx",
	    "too long");
}
END_TEST

START_TEST(cannot_rename)
{
	const char *path = scratch_file(&scratch, "dir");
	struct error e = { 0 };

	ck_assert_int_eq(mkdir(path, 0700), 0);
	ck_refused(file_replace(path, 0600, B("x"), &e), &e, EX_IOERR, path, "directory");
	ck_assert_uint_eq(count_entries(scratch.path), 1);
}
END_TEST

/* A disk that is full, as far as this process can tell. */
START_TEST(cannot_write)
{
	const char *path = scratch_file(&scratch, "f");
	static const char data[8192];
	struct rlimit limit = { 4096, 4096 };
	struct error e = { 0 };

	put_file(path, B("old"), 0600);
	(void)signal(SIGXFSZ, SIG_IGN);
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
	ck_refused(file_replace(path, 0600, (struct bytes){ data, sizeof(data) }, &e), &e,
	    EX_IOERR, path, "File too large");
	ck_contents(path, B("old"));
	ck_assert_uint_eq(count_entries(scratch.path), 1);
}
END_TEST

/* Readers see one version or the other, never a part or none. */
START_TEST(is_never_half_there)
{
	enum { SIZE = 100000 };
	const char *path = scratch_file(&scratch, "f");
	char *data = malloc(SIZE);
	struct buf b;
	pid_t writer;
	size_t i, k;

	memset(data, 'a', SIZE);
	put_file(path, (struct bytes){ data, SIZE }, 0600);
	writer = fork();
	ck_assert_int_ne(writer, -1);
	if (writer == 0) {
		for (i = 0;; i++) {
			memset(data, (int)('a' + i % 26), SIZE);
			(void)file_replace(path, 0600, (struct bytes){ data, SIZE }, NULL);
		}
	}
	for (i = 0; i < 100; i++) {
		b = get_file(path);
		ck_assert_uint_eq(b.n, SIZE);
		for (k = 1; k < SIZE; k++) {
			if (b.p[k] != b.p[0])
				ck_abort_msg("mixed at %zu", k);
		}
		buf_free(&b);
	}
	ck_assert_int_eq(kill(writer, SIGKILL), 0);
	ck_assert_int_eq(waitpid(writer, NULL, 0), writer);
	free(data);
}
END_TEST

START_TEST(syncs_directories)
{
	ck_assert_int_eq(chdir(scratch.path), 0);
	ck_assert_int_eq(file_sync_directory("name"), 0);
	ck_assert_int_eq(file_sync_directory("/name"), 0);
	ck_assert_int_eq(file_sync_directory(scratch_file(&scratch, "name")), 0);
	ck_assert_int_eq(file_sync_directory("no/name"), -1);
	ck_assert_int_eq(errno, ENOENT);
	ck_assert_int_eq(chdir("/"), 0);
}
END_TEST

static const char *const directories[] = { "a", "a/b/c", "a//b///c/", "./a/./b", "x/../y" };

START_TEST(makes_directories)
{
	const char *path = scratch_file(&scratch, directories[_i]);
	struct error e = { 0 };
	struct stat st;

	ck_assert_msg(file_make_directory(path, 0750, &e) == 0, "%s", e.text);
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert(S_ISDIR(st.st_mode));
	ck_assert_int_eq(st.st_mode & 07777, 0750);
	ck_assert_int_eq(file_make_directory(path, 0700, &e), 0);
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_int_eq(st.st_mode & 07777, 0750);
	ck_assert_int_eq(file_make_directory("/", 0700, &e), 0);
	ck_assert_int_eq(chdir(scratch.path), 0);
	ck_assert_int_eq(file_make_directory(directories[_i], 0700, &e), 0);
	ck_assert_int_eq(chdir("/"), 0);
}
END_TEST

START_TEST(cannot_make_directories)
{
	const char *path = scratch_file(&scratch, "f"), *under = scratch_file(&scratch, "f/d/e");
	struct error e = { 0 };

	put_file(path, B("x"), 0600);
	ck_refused(file_make_directory(path, 0700, &e), &e, EX_CANTCREAT, path,
	    "Not a directory");
	ck_refused(file_make_directory(under, 0700, &e), &e, EX_CANTCREAT, under,
	    "Not a directory");
	ck_refused(file_make_directory("/proc/x/y", 0700, &e), &e, EX_CANTCREAT, "/proc/x/y",
	    "cannot make directory /proc/x:");
}
END_TEST

START_TEST(leaks_no_descriptor)
{
	const char *path = scratch_file(&scratch, "f");
	size_t before = count_open_files();
	struct buf b = { 0 };

	put_file(path, B("x"), 0644);
	(void)file_read(path, 10, &b, NULL);
	(void)file_read(path, 0, &b, NULL);
	(void)file_read(scratch.path, 10, &b, NULL);
	(void)file_read_secret(path, 10, &b, NULL);
	(void)file_replace(path, 0600, B("x"), NULL);
	(void)file_replace(scratch.path, 0600, B("x"), NULL);
	(void)file_make_directory(path, 0700, NULL);
	ck_assert_uint_eq(count_open_files(), before);
	buf_free(&b);
}
END_TEST

Suite *
suite_file(void)
{
	Suite *s = suite_create("base/file");
	TCase *t = tcase_create("file");

	tcase_set_timeout(t, 120);
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, reads);
	tcase_add_test(t, reads_what_has_no_size);
	tcase_add_test(t, reads_large);
	tcase_add_test(t, refuses_to_read);
	tcase_add_loop_test(t, secret_modes, 0, (int)(sizeof(modes) / sizeof(modes[0])));
	tcase_add_loop_test(t, secret_newline, 0, (int)(sizeof(newlines) / sizeof(newlines[0])));
	tcase_add_test(t, secret_is_no_symlink);
	tcase_add_test(t, replaces);
	tcase_add_test(t, replaces_by_another_file);
	tcase_add_test(t, replaces_in_the_current_directory);
	tcase_add_test(t, appends);
	tcase_add_test(t, gives_what_is_new_to_its_directorys_owner);
	tcase_add_test(t, cannot_create);
	tcase_add_test(t, cannot_rename);
	tcase_add_test(t, cannot_write);
	tcase_add_test(t, is_never_half_there);
	tcase_add_test(t, syncs_directories);
	tcase_add_loop_test(t, makes_directories, 0,
	    (int)(sizeof(directories) / sizeof(directories[0])));
	tcase_add_test(t, cannot_make_directories);
	tcase_add_test(t, leaks_no_descriptor);
	suite_add_tcase(s, t);
	return s;
}
