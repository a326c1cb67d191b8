#ifndef JOB_OPTIONS_H_
#define JOB_OPTIONS_H_

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"
#include "job/run.h"

enum command {
	COMMAND_RUN,
	COMMAND_PAUSE,
	COMMAND_RESUME,
	COMMAND_CHECK_CONFIG,
	COMMAND_PRINT_CONFIG,
	COMMAND_PRINT_ANNOTATED,
	COMMAND_PRINT_MDOC,
	COMMAND_HELP,
	COMMAND_VERSION
};
enum progress_mode { PROGRESS_AUTO, PROGRESS_ALWAYS, PROGRESS_NEVER };

/* The command line. Strings are those of argv. */
struct options {
	enum command command;
	bool dry, quiet, verbose, json;
	int force;                /* how many times it was given */
	enum progress_mode progress;
	const char *config;       /* NULL = not given */
	const char *wait, *max_runtime; /* as given, checked to be durations; NULL = not given */
	const char **set;         /* --set, in order */
	size_t set_n;
	int64_t pause_ms;
	const char *reason;
	bool read_only;           /* a mode of the job that changes nothing */
	bool in_pause;            /* one that no pause stops */
	int64_t own_runtime;      /* ms, a mode's own max_runtime; 0 = the job's */
	void *job;                /* the job's options struct */
};

/**
 * options_parse(job, argc, argv, o, e):
 * Read the command line. -1 with EX_USAGE and one sentence: an unknown or abbreviated option, a
 * missing, empty or malformed argument, an argument too many, options that exclude each other, one
 * that takes a value given twice. ${o} is filled as far as was read, so that --format json counts.
 * Free with options_free, also after an error.
 */
int options_parse(const struct job *job, int argc, char **argv, struct options *o,
    struct error *e);
void options_free(struct options *o);

/* The text of --help. */
void options_help(const struct job *job, struct buf *out);

#endif
