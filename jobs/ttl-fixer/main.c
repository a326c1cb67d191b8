#include <stddef.h>

#include "fixer.h"

/*
 * ttl-fixer sees to it that no coordination key lives for ever, and cuts none
 * short. The flow is in fixer.c, which TTL is due to which key in policy.c.
 */
static const struct job_option options[] = {
	{ .name = "pressure", .kind = OPTION_FLAG, .offset = offsetof(struct ttl_options, pressure),
	    .help = "the server is full: also cut TTLs above pressure_over",
	    .max_runtime = 600000 },
	{ .name = "report", .kind = OPTION_FLAG, .offset = offsetof(struct ttl_options, report),
	    .help = "print keys, TTLs and memory by family; change nothing", .read_only = true },
	{ .name = NULL },
};

static int
check(const void *opaque, const struct settings *s, struct error *e)
{
	const struct ttl_options *o = opaque;

	(void)s;
	if (o->pressure && o->report)
		return error_set(e, EX_USAGE, "--pressure and --report exclude one another");
	return 0;
}

static const struct job ttl_fixer = {
	.name = "ttl-fixer",
	.summary = "give coordination keys that would live for ever their TTL",
	.example = "ttl-fixer --dry-run",
	.options = options,
	.options_size = sizeof(struct ttl_options),
	.max_runtime = 60000,
	.lease_optional = true,
	.check = check,
	.run = fixer_run,
};

int
main(int argc, char **argv)
{

	return job_main(&ttl_fixer, argc, argv);
}
