#include <stddef.h>

#include "escalate.h"

/*
 * escalate-dead notices a coordinator that died, and hands its work on, exactly
 * once. The flow is in escalate.c: survey, judge, warn, hand on.
 */
static const struct job_option options[] = {
	{ .name = "coordinator", .argument = "ID", .kind = OPTION_STRING,
	    .offset = offsetof(struct escalate_options, coordinator),
	    .help = "act on this one only" },
	{ .name = "force", .kind = OPTION_COUNT, .offset = offsetof(struct escalate_options, force),
	    .help = "with --coordinator: hand on now; twice: even if it shows life" },
	{ .name = "cancel", .argument = "ID", .kind = OPTION_STRING,
	    .offset = offsetof(struct escalate_options, cancel),
	    .help = "take back an escalation whose replacement has not started" },
	{ .name = "list", .kind = OPTION_FLAG, .offset = offsetof(struct escalate_options, list),
	    .help = "show all coordinators, warnings and escalations", .read_only = true },
	{ .name = "explain", .argument = "ID", .kind = OPTION_STRING,
	    .offset = offsetof(struct escalate_options, explain),
	    .help = "show what is known of one, and what happens next", .read_only = true },
	{ .name = "override-brake", .kind = OPTION_FLAG,
	    .offset = offsetof(struct escalate_options, override_brake),
	    .help = "go on although many heartbeats vanished at once" },
	{ .name = NULL },
};

static int
check(const void *opaque, const struct settings *s, struct error *e)
{
	const struct escalate_options *o = opaque;

	(void)s;
	if ((o->coordinator != NULL) + (o->cancel != NULL) + o->list + (o->explain != NULL) > 1)
		return error_set(e, EX_USAGE,
		    "--coordinator, --cancel, --list and --explain exclude one another");
	if (o->force > 0 && (o->list || o->explain != NULL))
		return error_set(e, EX_USAGE, "--list and --explain change nothing: there is nothing "
		    "to --force");
	if (o->force > 1 && o->coordinator == NULL)
		return error_set(e, EX_USAGE, "--force --force goes with --coordinator ID only");
	return 0;
}

static const struct job escalate_dead = {
	.name = "escalate-dead",
	.summary = "notice coordinators that died, and hand their work on",
	.example = "escalate-dead --explain coord-7",
	.options = options,
	.options_size = sizeof(struct escalate_options),
	.max_runtime = 45000,
	.check = check,
	.run = escalate_run,
};

int
main(int argc, char **argv)
{
	return job_main(&escalate_dead, argc, argv);
}
