#ifndef BASE_COMMAND_CHILD_H_
#define BASE_COMMAND_CHILD_H_

#include <stdbool.h>

#include <sys/types.h>

/* A started command: its process, which leads a group of its own, and our ends
 * of its pipes (non-blocking, above 2). */
struct command_child {
	pid_t pid;
	int input;  /* to its stdin */
	int output; /* from its stdout, -1 if that goes to stderr */
};

/* Start ${command}; see command_run. 0, or -1 with errno and nothing open. */
int command_child_start(struct command_child *c, const char *command,
    const char *const *env, bool want_output);

#endif
