#ifndef BASE_LOG_H_
#define BASE_LOG_H_

#include <stdbool.h>

#include "base/bytes.h"
#include "base/status.h"

/* The log of a run: the one piece of global state in a job. Before log_open()
 * lines go to stderr in the human form from level info up. */
enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARN, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };
enum log_format { LOG_FORMAT_AUTO, LOG_FORMAT_HUMAN, LOG_FORMAT_LOGFMT, LOG_FORMAT_JSON };

struct log_options {
	const char *job;      /* program name, for every line */
	const char *run;      /* run id */
	const char *file;     /* append here too ("" = stderr only); opened now */
	enum log_level level; /* lines above it are dropped */
	enum log_format format;
	int repeat_limit;     /* lines of one event, then only counted; 0 = no limit */
};

/**
 * log_open(options, error):
 * Choose the form (auto: "<N>"-prefixed for the journal when JOURNAL_STREAM
 * names stderr (systemd.exec(5)), human on a terminal, else logfmt with an RFC
 * 3339 UTC time; the file has logfmt then) and open the file. Strings in
 * ${options} must outlive the log; SIGPIPE is the caller's to ignore.
 * Return 0, or -1 with ${error} (EX_CANTCREAT, names the file).
 */
int log_open(const struct log_options *options, struct error *error);
/* Write the counts of what repeat_limit suppressed, close the file. Returns -1
 * if any line could not be written since log_open: to the file, or to a standard error whose disk is
 * full or fails (a terminal or a pipe that went away is nobody's record). */
int log_close(void);
/* Has a line failed to be written so far, as above? */
bool log_failed(void);

bool log_wants(enum log_level level);

/**
 * log_event(level, event, key, fmt, ...):
 * One line. ${event} is a constant kebab-case name; lines of one event beyond
 * repeat_limit are counted and not written. ${key} (may be NULL) is the Redis
 * key or id that it is about: escaped in the human and logfmt forms; in JSON
 * "key", or "key_b64" when it is not UTF-8. The text is escaped too.
 */
void log_event(enum log_level level, const char *event, const struct bytes *key,
    const char *fmt, ...) __attribute__((format(printf, 4, 5)));

#define log_error(event, ...) log_event(LOG_LEVEL_ERROR, event, NULL, __VA_ARGS__)
#define log_warn(event, ...) log_event(LOG_LEVEL_WARN, event, NULL, __VA_ARGS__)
#define log_info(event, ...) log_event(LOG_LEVEL_INFO, event, NULL, __VA_ARGS__)
#define log_debug(event, ...) log_event(LOG_LEVEL_DEBUG, event, NULL, __VA_ARGS__)

#endif
