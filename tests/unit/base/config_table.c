#include "config_table.h"

#include <stddef.h>

static const char *const modes[] = { "gentle", "fast", NULL };

const struct config_option sample_table[] = {
	{ .section = "redis", .key = "url", .type = CONFIG_STRING,
	    .offset = offsetof(struct sample, url), .initial = "redis://127.0.0.1:6379/0",
	    .help = "Where Redis is. A unix socket, TCP or TLS; see \"URLs\" for each." },
	{ .section = "redis", .key = "password", .type = CONFIG_STRING,
	    .offset = offsetof(struct sample, password), .secret = true,
	    .help = "What proves it (e.g. to an ACL user.)" },
	{ .section = "redis", .key = "cluster", .type = CONFIG_BOOL,
	    .offset = offsetof(struct sample, cluster), .initial = "no",
	    .help = ".Many nodes? Then say \\yes; or --cluster on the command line, which is a "
	    "longer way to say the very same thing and has to be wrapped somewhere." },
	{ .section = "scan", .key = "mode", .type = CONFIG_ENUM,
	    .offset = offsetof(struct sample, mode), .initial = "gentle", .choices = modes,
	    .help = "How fast." },
	{ .section = "scan", .key = "count", .type = CONFIG_INT,
	    .offset = offsetof(struct sample, count), .initial = "100", .min = 1, .max = 1000,
	    .help = "Keys a page." },
	{ .section = "scan", .key = "any", .type = CONFIG_INT,
	    .offset = offsetof(struct sample, any), .initial = "-5", .min = INT64_MIN,
	    .max = INT64_MAX, .help = "Any number." },
	{ .section = "job", .key = "timeout", .type = CONFIG_DURATION,
	    .offset = offsetof(struct sample, timeout), .initial = "90s", .min = 1000,
	    .max = 86400000, .help = "How long." },
	{ .section = "job", .key = "forever", .type = CONFIG_DURATION,
	    .offset = offsetof(struct sample, forever), .initial = "0s", .max = INT64_MAX,
	    .help = "Longer." },
	{ .section = "job", .key = "limit", .type = CONFIG_SIZE,
	    .offset = offsetof(struct sample, limit), .initial = "1MB", .min = 0,
	    .max = INT64_C(1) << 40, .help = "How much." },
	{ .section = "job", .key = "hook", .type = CONFIG_STRING,
	    .offset = offsetof(struct sample, hook), .initial = "",
	    .help = "A command." },
	{ .section = "ttl", .key = "pattern", .type = CONFIG_PATTERN,
	    .offset = offsetof(struct sample, patterns), .help = "Site patterns." },
	{ .section = NULL },
};
