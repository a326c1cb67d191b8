#ifndef BASE_COMMAND_H_
#define BASE_COMMAND_H_

#include <stdint.h>

#include "base/bytes.h"

enum command_end {
	COMMAND_EXITED,   /* status holds the exit status */
	COMMAND_SIGNALED, /* status holds the signal */
	COMMAND_TIMEOUT,  /* it took too long: what it did is unknown */
	COMMAND_FAILED    /* could not be started: status holds errno */
};

struct command_result {
	enum command_end end;
	int status;
};

/**
 * command_run(command, env, input, output, output_max, timeout_ms):
 * Run ${command} through /bin/sh -c in a process group of its own with
 * ${input} on stdin (a reader that does not read is no error) and wait at most
 * ${timeout_ms}; then TERM, and after 2 s KILL, to the group. ${env} is a
 * NULL-terminated array of "NAME=VALUE" added to the environment, may be NULL.
 * stdout goes to ${output} up to ${output_max} bytes, the rest is read and
 * dropped, or, when ${output} is NULL, to stderr. No descriptor but 0, 1, 2 is
 * passed on, signals and the mask are reset to the default.
 */
struct command_result command_run(const char *command, const char *const *env,
    struct bytes input, struct buf *output, size_t output_max, int64_t timeout_ms);
/* The same without input and output, for a command that may start something
 * which is to live on: after ${timeout_ms} it is left alone, not ended. */
struct command_result command_run_leaving(const char *command, const char *const *env,
    int64_t timeout_ms);
/* "exited with status 3", "was ended by signal 9", "took longer than 10s". */
void command_describe(const struct command_result *r, int64_t timeout_ms, char *out,
    size_t size);

#endif
