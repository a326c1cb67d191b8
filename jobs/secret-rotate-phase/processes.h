#ifndef SECRET_ROTATE_PHASE_PROCESSES_H_
#define SECRET_ROTATE_PHASE_PROCESSES_H_

#include "effects.h"

/**
 * processes_look(ctx, s, e):
 * flow_ops. Enter into ${s} what the coordinators on this host run.
 *
 * Without check_command: the two variables in /proc/PID/environ of every
 * process that carries current_var, whoever it belongs to. Not counted: this
 * process, the ones that started it (a shell that has read the environment
 * file is no coordinator; but process 1 is), and those that it has started.
 * -1 with EX_NOPERM if a process but process 1 refuses to be looked at: it may
 * be one.
 *
 * With check_command: what it prints, a line a process, "SIGN OTHER", two
 * fingerprints, "-" where there is none. No line is no process. -1 if it does
 * not exit with 0 within command_timeout, or prints anything else.
 */
int processes_look(void *ctx, struct state *s, struct error *e);

/* The same for another directory than /proc, and without check_command. */
int processes_look_in(const struct effects *fx, const char *proc, struct state *s,
    struct error *e);
/* Enter what check_command printed. False if it is not of that form. */
bool processes_enter(struct bytes printed, struct state *s);

#endif
