#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <regex.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include <check.h>
#include <jansson.h>

#include "support.h"

Suite *suite_log(void);

static struct scratch scratch;
static int real_stderr = -1;

/* From here on stderr is a file, "stderr" in the scratch directory. */
static void
setup(void)
{
	int fd;

	scratch_make(&scratch);
	fd = open(scratch_file(&scratch, "stderr"), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	ck_assert_int_ne(fd, -1);
	real_stderr = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
	ck_assert_int_eq(dup2(fd, STDERR_FILENO), STDERR_FILENO);
	(void)close(fd);
	(void)unsetenv("JOURNAL_STREAM");
	(void)unsetenv("NO_COLOR");
}

static void
teardown(void)
{
	(void)log_close();
	(void)dup2(real_stderr, STDERR_FILENO);
	(void)close(real_stderr);
	scratch_remove(&scratch);
}

static struct log_options
options(enum log_format format)
{
	return (struct log_options){ .job = "reap-stale", .run = "r1", .file = "",
	    .level = LOG_LEVEL_INFO, .format = format };
}

static void
open_log(const struct log_options *o)
{
	struct error e = { 0 };

	ck_assert_msg(log_open(o, &e) == 0, "%s", e.text);
}

/* Does all of the file match the extended regular expression? */
static void
ck_file_matches(const char *name, const char *pattern)
{
	struct buf b = get_file(scratch_file(&scratch, name)), whole = { 0 };
	regex_t re;

	buf_printf(&whole, "^%s$", pattern);
	ck_assert_int_eq(regcomp(&re, buf_cstr(&whole), REG_EXTENDED | REG_NOSUB), 0);
	ck_assert_msg(regexec(&re, buf_cstr(&b), 0, NULL, 0) == 0, "%s\nis not\n%s",
	    buf_cstr(&b), pattern);
	regfree(&re);
	buf_free(&whole);
	buf_free(&b);
}

#define TIME_LOCAL "[0-9]{2}:[0-9]{2}:[0-9]{2}"
#define TIME_UTC "[0-9]{4}-[0-9]{2}-[0-9]{2}T" TIME_LOCAL "\\.[0-9]{3}Z"

START_TEST(before_open)
{
	log_info("started", "hello %d", 1);
	log_debug("detail", "not shown");
	ck_file_matches("stderr", TIME_LOCAL " info hello 1\n");
}
END_TEST

START_TEST(human)
{
	struct log_options o = options(LOG_FORMAT_HUMAN);
	struct bytes key = B("a\n\033[31m\\\xff\"");

	open_log(&o);
	log_event(LOG_LEVEL_WARN, "odd-key", &key, "two\nlines");
	log_error("bad", "worse");
	ck_file_matches("stderr", TIME_LOCAL
	    " warn two\\\\x0alines \\[a\\\\x0a\\\\x1b\\[31m\\\\x5c\\\\xff\"\\]\n" TIME_LOCAL
	    " error worse\n");
}
END_TEST

/* A key that stands in the text is not said twice to a person. */
START_TEST(human_named_in_text)
{
	struct log_options o = options(LOG_FORMAT_HUMAN);
	struct bytes key = B("k:1"), other = B("k:12");

	open_log(&o);
	log_event(LOG_LEVEL_WARN, "one", &key, "key k:1 is odd");
	log_event(LOG_LEVEL_WARN, "two", &other, "key k:1 is odd");
	/* As a word: the longer name does not stand for the shorter. */
	log_event(LOG_LEVEL_WARN, "three", &key, "key k:12 is odd");
	log_event(LOG_LEVEL_WARN, "four", &key, "k:1: odd");
	ck_file_matches("stderr", TIME_LOCAL " warn key k:1 is odd\n" TIME_LOCAL
	    " warn key k:1 is odd \\[k:12\\]\n" TIME_LOCAL
	    " warn key k:12 is odd \\[k:1\\]\n" TIME_LOCAL " warn k:1: odd\n");
}
END_TEST

START_TEST(logfmt)
{
	struct log_options o = options(LOG_FORMAT_LOGFMT);
	struct bytes key = B("k \"q\"\0");

	open_log(&o);
	log_event(LOG_LEVEL_ERROR, "odd-key", &key, "say \"%s\"\n", "x");
	log_info("done", "all well");
	ck_file_matches("stderr", "time=" TIME_UTC
	    " level=error job=reap-stale run=r1 event=odd-key msg=\"say \\\\\"x\\\\\"\\\\x0a\""
	    " key=\"k \\\\\"q\\\\\"\\\\x00\"\ntime=" TIME_UTC
	    " level=info job=reap-stale run=r1 event=done msg=\"all well\"\n");
}
END_TEST

/* The last line of stderr as JSON. */
static json_t *
last_json(void)
{
	struct buf b = get_file(scratch_file(&scratch, "stderr"));
	json_error_t error;
	size_t at = b.n - 1;
	json_t *j;

	while (at > 0 && b.p[at - 1] != '\n')
		at--;
	j = json_loadb(b.p + at, b.n - at, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &error);
	ck_assert_msg(j != NULL, "%s: %s", error.text, b.p + at);
	buf_free(&b);
	return j;
}

START_TEST(json)
{
	struct log_options o = options(LOG_FORMAT_JSON);
	struct bytes key = B("caf\xc3\xa9\"\\\n\x7f\xc2\x9b");
	json_t *j;

	open_log(&o);
	log_event(LOG_LEVEL_WARN, "odd-key", &key, "text \"%s\"", "\x01\t");
	j = last_json();
	ck_assert_str_eq(json_string_value(json_object_get(j, "level")), "warn");
	ck_assert_str_eq(json_string_value(json_object_get(j, "job")), "reap-stale");
	ck_assert_str_eq(json_string_value(json_object_get(j, "run")), "r1");
	ck_assert_str_eq(json_string_value(json_object_get(j, "event")), "odd-key");
	ck_assert_str_eq(json_string_value(json_object_get(j, "msg")), "text \"\x01\t\"");
	ck_assert_str_eq(json_string_value(json_object_get(j, "key")), key.p);
	ck_assert_uint_eq(json_object_size(j), 7);
	json_decref(j);
}
END_TEST

START_TEST(json_bytes_that_are_no_text)
{
	struct log_options o = options(LOG_FORMAT_JSON);
	struct bytes key = B("\xff\0k");
	json_t *j;

	open_log(&o);
	log_event(LOG_LEVEL_WARN, "odd-key", &key, "\xfe");
	j = last_json();
	ck_assert_str_eq(json_string_value(json_object_get(j, "msg")), "\\xfe");
	ck_assert_str_eq(json_string_value(json_object_get(j, "key_b64")), "/wBr");
	ck_assert_ptr_null(json_object_get(j, "key"));
	json_decref(j);
}
END_TEST

/* Any bytes whatever make one line that JSON readers take. */
START_TEST(json_random)
{
	struct log_options o = options(LOG_FORMAT_JSON);
	char raw[40];
	struct bytes key = { raw, 0 };
	struct dice d;
	json_t *j;
	int i;

	open_log(&o);
	dice_seed(&d, "log json");
	for (i = 0; i < 500; i++) {
		key.n = dice_below(&d, sizeof(raw));
		dice_fill(&d, raw, key.n);
		if (i % 2 == 0 && key.n > 0)
			raw[dice_below(&d, key.n)] &= 0x1f;
		ck_assert_int_eq(truncate(scratch_file(&scratch, "stderr"), 0), 0);
		log_event(LOG_LEVEL_INFO, "random", &key, "%.*s", (int)key.n, raw);
		j = last_json();
		if (bytes_is_utf8(key))
			ck_assert_int_eq(memcmp(json_string_value(json_object_get(j, "key")), raw,
			    key.n), 0);
		else
			ck_assert_ptr_nonnull(json_object_get(j, "key_b64"));
		json_decref(j);
	}
}
END_TEST

START_TEST(auto_is_logfmt_on_a_file)
{
	struct log_options o = options(LOG_FORMAT_AUTO);

	(void)setenv("JOURNAL_STREAM", "1:2", 1);
	open_log(&o);
	log_info("done", "x");
	ck_file_matches("stderr", "time=.* event=done msg=\"x\"\n");
}
END_TEST

START_TEST(auto_knows_the_journal)
{
	struct log_options o = options(LOG_FORMAT_AUTO);
	struct stat st;
	char stream[64];
	struct bytes key = B("a b\n");

	ck_assert_int_eq(fstat(STDERR_FILENO, &st), 0);
	(void)snprintf(stream, sizeof(stream), "%ju:%ju", (uintmax_t)st.st_dev,
	    (uintmax_t)st.st_ino);
	(void)setenv("JOURNAL_STREAM", stream, 1);
	o.level = LOG_LEVEL_DEBUG;
	open_log(&o);
	log_error("e", "one");
	log_warn("w", "two");
	log_event(LOG_LEVEL_INFO, "i", &key, "three");
	log_debug("d", "four");
	ck_file_matches("stderr", "<3>one event=e run=r1\n<4>two event=w run=r1\n"
	    "<6>three key=\"a b\\\\x0a\" event=i run=r1\n<7>four event=d run=r1\n");
}
END_TEST

/* Put a terminal at stderr; its other side is returned. */
static int
terminal(void)
{
	struct termios raw;
	int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC), slave;

	ck_assert_int_ne(master, -1);
	ck_assert_int_eq(grantpt(master), 0);
	ck_assert_int_eq(unlockpt(master), 0);
	slave = open(ptsname(master), O_RDWR | O_NOCTTY | O_CLOEXEC);
	ck_assert_int_ne(slave, -1);
	ck_assert_int_eq(tcgetattr(slave, &raw), 0);
	cfmakeraw(&raw);
	ck_assert_int_eq(tcsetattr(slave, TCSANOW, &raw), 0);
	ck_assert_int_eq(dup2(slave, STDERR_FILENO), STDERR_FILENO);
	(void)close(slave);
	return master;
}

static const struct {
	const char *term, *no_color;
	const char *level; /* what the line has in its middle */
} terminals[] = {
	{ "xterm", NULL, " \033[31merror\033[0m " },
	{ "xterm", "", " \033[31merror\033[0m " },
	{ "xterm", "1", " error " },
	{ "dumb", NULL, " error " },
	{ NULL, NULL, " error " },
};

START_TEST(auto_is_human_on_a_terminal)
{
	struct log_options o = options(LOG_FORMAT_AUTO);
	int master = terminal();
	char line[256];
	ssize_t n;

	if (terminals[_i].term != NULL)
		(void)setenv("TERM", terminals[_i].term, 1);
	else
		(void)unsetenv("TERM");
	if (terminals[_i].no_color != NULL)
		(void)setenv("NO_COLOR", terminals[_i].no_color, 1);
	open_log(&o);
	log_error("bad", "worse");
	n = read(master, line, sizeof(line) - 1);
	ck_assert_int_gt(n, 0);
	line[n] = '\0';
	ck_assert_msg(strstr(line, terminals[_i].level) != NULL, "%s", line);
	ck_assert_ptr_nonnull(strstr(line, " worse\n"));
	(void)close(master);
}
END_TEST

START_TEST(levels)
{
	struct log_options o = options(LOG_FORMAT_HUMAN);
	static const char *const said[] = {
		TIME_LOCAL " error x\n", TIME_LOCAL " warn x\n", TIME_LOCAL " info x\n",
		TIME_LOCAL " debug x\n",
	};
	struct buf expected = { 0 };
	int level;

	o.level = (enum log_level)_i;
	open_log(&o);
	for (level = LOG_LEVEL_ERROR; level <= LOG_LEVEL_DEBUG; level++) {
		ck_assert_int_eq(log_wants((enum log_level)level), level <= _i);
		log_event((enum log_level)level, "e", NULL, "x");
		if (level <= _i)
			buf_str(&expected, said[level]);
	}
	ck_file_matches("stderr", buf_cstr(&expected));
	buf_free(&expected);
}
END_TEST

START_TEST(file_too)
{
	struct log_options o = options(LOG_FORMAT_AUTO);
	struct stat st;

	o.file = scratch_file(&scratch, "log");
	put_file(o.file, B("before\n"), 0600);
	open_log(&o);
	log_info("done", "x");
	ck_assert_int_eq(log_close(), 0);
	ck_file_matches("log", "before\ntime=.* msg=\"x\"\n");
	ck_file_matches("stderr", "time=.* msg=\"x\"\n");
	/* Closed is closed: the next line is for stderr alone. */
	log_info("done", "y");
	ck_file_matches("log", "before\ntime=.* msg=\"x\"\n");
	o.file = scratch_file(&scratch, "new");
	(void)umask(0);
	open_log(&o);
	ck_assert_int_eq(stat(o.file, &st), 0);
	ck_assert_int_eq(st.st_mode & 07777, 0640);
}
END_TEST

START_TEST(file_has_no_priority_and_no_colour)
{
	struct log_options o = options(LOG_FORMAT_HUMAN);
	int master = terminal();

	(void)setenv("TERM", "xterm", 1);
	o.file = scratch_file(&scratch, "log");
	open_log(&o);
	log_error("bad", "worse");
	ck_file_matches("log", TIME_LOCAL " error worse\n");
	(void)close(master);
}
END_TEST

START_TEST(file_cannot_be_opened)
{
	struct log_options o = options(LOG_FORMAT_HUMAN);
	struct error e = { 0 };

	o.file = scratch_file(&scratch, "no/such/dir");
	ck_assert_int_eq(log_open(&o, &e), -1);
	ck_assert_int_eq(e.exit, EX_CANTCREAT);
	ck_assert_ptr_nonnull(strstr(e.text, "no/such/dir"));
	ck_assert_ptr_nonnull(strstr(e.text, "No such file"));
	log_info("done", "still on stderr");
	ck_file_matches("stderr", TIME_LOCAL " info still on stderr\n");
	ck_assert_int_eq(log_close(), 0);
}
END_TEST

/* Nobody reads it: refused at once, not waited for. */
START_TEST(file_is_a_fifo)
{
	struct log_options o = options(LOG_FORMAT_HUMAN);
	struct error e = { 0 };

	o.file = scratch_file(&scratch, "fifo");
	ck_assert_int_eq(mkfifo(o.file, 0600), 0);
	ck_assert_int_eq(log_open(&o, &e), -1);
	ck_assert_int_eq(e.exit, EX_CANTCREAT);
}
END_TEST

START_TEST(file_is_full)
{
	struct log_options o = options(LOG_FORMAT_HUMAN);

	o.file = "/dev/full";
	open_log(&o);
	ck_assert_int_eq(log_close(), 0);
	open_log(&o);
	log_info("done", "x");
	ck_assert_int_eq(log_close(), -1);
	ck_assert_int_eq(log_close(), 0);
	ck_file_matches("stderr", TIME_LOCAL " info x\n");
}
END_TEST

START_TEST(floods_are_counted)
{
	struct log_options o = options(LOG_FORMAT_HUMAN);
	int i;

	o.repeat_limit = 2;
	o.file = scratch_file(&scratch, "log");
	open_log(&o);
	for (i = 0; i < 5; i++) {
		log_warn("many", "w%d", i);
		log_debug("below-the-level", "d");
	}
	for (i = 0; i < 3; i++)
		log_info("one-more", "i%d", i);
	log_info("few", "f");
	log_info("few", "f");
	ck_assert_int_eq(log_close(), 0);
	ck_file_matches("log",
	    TIME_LOCAL " warn w0\n" TIME_LOCAL " warn w1\n"
	    TIME_LOCAL " info i0\n" TIME_LOCAL " info i1\n"
	    TIME_LOCAL " info f\n" TIME_LOCAL " info f\n"
	    TIME_LOCAL " warn 3 more lines of this event not written\n"
	    TIME_LOCAL " info 1 more line of this event not written\n");
	/* A new log counts anew. */
	open_log(&o);
	log_warn("many", "again");
	ck_assert_int_eq(log_close(), 0);
	ck_file_matches("stderr", "(.*\n)* warn again\n|(.*\n)*" TIME_LOCAL " warn again\n");
}
END_TEST

START_TEST(no_limit)
{
	struct log_options o = options(LOG_FORMAT_HUMAN);
	struct buf b;
	int i;

	open_log(&o);
	for (i = 0; i < 1000; i++)
		log_warn("many", "w");
	ck_assert_int_eq(log_close(), 0);
	b = get_file(scratch_file(&scratch, "stderr"));
	ck_assert_uint_eq(b.n, 1000 * strlen("12:34:56 warn w\n"));
	buf_free(&b);
}
END_TEST

START_TEST(long_lines_are_whole)
{
	struct log_options o = options(LOG_FORMAT_HUMAN);
	size_t sizes[] = { 510, 511, 512, 513, 100000 }, i;
	struct buf b;
	char *text;

	open_log(&o);
	for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		ck_assert_int_eq(truncate(scratch_file(&scratch, "stderr"), 0), 0);
		text = malloc(sizes[i] + 1);
		memset(text, 'x', sizes[i]);
		text[sizes[i]] = '\0';
		log_info("long", "%s", text);
		b = get_file(scratch_file(&scratch, "stderr"));
		ck_assert_uint_eq(b.n, sizes[i] + strlen("12:34:56 info \n"));
		buf_free(&b);
		free(text);
	}
}
END_TEST

START_TEST(keeps_errno)
{
	struct log_options o = options(LOG_FORMAT_HUMAN);

	o.file = "/dev/full";
	o.repeat_limit = 1;
	open_log(&o);
	errno = EPROTO;
	log_info("x", "%s", strerror(errno));
	ck_assert_int_eq(errno, EPROTO);
	log_info("x", "over the limit");
	log_debug("x", "below the level");
	ck_assert_int_eq(errno, EPROTO);
	ck_file_matches("stderr", TIME_LOCAL " info Protocol error\n");
}
END_TEST

/* Lines of several processes into one file do not mix. */
START_TEST(lines_do_not_mix)
{
	enum { WRITERS = 4, LINES = 500 };
	struct log_options o = options(LOG_FORMAT_HUMAN);
	struct buf b;
	size_t at, end, lines = 0;
	char text[301];
	pid_t pid[WRITERS];
	int i, k, status;

	o.file = scratch_file(&scratch, "log");
	for (i = 0; i < WRITERS; i++) {
		pid[i] = fork();
		ck_assert_int_ne(pid[i], -1);
		if (pid[i] > 0)
			continue;
		(void)log_open(&o, NULL);
		memset(text, 'a' + i, sizeof(text) - 1);
		text[sizeof(text) - 1] = '\0';
		for (k = 0; k < LINES; k++)
			log_info("x", "%s", text);
		_exit(log_close() == 0 ? 0 : 1);
	}
	for (i = 0; i < WRITERS; i++) {
		ck_assert_int_eq(waitpid(pid[i], &status, 0), pid[i]);
		ck_assert_int_eq(status, 0);
	}
	b = get_file(o.file);
	for (at = 0; at < b.n; at = end + 1, lines++) {
		end = bytes_find(buf_view(&b), '\n', at);
		ck_assert_uint_eq(end - at, strlen("12:34:56 info ") + 300);
	}
	ck_assert_uint_eq(lines, WRITERS * LINES);
	buf_free(&b);
}
END_TEST

Suite *
suite_log(void)
{
	Suite *s = suite_create("base/log");
	TCase *t = tcase_create("log");

	tcase_set_timeout(t, 120);
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, before_open);
	tcase_add_test(t, human);
	tcase_add_test(t, human_named_in_text);
	tcase_add_test(t, logfmt);
	tcase_add_test(t, json);
	tcase_add_test(t, json_bytes_that_are_no_text);
	tcase_add_test(t, json_random);
	tcase_add_test(t, auto_is_logfmt_on_a_file);
	tcase_add_test(t, auto_knows_the_journal);
	tcase_add_loop_test(t, auto_is_human_on_a_terminal, 0,
	    (int)(sizeof(terminals) / sizeof(terminals[0])));
	tcase_add_loop_test(t, levels, 0, 4);
	tcase_add_test(t, file_too);
	tcase_add_test(t, file_has_no_priority_and_no_colour);
	tcase_add_test(t, file_cannot_be_opened);
	tcase_add_test(t, file_is_a_fifo);
	tcase_add_test(t, file_is_full);
	tcase_add_test(t, floods_are_counted);
	tcase_add_test(t, no_limit);
	tcase_add_test(t, long_lines_are_whole);
	tcase_add_test(t, keeps_errno);
	tcase_add_test(t, lines_do_not_mix);
	suite_add_tcase(s, t);
	return s;
}
