#ifndef SECRET_ROTATE_PHASE_COMMANDS_H_
#define SECRET_ROTATE_PHASE_COMMANDS_H_

#include "base/command.h"

#include "effects.h"

/*
 * The commands of [secret-rotate-phase]. None of them inherits a secret: the
 * two variables of the coordinators are taken out of this process's own
 * environment first, and the limit on core files is what it was when the run
 * was started, since a command may start a coordinator that inherits it.
 */

/* Run ${command} for at most command_timeout; ${env}, ${output}, ${max} as in command_run(). */
struct command_result commands_run(const struct effects *fx, const char *command,
    const char *const *env, struct buf *output, size_t max);

/**
 * commands_reload(ctx, e), commands_restart(ctx, e):
 * flow_ops. How the command ended is logged and is no evidence, neither of
 * success nor of failure (one that took too long may have done its work): the
 * caller looks. One that takes longer than command_timeout is left alone: it may
 * be about to start a coordinator, or be one. -1 only if it could not be started at all. An empty command
 * does nothing. After a reload the processes get up to three seconds to show
 * what the file says, so that one that answers a signal is not restarted.
 */
int commands_reload(void *ctx, struct error *e);
int commands_restart(void *ctx, struct error *e);
/* flow_ops: wait a moment, longer with each of ${tries}; false after 15 seconds in all, or when
 * the run has to end. */
bool commands_settle(void *ctx, int tries);

#endif
