#include <stddef.h>
#include <string.h>

#include "reap.h"

/*
 * reap-stale deletes what a coordinator that is gone has left behind, so that
 * it can be put back. The flow is in reap.c.
 */
static const struct job_option options[] = {
	{ .name = "coordinator", .argument = "ID", .kind = OPTION_STRING,
	    .offset = offsetof(struct reap_options, coordinator),
	    .help = "clean up after this one now; refused while it is alive" },
	{ .name = "undo", .argument = "FILE", .kind = OPTION_STRING,
	    .offset = offsetof(struct reap_options, undo),
	    .help = "put back what the journal FILE says was deleted" },
	{ .name = "all", .kind = OPTION_FLAG, .offset = offsetof(struct reap_options, all),
	    .help = "delete all coordination state (a complete reset)" },
	{ .name = "yes", .kind = OPTION_FLAG, .offset = offsetof(struct reap_options, yes),
	    .help = "do not ask; needed by --all without a terminal" },
	{ .name = "override-brake", .kind = OPTION_FLAG,
	    .offset = offsetof(struct reap_options, override_brake),
	    .help = "go on although many heartbeats vanished at once" },
	{ .name = NULL },
};

static int
check(const void *opaque, const struct settings *s, struct error *e)
{
	const struct reap_options *o = opaque;
	int modes = (o->coordinator != NULL) + (o->undo != NULL) + o->all;

	(void)s;
	if (modes > 1)
		return error_set(e, EX_USAGE,
		    "--coordinator, --undo and --all exclude one another");
	if (o->yes && !o->all)
		return error_set(e, EX_USAGE, "--yes goes with --all only");
	return 0;
}

static const struct job reap_stale = {
	.name = "reap-stale",
	.summary = "delete what coordinators that are gone have left behind",
	.example = "reap-stale --dry-run -v",
	.options = options,
	.options_size = sizeof(struct reap_options),
	.max_runtime = 60000,
	.check = check,
	.run = reap_run,
};

int
main(int argc, char **argv)
{
	return job_main(&reap_stale, argc, argv);
}
