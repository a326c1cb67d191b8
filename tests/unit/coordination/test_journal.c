#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <check.h>

#include "base/file.h"
#include "coordination/journal.h"

Suite *suite_journal(void);

static char top[64], dir[96];

static void
setup(void)
{

	(void)snprintf(top, sizeof(top), "/tmp/journal-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(top));
	(void)snprintf(dir, sizeof(dir), "%s/var/undo", top);
}

static void
teardown(void)
{
	char command[128];

	(void)snprintf(command, sizeof(command), "rm -rf '%s'", top);
	ck_assert_int_eq(system(command), 0);
}

static struct journal_options
options(void)
{

	return (struct journal_options){ .dir = dir, .job = "reap-stale", .run = "0123abcd",
		.keep_ms = INT64_C(7) * 86400000, .max_bytes = 1 << 30, .db = 3,
		.server_version = 70015, .server_run_id = "beef" };
}

static struct journal *
open_journal(void)
{
	struct journal_options o = options();
	struct error e = { 0 };
	struct journal *j = journal_open(&o, &e);

	ck_assert_msg(j != NULL, "%s", e.text);
	return j;
}

static void
intent(struct journal *j, const char *key, const char *dump)
{
	struct error e = { 0 };

	ck_assert_int_eq(journal_intent(j, bytes_str(key), bytes_str(dump), 1700000000000,
	    bytes_str("a"), "stale", &e), 0);
}

static void
commit(struct journal *j)
{
	struct error e = { 0 };

	ck_assert_msg(journal_commit(j, &e) == 0, "%s", e.text);
}

static void
result(struct journal *j, const char *key, const char *text)
{
	struct error e = { 0 };

	ck_assert_int_eq(journal_result(j, bytes_str(key), text, &e), 0);
}

static void
finish(struct journal *j)
{
	struct error e = { 0 };

	ck_assert_msg(journal_close(j, &e) == 0, "%s", e.text);
}

/* What journal_read gives, one line an entry: KEY|DUMP|EXPIRY|ID|VERDICT|MARK. */
static int
collect(void *ctx, const struct journal_entry *entry)
{
	struct buf *out = ctx;

	buf_bytes(out, entry->key);
	buf_char(out, '|');
	buf_bytes(out, entry->dump);
	buf_printf(out, "|%lld|", (long long)entry->expiry);
	buf_bytes(out, entry->id);
	buf_char(out, '|');
	buf_bytes(out, entry->verdict);
	buf_str(out, entry->deleted ? "|deleted\n" : entry->resulted ? "|other\n" : "|open\n");
	return 0;
}

static void
expect(const char *path, struct bytes lines)
{
	struct journal_header h;
	struct buf out = { 0 };
	struct error e = { 0 };

	ck_assert_msg(journal_read(path, &h, collect, &out, &e) == 0, "%s", e.text);
	ck_assert_str_eq(h.job, "reap-stale");
	ck_assert_str_eq(h.run, "0123abcd");
	ck_assert_int_eq(h.db, 3);
	ck_assert_int_eq(h.server_version, 70015);
	ck_assert_msg(bytes_equal(buf_view(&out), lines), "read back: %.*s", (int)out.n, out.p);
	buf_free(&out);
}

START_TEST(round_trip)
{
	static const char key[] = "blocking:heartbeat:\0\n\"\xff";
	static const char dump[] = "\0\x01\xfe\n" "binary";
	static const char id[] = "\xff\n";
	struct bytes k = { key, sizeof(key) - 1 }, d = { dump, sizeof(dump) - 1 };
	struct journal *j = open_journal();
	struct error e = { 0 };
	struct buf want = { 0 };
	struct stat st;
	char *path = strdup(journal_path(j));

	ck_assert_int_eq(journal_intent(j, k, d, 0, (struct bytes){ id, 2 }, "stale", &e), 0);
	intent(j, "k2", "d2");
	intent(j, "k3", "d3");
	intent(j, "k4", "d4");
	commit(j);
	ck_assert_int_eq(journal_result(j, k, "deleted", &e), 0);
	result(j, "k2", "changed");
	intent(j, "k5", "");
	commit(j);
	result(j, "k3", "gone");
	result(j, "k5", "failed");
	finish(j);
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_int_eq(st.st_mode & 07777, 0600);
	ck_assert_int_eq(stat(dir, &st), 0);
	ck_assert_int_eq(st.st_mode & 07777, 0700);
	buf_bytes(&want, k);
	buf_char(&want, '|');
	buf_bytes(&want, d);
	buf_str(&want, "|0|");
	buf_add(&want, id, 2);
	buf_str(&want, "|stale|deleted\nk4|d4|1700000000000|a|stale|open\n");
	expect(path, buf_view(&want));
	buf_free(&want);
	free(path);
}
END_TEST

/* The same key twice in a run: a result belongs to the last intent before it. */
START_TEST(a_key_twice)
{
	struct journal *j = open_journal();
	char *path = strdup(journal_path(j));

	intent(j, "k", "one");
	commit(j);
	result(j, "k", "deleted");
	intent(j, "k", "two");
	commit(j);
	result(j, "k", "changed");
	finish(j);
	expect(path, B("k|one|1700000000000|a|stale|deleted\n"));
	free(path);
}
END_TEST

START_TEST(on_disk_after_commit_only)
{
	struct journal *j = open_journal();

	intent(j, "k", "d");
	expect(journal_path(j), B(""));
	commit(j);
	expect(journal_path(j), B("k|d|1700000000000|a|stale|open\n"));
	finish(j);
}
END_TEST

START_TEST(empty_is_removed)
{
	struct journal *j = open_journal();
	char *path = strdup(journal_path(j));

	ck_assert_int_eq(access(path, F_OK), 0);
	commit(j);
	finish(j);
	ck_assert_int_ne(access(path, F_OK), 0);
	free(path);
	ck_assert_int_eq(journal_close(NULL, NULL), 0);
}
END_TEST

static void
put(const char *name, struct bytes text)
{
	struct error e = { 0 };
	char path[256];

	(void)snprintf(path, sizeof(path), "%s/%s", dir, name);
	ck_assert_msg(file_replace(path, 0600, text, &e) == 0, "%s", e.text);
}

static void
age(const char *name, int days)
{
	struct timespec t[2];
	char path[256];

	(void)snprintf(path, sizeof(path), "%s/%s", dir, name);
	clock_gettime(CLOCK_REALTIME, &t[0]);
	t[0].tv_sec -= (time_t)days * 86400;
	t[1] = t[0];
	ck_assert_int_eq(utimensat(AT_FDCWD, path, t, AT_SYMLINK_NOFOLLOW), 0);
}

static bool
there(const char *name)
{
	struct stat st;
	char path[256];

	(void)snprintf(path, sizeof(path), "%s/%s", dir, name);
	return lstat(path, &st) == 0;
}

#define J(run) "reap-stale-20260101T000000Z-" run ".jsonl"

START_TEST(prune_by_age)
{
	static const struct {
		const char *name;
		int days;
		bool stays;
	} t[] = {
		{ J("aa"), 8, false },
		{ J("bb"), 6, true },
		{ "reap-stale-notes.jsonl", 99, true },
		{ "reap-stale-20260101T000000Z-aa.jsonl.bak", 99, true },
		{ "reap-stale-20260101T000000Z-aa.saved.jsonl", 99, true },
		{ "reap-stale-20260101T000000Z-.jsonl", 99, true },
		{ "reap-stale-all-20260101T000000Z-aa.jsonl", 99, true },
		{ "reap-20260101T000000Z-aa.jsonl", 99, true },
		{ "other.jsonl", 99, true },
	};
	char link[256], sub[256];
	size_t i;

	finish(open_journal());
	for (i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		put(t[i].name, B("x"));
		age(t[i].name, t[i].days);
	}
	(void)snprintf(link, sizeof(link), "%s/%s", dir, J("link"));
	ck_assert_int_eq(symlink("other.jsonl", link), 0);
	age(J("link"), 99);
	(void)snprintf(sub, sizeof(sub), "%s/%s", dir, J("sub"));
	ck_assert_int_eq(mkdir(sub, 0700), 0);
	age(J("sub"), 99);
	finish(open_journal());
	for (i = 0; i < sizeof(t) / sizeof(t[0]); i++)
		ck_assert_msg(there(t[i].name) == t[i].stays, "%s", t[i].name);
	ck_assert(there(J("link")) && there(J("sub")) && there("other.jsonl"));
}
END_TEST

START_TEST(prune_by_size)
{
	struct journal_options o = options();
	struct error e = { 0 };
	struct journal *j;
	char kilobyte[1024];
	struct bytes text = { kilobyte, sizeof(kilobyte) };

	memset(kilobyte, 'x', sizeof(kilobyte));
	finish(open_journal());
	put(J("aa"), text);
	age(J("aa"), 1);
	put(J("bb"), text);
	age(J("bb"), 3);
	put(J("cc"), text);
	age(J("cc"), 2);
	put("other.jsonl", text);
	o.max_bytes = 2048;
	ck_assert_ptr_nonnull((j = journal_open(&o, &e)));
	ck_assert(there(J("aa")) && !there(J("bb")) && there(J("cc")) && there("other.jsonl"));
	finish(j);
	/* Never this one, however little is allowed. */
	o.max_bytes = 1;
	ck_assert_ptr_nonnull((j = journal_open(&o, &e)));
	intent(j, "k", "d");
	commit(j);
	ck_assert_int_eq(access(journal_path(j), F_OK), 0);
	ck_assert(!there(J("aa")) && !there(J("cc")) && there("other.jsonl"));
	finish(j);
}
END_TEST

START_TEST(cannot_create)
{
	struct journal_options o = options();
	struct error e = { 0 };
	char file[128];

	(void)snprintf(file, sizeof(file), "%s/file", top);
	ck_assert_int_eq(file_replace(file, 0600, B("x"), &e), 0);
	o.dir = file;
	ck_assert_ptr_null(journal_open(&o, &e));
	ck_assert_int_eq(e.exit, EX_CANTCREAT);
	ck_assert_ptr_nonnull(strstr(e.text, file));
	/* Below a file no directory can be made, whoever asks. */
	(void)strcat(file, "/undo");
	ck_assert_ptr_null(journal_open(&o, &e));
	ck_assert_int_eq(e.exit, EX_CANTCREAT);
}
END_TEST

/* Leave room for some kilobytes in ${dir}: a small file system of its own where
 * this test may mount one, else a limit on the size of files. */
static bool
little_room(void)
{
	struct rlimit limit = { 20000, 20000 };
	struct error e = { 0 };

	ck_assert_int_eq(file_make_directory(dir, 0700, &e), 0);
	if (unshare(CLONE_NEWNS) == 0 && mount("none", "/", "none", MS_REC | MS_PRIVATE, NULL) == 0 &&
	    mount("tmpfs", dir, "tmpfs", 0, "size=64k") == 0)
		return true;
	(void)signal(SIGXFSZ, SIG_IGN);
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
	return false;
}

START_TEST(no_room_at_commit)
{
	struct error e = { 0 };
	struct journal *j;
	struct stat before, after;
	char big[65536];
	bool mounted = little_room();
	char *path;

	memset(big, 'x', sizeof(big) - 1);
	big[sizeof(big) - 1] = '\0';
	j = open_journal();
	path = strdup(journal_path(j));
	intent(j, "k1", "d1");
	commit(j);
	result(j, "k1", "deleted");
	ck_assert_int_eq(stat(path, &before), 0);
	intent(j, "k2", "d2");
	intent(j, "k3", big);
	ck_assert_int_eq(journal_commit(j, &e), -1);
	ck_assert_int_eq(e.exit, EX_IOERR);
	ck_assert_ptr_nonnull(strstr(e.text, strerror(mounted ? ENOSPC : EFBIG)));
	ck_assert_ptr_nonnull(strstr(e.text, path));
	/* Back at the last whole batch; nothing of the failed one is left. */
	ck_assert_int_eq(stat(path, &after), 0);
	ck_assert_int_eq(after.st_size, before.st_size);
	expect(path, B("k1|d1|1700000000000|a|stale|open\n"));
	/* The result of what was deleted is not lost with it. */
	finish(j);
	expect(path, B("k1|d1|1700000000000|a|stale|deleted\n"));
	free(path);
	if (mounted)
		ck_assert_int_eq(umount2(dir, MNT_DETACH), 0);
}
END_TEST

START_TEST(no_room_at_open)
{
	struct journal_options o = options();
	struct error e = { 0 };
	char path[128];
	bool mounted = little_room();
	struct rlimit none = { 10, 10 };
	int fd;

	if (mounted) {
		char fill[65536] = { 0 };

		(void)snprintf(path, sizeof(path), "%s/fill", dir);
		ck_assert_int_ge((fd = open(path, O_CREAT | O_WRONLY, 0600)), 0);
		while (write(fd, fill, sizeof(fill)) > 0)
			continue;
		ck_assert_int_eq(close(fd), 0);
	} else
		ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &none), 0);
	ck_assert_ptr_null(journal_open(&o, &e));
	ck_assert_int_eq(e.exit, EX_CANTCREAT);
	if (mounted)
		ck_assert_int_eq(umount2(dir, MNT_DETACH), 0);
}
END_TEST

#define HEADER                                                                         \
	"{\"schema\":1,\"job\":\"reap-stale\",\"run\":\"0123abcd\",\"db\":3,"                  \
	"\"server_version\":70015,\"run_id\":\"beef\",\"started\":\"2026-01-01T00:00:00Z\"}\n"
#define INTENT(key)                                                                    \
	"{\"line\":\"intent\",\"key_b64\":\"" key "\",\"id\":\"a\",\"verdict\":\"stale\","     \
	"\"expiry\":5,\"dump\":\"ZA==\"}\n"

START_TEST(cut_off)
{
	static const char whole[] = HEADER INTENT("azE=") INTENT("azI=");
	char path[256];
	size_t n, two = sizeof(HEADER INTENT("azE=")) - 1;

	finish(open_journal());
	(void)snprintf(path, sizeof(path), "%s/cut", dir);
	/* Wherever a crash cut the last line, it counts as not there. */
	for (n = two; n < sizeof(whole) - 1; n++) {
		put("cut", (struct bytes){ whole, n });
		expect(path, B("k1|d|5|a|stale|open\n"));
	}
	put("cut", (struct bytes){ whole, n });
	expect(path, B("k1|d|5|a|stale|open\nk2|d|5|a|stale|open\n"));
	/* A tail of blocks that never reached the disk. */
	put("cut", (struct bytes){ HEADER INTENT("azE=") "\0\0\0\0", two + 4 });
	expect(path, B("k1|d|5|a|stale|open\n"));
}
END_TEST

static const struct {
	const char *text, *says;
} damaged[] = {
	{ "", ":1: has no header" },
	{ "{}", ":1: has no header" },
	{ "{}\n", ":1: is no header" },
	{ "[]\n", ":1: is no line" },
	{ "{\"schema\":2,\"job\":\"j\",\"run\":\"r\",\"db\":0,\"server_version\":1}\n",
	    ":1: is no header" },
	{ HEADER "rubbish\n", ":2: is no line" },
	{ HEADER INTENT("azE=") "\n" INTENT("azI="), ":3: is no line" },
	{ HEADER "{\"line\":\"intent\"}\n", ":2: has no readable key_b64" },
	{ HEADER INTENT("a!E="), ":2: has no readable key_b64" },
	{ HEADER "{\"line\":\"wish\",\"key_b64\":\"azE=\"}\n", ":2: is neither" },
	{ HEADER "{\"line\":\"result\",\"key_b64\":\"azE=\",\"result\":\"deleted\"}\n",
	    ":2: is the result of nothing" },
	{ HEADER "{\"line\":\"intent\",\"key_b64\":\"azE=\",\"id\":\"a\",\"expiry\":5}\n",
	    ":2: has no readable key_b64 and dump" },
	{ HEADER "{\"line\":\"intent\",\"key_b64\":\"azE=\",\"id\":\"a\",\"dump\":\"ZA==\"}\n",
	    ":2: has no readable expiry" },
	{ HEADER "{\"line\":\"intent\",\"key_b64\":\"azE=\",\"expiry\":5,\"dump\":\"ZA==\"}\n",
	    ":2: has no readable id" },
	{ HEADER "{\"line\":\"intent\",\"line\":\"intent\"}\n", ":2: is no line" },
};

START_TEST(data_errors)
{
	struct journal_header h;
	struct buf out = { 0 };
	struct error e = { 0 };
	char path[256];

	finish(open_journal());
	(void)snprintf(path, sizeof(path), "%s/damaged", dir);
	put("damaged", bytes_str(damaged[_i].text));
	ck_assert_int_eq(journal_read(path, &h, collect, &out, &e), -1);
	ck_assert_int_eq(e.exit, EX_DATAERR);
	ck_assert_msg(strstr(e.text, damaged[_i].says) != NULL, "%s", e.text);
	buf_free(&out);
}
END_TEST

START_TEST(not_a_file)
{
	struct journal_header h;
	struct error e = { 0 };
	char path[256];

	(void)snprintf(path, sizeof(path), "%s/none", top);
	ck_assert_int_eq(journal_read(path, &h, collect, NULL, &e), -1);
	ck_assert_int_eq(e.exit, EX_NOINPUT);
	ck_assert_int_eq(journal_read(top, &h, collect, NULL, &e), -1);
	ck_assert_int_eq(e.exit, EX_DATAERR);
	/* A FIFO without a writer must not hang the reader. */
	ck_assert_int_eq(mkfifo(path, 0600), 0);
	ck_assert_int_eq(journal_read(path, &h, collect, NULL, &e), -1);
	ck_assert_int_eq(e.exit, EX_DATAERR);
}
END_TEST

static int
third_fails(void *ctx, const struct journal_entry *entry)
{
	int *n = ctx;

	(void)entry;
	return ++*n == 3 ? 42 : 0;
}

START_TEST(reader_stops)
{
	struct journal_header h;
	struct error e = { 0 };
	struct journal *j = open_journal();
	char *path = strdup(journal_path(j));
	int n = 0;

	intent(j, "k1", "d");
	intent(j, "k2", "d");
	intent(j, "k3", "d");
	intent(j, "k4", "d");
	finish(j);
	ck_assert_int_eq(journal_read(path, &h, third_fails, &n, &e), 42);
	ck_assert_int_eq(n, 3);
	free(path);
}
END_TEST

Suite *
suite_journal(void)
{
	Suite *s = suite_create("journal");
	TCase *t = tcase_create("journal");

	tcase_set_timeout(t, 120);
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, round_trip);
	tcase_add_test(t, a_key_twice);
	tcase_add_test(t, on_disk_after_commit_only);
	tcase_add_test(t, empty_is_removed);
	tcase_add_test(t, prune_by_age);
	tcase_add_test(t, prune_by_size);
	tcase_add_test(t, cannot_create);
	tcase_add_test(t, no_room_at_commit);
	tcase_add_test(t, no_room_at_open);
	tcase_add_test(t, cut_off);
	tcase_add_loop_test(t, data_errors, 0, (int)(sizeof(damaged) / sizeof(damaged[0])));
	tcase_add_test(t, not_a_file);
	tcase_add_test(t, reader_stops);
	suite_add_tcase(s, t);
	return s;
}
