#ifndef BASE_STATUS_H_
#define BASE_STATUS_H_

/*
 * Exit codes of every job. 0, 1 and 2 are the monitoring-plugin OK, WARNING
 * and CRITICAL; the others are those of <sysexits.h> (README, "Exit codes").
 */
#include <sysexits.h>

enum {
	EX_FINDINGS = 1, /* done, with findings that a person should see */
	EX_CRITICAL = 2, /* done in part, or a critical finding */
};

/*
 * One error on its way up: the exit code that it stands for and one sentence
 * that names the object. No function in shared/ prints an error that it
 * returns; whoever ends the run does. Zeroed means "no error".
 */
#define ERROR_TEXT_SIZE 480
struct error {
	int exit;
	char text[ERROR_TEXT_SIZE];
};

/**
 * error_set(e, exit, fmt, ...):
 * Store ${exit} and the formatted sentence in ${e} (cut, never overrun, at its
 * size). ${e} may be NULL. Always return -1, so that callers can write
 * "return error_set(...)".
 */
int error_set(struct error *e, int exit, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

#ifdef __clang_analyzer__
/* The analyzer sees one file at a time: that it returns -1 is told here, so that it does not
 * follow paths on which a failure looks like success. */
static inline int
error_is_set(int r)
{

	(void)r;
	return -1;
}
#define error_set(...) error_is_set(error_set(__VA_ARGS__))
#endif

#endif
