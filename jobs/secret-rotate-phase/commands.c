#include "commands.h"

#include <sys/resource.h>

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "job/guard.h"

#include "local.h"
#include "processes.h"

#define SETTLE_TRIES 12
#define SETTLE_MAX 2000 /* ms */
#define RELOAD_TRIES 5  /* 3.1 s in all */

/* The variable goes, and what it held: unsetenv() alone leaves the bytes. */
static void
forget_variable(const char *name)
{
	char *value = getenv(name);

	if (value != NULL)
		explicit_bzero(value, strlen(value));
	(void)unsetenv(name);
}

/* The run set its soft limit on core files to 0. The child raises its own
 * again, in the shell that runs the command: this process never does. */
static void
restore_core_limit(const struct run *run, struct buf *out)
{
	rlim_t was = run == NULL ? 0 : guard_core_limit(run);

	if (was == RLIM_INFINITY)
		buf_str(out, "ulimit -S -c unlimited 2>/dev/null\n");
	else if (was > 0)
		buf_printf(out, "ulimit -S -c %" PRIuMAX " 2>/dev/null\n", (uintmax_t)was / 512);
}

/* ${command}, with what a command gets that may start something which outlives the run. */
static const char *
script_of(const struct effects *fx, const char *command, struct buf *script)
{
	forget_variable(fx->settings->secrets.current_var);
	forget_variable(fx->settings->secrets.other_var);
	restore_core_limit(fx->run, script);
	buf_str(script, command);
	return buf_cstr(script);
}

struct command_result
commands_run(const struct effects *fx, const char *command, const char *const *env,
    struct buf *output, size_t max)
{
	struct command_result r = { COMMAND_FAILED, ENOMEM };
	struct bytes no_input = { NULL, 0 };
	struct buf script = { 0 };

	if (script_of(fx, command, &script) != NULL)
		r = command_run(buf_cstr(&script), env, no_input, output, max,
		    fx->settings->rotate.command_timeout);
	buf_free(&script);
	return r;
}

/* Run what (re)starts coordinators. One that takes too long is not ended: it
 * may be about to start a coordinator, or be one, and would take it down. */
static struct command_result
run_leaving(const struct effects *fx, const char *command)
{
	struct command_result r = { COMMAND_FAILED, ENOMEM };
	struct buf script = { 0 };

	/* The run's own umask is for its own files. */
	buf_str(&script, "umask 022\n");
	if (script_of(fx, command, &script) != NULL)
		r = command_run_leaving(buf_cstr(&script), NULL,
		    fx->settings->rotate.command_timeout);
	buf_free(&script);
	return r;
}

static int
activate(const struct effects *fx, const char *name, const char *command, struct error *e)
{
	struct command_result r;
	char how[160];

	if (fx->dry || command[0] == '\0')
		return 0;
	log_info("command", "%s: %s", name, command);
	r = run_leaving(fx, command);
	if (r.end == COMMAND_EXITED && r.status == 0)
		return 0;
	command_describe(&r, fx->settings->rotate.command_timeout, how, sizeof(how));
	if (r.end == COMMAND_FAILED)
		return error_set(e, EX_CRITICAL, "%s %s: %s", name, how, command);
	log_warn("command-failed", "%s %s: %s; what counts is what the processes run", name, how,
	    command);
	return 0;
}

/* Does every process run what the file says? What cannot be looked at is for the caller. */
static bool
all_run_the_file(void *ctx)
{
	struct state s = { 0 };
	struct error e = { 0 };
	size_t i;

	if (processes_look(ctx, &s, &e) == -1 || local_look_file(ctx, &s.file, &e) == -1)
		return true;
	for (i = 0; i < s.pairs && i < PAIRS_MAX; i++) {
		if (!pair_same(&s.pair[i], &s.file))
			return false;
	}
	return s.processes > 0 && s.pairs <= PAIRS_MAX;
}

int
commands_reload(void *ctx, struct error *e)
{
	const struct effects *fx = ctx;
	const char *command = fx->settings->rotate.reload_command;
	int tries;

	if (activate(fx, "reload_command", command, e) == -1)
		return -1;
	if (fx->dry || command[0] == '\0')
		return 0;
	for (tries = 0; tries < RELOAD_TRIES && !all_run_the_file(ctx) && commands_settle(ctx, tries);
	    tries++)
		;
	return 0;
}

int
commands_restart(void *ctx, struct error *e)
{
	const struct effects *fx = ctx;

	return activate(fx, "restart_command", fx->settings->rotate.restart_command, e);
}

bool
commands_settle(void *ctx, int tries)
{
	const struct effects *fx = ctx;
	int64_t ms = tries < 5 ? INT64_C(100) << (tries < 0 ? 0 : tries) : SETTLE_MAX;

	if (tries >= SETTLE_TRIES)
		return false;
	/* Asked first, so that a wait which does not fit in is no reason to end the run early: it
	 * still has to report. */
	if (fx->run != NULL && run_time_left(fx->run) < 2 * ms + SETTLE_MAX)
		return false;
	(void)clock_sleep_ms(ms);
	return fx->run == NULL || !run_should_stop(fx->run);
}
