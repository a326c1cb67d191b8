#include <stddef.h>

#include "rotate.h"

/*
 * secret-rotate-phase rotates the HMAC secret of all coordinator hosts with no
 * moment at which two of them disagree. Each run does this host's part of the
 * phase: the flow is in flow.c, the protocol in phase.c.
 */
#define AT(member) offsetof(struct rotate_options, member)

static const struct job_option options[] = {
	{ .name = "start", .kind = OPTION_FLAG, .offset = AT(start),
	    .help = "begin a rotation" },
	{ .name = "status", .kind = OPTION_FLAG, .offset = AT(status), .read_only = true,
	    .help = "show the phase, what it waits for, and every host" },
	{ .name = "abort", .kind = OPTION_FLAG, .offset = AT(abort),
	    .help = "in distribute: go back, the new secret is dropped" },
	{ .name = "rollback", .kind = OPTION_FLAG, .offset = AT(rollback),
	    .help = "in promote or drain: go back to the old secret" },
	{ .name = "exclude-host", .argument = "H", .kind = OPTION_STRING, .offset = AT(exclude_host),
	    .help = "go on without H, where nothing runs any more" },
	{ .name = "skip-drain", .kind = OPTION_FLAG, .offset = AT(skip_drain),
	    .help = "drop the old secret now, whatever it still has to verify" },
	{ .name = "yes", .kind = OPTION_FLAG, .offset = AT(yes),
	    .help = "with --skip-drain: do not ask" },
	{ .name = "turn", .argument = "H", .kind = OPTION_STRING, .offset = AT(turn),
	    .help = "let H restart its coordinators next; none: whoever comes first" },
	/* A coordinator is about to start, pause or no pause, and with the old secret it would be one
	 * whom the others reject. */
	{ .name = "catch-up", .kind = OPTION_FLAG, .offset = AT(catch_up), .in_pause = true,
	    .help = "only bring this host's file up to date, before its coordinators start" },
	{ .name = NULL },
};

static const struct job secret_rotate_phase = {
	.name = "secret-rotate-phase",
	.summary = "rotate the HMAC secret with no moment at which two hosts disagree",
	.example = "secret-rotate-phase --status",
	.options = options,
	.options_size = sizeof(struct rotate_options),
	/* reload, restart and check may take command_timeout each */
	.max_runtime = INT64_C(540000),
	/* Every host runs it; a lock on each keeps a second run of the same host out. */
	.no_lease = true,
	/* --catch-up goes on without */
	.no_redis = true,
	.check = rotate_check,
	.run = rotate_run,
};

int
main(int argc, char **argv)
{
	return job_main(&secret_rotate_phase, argc, argv);
}
