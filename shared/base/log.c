#include "base/log.h"

#include <sys/stat.h>

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/log_line.h"

/* How often one event has been asked for. */
struct event {
	char *name;
	int64_t lines;
	enum log_level level; /* of the last line */
	struct event *next;
};

static struct {
	struct log_options options;
	enum log_line_form form;      /* on stderr */
	enum log_line_form file_form;
	bool colour;
	int fd; /* the file, -1 = none */
	bool failed;
	struct event *events, **events_end;
} the_log = {
	.options = { .job = "", .run = "", .file = "", .level = LOG_LEVEL_INFO },
	.form = LOG_LINE_HUMAN,
	.fd = -1,
	.events_end = &the_log.events,
};

/* Does JOURNAL_STREAM ("device:inode") name our stderr? */
static bool
stderr_is_journal(void)
{
	const char *s = getenv("JOURNAL_STREAM");
	char own[64];
	struct stat st;

	if (s == NULL || fstat(STDERR_FILENO, &st) == -1)
		return false;
	(void)snprintf(own, sizeof(own), "%" PRIuMAX ":%" PRIuMAX, (uintmax_t)st.st_dev,
	    (uintmax_t)st.st_ino);
	return strcmp(s, own) == 0;
}

static bool
stderr_has_colour(void)
{
	const char *no = getenv("NO_COLOR"), *term = getenv("TERM");

	return isatty(STDERR_FILENO) && (no == NULL || no[0] == '\0') && term != NULL &&
	    strcmp(term, "dumb") != 0;
}

static void
choose_forms(enum log_format format)
{
	switch (format) {
	case LOG_FORMAT_AUTO:
		the_log.form = stderr_is_journal() ? LOG_LINE_JOURNAL :
		    isatty(STDERR_FILENO) ? LOG_LINE_HUMAN : LOG_LINE_LOGFMT;
		the_log.file_form = LOG_LINE_LOGFMT;
		break;
	case LOG_FORMAT_HUMAN:
		the_log.form = the_log.file_form = LOG_LINE_HUMAN;
		break;
	case LOG_FORMAT_LOGFMT:
		the_log.form = the_log.file_form = LOG_LINE_LOGFMT;
		break;
	case LOG_FORMAT_JSON:
		the_log.form = the_log.file_form = LOG_LINE_JSON;
		break;
	}
	the_log.colour = stderr_has_colour();
}

int
log_open(const struct log_options *options, struct error *error)
{
	const char *file = options->file == NULL ? "" : options->file;

	(void)log_close();
	the_log.options = *options;
	if (options->job == NULL)
		the_log.options.job = "";
	if (options->run == NULL)
		the_log.options.run = "";
	choose_forms(options->format);
	if (file[0] == '\0')
		return 0;
	the_log.fd = file_append(file, 0640);
	if (the_log.fd == -1)
		return error_set(error, EX_CANTCREAT, "cannot open log file %s: %s", file,
		    strerror(errno));
	return 0;
}

/* Write all of ${line}; in one write(2) unless the kernel cuts it. */
static int
write_line(int fd, struct bytes line)
{
	struct pollfd pfd = { .fd = fd, .events = POLLOUT };
	bool waited = false;
	ssize_t n;

	while (line.n > 0) {
		n = write(fd, line.p, line.n);
		if (n >= 0) {
			line = bytes_from(line, (size_t)n);
		} else if (errno == EAGAIN && !waited) {
			/* A full pipe gets a moment, not the run's time. */
			waited = true;
			(void)poll(&pfd, 1, 1000);
		} else if (errno != EINTR) {
			return -1;
		}
	}
	return 0;
}

/* Form the line and write it to ${fd}. */
static int
emit(int fd, const struct log_line *line, enum log_line_form form, bool colour)
{
	struct buf out = { 0 };
	char poor[128];
	int r;

	log_line_append(&out, line, form, colour);
	if (out.failed) {
		(void)snprintf(poor, sizeof(poor), "no memory for a log line, event=%s\n",
		    line->event);
		(void)write_line(fd, bytes_str(poor));
		r = -1;
	} else {
		r = write_line(fd, buf_view(&out));
	}
	buf_free(&out);
	return r;
}

static void
write_event(enum log_level level, const char *event, const struct bytes *key,
    struct bytes text)
{
	struct log_line line = {
		.level = level,
		.wall_ms = clock_wall_ms(),
		.job = the_log.options.job,
		.run = the_log.options.run,
		.event = event,
		.key = key,
		.text = text,
	};

	/* A terminal or a pipe that went away is nobody's record; a file that is full is. */
	if (emit(STDERR_FILENO, &line, the_log.form, the_log.colour) == -1 &&
	    (errno == ENOSPC || errno == EDQUOT || errno == EIO))
		the_log.failed = true;
	if (the_log.fd != -1 && emit(the_log.fd, &line, the_log.file_form, false) == -1)
		the_log.failed = true;
}

/* Count one more line of ${event}; false once that is over the limit. */
static bool
within_limit(const char *event, enum log_level level)
{
	struct event *e;

	if (the_log.options.repeat_limit <= 0)
		return true;
	for (e = the_log.events; e != NULL; e = e->next) {
		if (strcmp(e->name, event) == 0)
			break;
	}
	if (e == NULL) {
		e = calloc(1, sizeof(*e));
		if (e == NULL || (e->name = strdup(event)) == NULL) {
			free(e);
			return true;
		}
		*the_log.events_end = e;
		the_log.events_end = &e->next;
	}
	e->level = level;
	return ++e->lines <= the_log.options.repeat_limit;
}

int
log_close(void)
{
	struct event *e;
	int64_t more;
	char text[128];
	int r;

	while ((e = the_log.events) != NULL) {
		the_log.events = e->next;
		more = e->lines - the_log.options.repeat_limit;
		if (more > 0) {
			(void)snprintf(text, sizeof(text),
			    "%" PRId64 " more line%s of this event not written", more,
			    more == 1 ? "" : "s");
			write_event(e->level, e->name, NULL, bytes_str(text));
		}
		free(e->name);
		free(e);
	}
	the_log.events_end = &the_log.events;
	/* A network file system tells some write errors only here. */
	if (the_log.fd != -1 && close(the_log.fd) == -1)
		the_log.failed = true;
	the_log.fd = -1;
	r = the_log.failed ? -1 : 0;
	the_log.failed = false;
	return r;
}

bool
log_failed(void)
{
	return the_log.failed;
}

bool
log_wants(enum log_level level)
{
	return level <= the_log.options.level;
}

void
log_event(enum log_level level, const char *event, const struct bytes *key,
    const char *fmt, ...)
{
	int saved = errno;
	char text[512], *more = NULL;
	struct bytes said = B("(this line could not be formatted)");
	va_list ap;
	int n;

	if (!log_wants(level) || !within_limit(event, level))
		goto done;
	va_start(ap, fmt);
	n = vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (n >= 0)
		said = (struct bytes){ text, (size_t)n };
	if (n >= (int)sizeof(text)) {
		said.n = sizeof(text) - 1;
		more = malloc((size_t)n + 1);
		if (more != NULL) {
			va_start(ap, fmt);
			(void)vsnprintf(more, (size_t)n + 1, fmt, ap);
			va_end(ap);
			said = (struct bytes){ more, (size_t)n };
		}
	}
	write_event(level, event, key, said);
	free(more);
done:
	errno = saved;
}
