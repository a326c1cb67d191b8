#ifndef BASE_LOG_LINE_H_
#define BASE_LOG_LINE_H_

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/log.h"

/* The forms of a line. LOG_LINE_JOURNAL leaves out what the journal adds. */
enum log_line_form { LOG_LINE_HUMAN, LOG_LINE_JOURNAL, LOG_LINE_LOGFMT, LOG_LINE_JSON };

struct log_line {
	enum log_level level;
	int64_t wall_ms;
	const char *job;
	const char *run;
	const char *event;
	const struct bytes *key; /* may be NULL */
	struct bytes text;
};

/* Append the line with its newline; ${colour} matters to the human form only. */
void log_line_append(struct buf *out, const struct log_line *line, enum log_line_form form,
    bool colour);

#endif
