#include "job/options.h"

#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "base/duration.h"

/* The values by which getopt_long names a long option: those of the job come
 * after those that all jobs have. */
enum {
	OPT_FORMAT = 256, OPT_PROGRESS, OPT_WAIT, OPT_MAX_RUNTIME, OPT_SET, OPT_FORCE, OPT_PAUSE,
	OPT_REASON, OPT_RESUME, OPT_PRINT_CONFIG, OPT_CHECK_CONFIG, OPT_VERSION, OPT_JOB
};

static const struct option common[] = {
	{ "dry-run", no_argument, NULL, 'n' },
	{ "quiet", no_argument, NULL, 'q' },
	{ "verbose", no_argument, NULL, 'v' },
	{ "config", required_argument, NULL, 'c' },
	{ "help", no_argument, NULL, 'h' },
	{ "format", required_argument, NULL, OPT_FORMAT },
	{ "progress", required_argument, NULL, OPT_PROGRESS },
	{ "wait", required_argument, NULL, OPT_WAIT },
	{ "max-runtime", required_argument, NULL, OPT_MAX_RUNTIME },
	{ "set", required_argument, NULL, OPT_SET },
	{ "force", no_argument, NULL, OPT_FORCE },
	{ "pause", required_argument, NULL, OPT_PAUSE },
	{ "reason", required_argument, NULL, OPT_REASON },
	{ "resume", no_argument, NULL, OPT_RESUME },
	{ "print-config", optional_argument, NULL, OPT_PRINT_CONFIG },
	{ "check-config", no_argument, NULL, OPT_CHECK_CONFIG },
	{ "version", no_argument, NULL, OPT_VERSION },
};
#define COMMON (sizeof(common) / sizeof(common[0]))

/* What is known while the command line is read. */
struct parse {
	const struct job *job;
	size_t job_n;
	struct option *table;  /* of the job, then the common ones, then the end */
	unsigned char *seen;   /* by place in the table */
	struct options *o;
	const char *command;   /* the option that chose o->command */
	const char *job_option; /* the first option of the job that was given */
};

static int
once(struct parse *p, size_t place, struct error *e)
{

	if (p->seen[place]++ == 0)
		return 0;
	return error_set(e, EX_USAGE, "--%s was given more than once", p->table[place].name);
}

static int
duration(const char *name, const char *value, int64_t *ms, struct error *e)
{

	if (duration_parse(value, ms))
		return 0;
	return error_set(e, EX_USAGE, "--%s: \"%s\" is not a duration such as 90s, 10m or 24h", name,
	    value);
}

static int
set_command(struct parse *p, enum command command, const char *name, struct error *e)
{

	if (p->command != NULL)
		return error_set(e, EX_USAGE, "--%s and --%s cannot be given together", p->command,
		    name);
	p->command = name;
	p->o->command = command;
	return 0;
}

/* The index of ${value} in ${names}, or -1 with ${e}. */
static int
choose(const char *name, const char *value, const char *const *names, const char *all,
    struct error *e)
{
	int i;

	for (i = 0; names[i] != NULL; i++)
		if (strcmp(names[i], value) == 0)
			return i;
	return error_set(e, EX_USAGE, "--%s: \"%s\" is not one of %s", name, value, all);
}

static int
take_print(struct parse *p, const char *value, struct error *e)
{

	if (value == NULL)
		return set_command(p, COMMAND_PRINT_CONFIG, "print-config", e);
	if (strcmp(value, "annotated") == 0)
		return set_command(p, COMMAND_PRINT_ANNOTATED, "print-config", e);
	if (strcmp(value, "mdoc") == 0)
		return set_command(p, COMMAND_PRINT_MDOC, "print-config", e);
	return error_set(e, EX_USAGE, "--print-config: \"%s\" is not one of annotated, mdoc", value);
}

/* The options of all jobs that have a value. */
static int
take_value(struct parse *p, int which, const char *value, struct error *e)
{
	static const char *const formats[] = { "text", "json", NULL };
	static const char *const modes[] = {
		[PROGRESS_AUTO] = "auto", [PROGRESS_ALWAYS] = "always", [PROGRESS_NEVER] = "never",
		NULL
	};
	struct options *o = p->o;
	int64_t ms;
	int i;

	switch (which) {
	case 'c':
		o->config = value;
		return 0;
	case OPT_FORMAT:
		if ((i = choose("format", value, formats, "text, json", e)) < 0)
			return -1;
		o->json = i == 1;
		return 0;
	case OPT_PROGRESS:
		if ((i = choose("progress", value, modes, "auto, always, never", e)) < 0)
			return -1;
		o->progress = (enum progress_mode)i;
		return 0;
	case OPT_WAIT:
		o->wait = value;
		return duration("wait", value, &ms, e);
	case OPT_MAX_RUNTIME:
		o->max_runtime = value;
		return duration("max-runtime", value, &ms, e);
	case OPT_PAUSE:
		if (duration("pause", value, &o->pause_ms, e))
			return -1;
		if (o->pause_ms == 0)
			return error_set(e, EX_USAGE, "--pause: the duration has to be more than 0s; "
			    "--resume ends a pause");
		return set_command(p, COMMAND_PAUSE, "pause", e);
	case OPT_REASON:
		o->reason = value;
		return 0;
	case OPT_PRINT_CONFIG:
		return take_print(p, value, e);
	default:
		return error_set(e, EX_SOFTWARE, "an option without a meaning");
	}
}

/* The options of all jobs that have none. */
static int
take_flag(struct parse *p, int which, struct error *e)
{

	switch (which) {
	case 'n':
		p->o->dry = true;
		return 0;
	case 'q':
		p->o->quiet = true;
		return 0;
	case 'v':
		p->o->verbose = true;
		return 0;
	case OPT_FORCE:
		p->o->force++;
		return 0;
	case OPT_RESUME:
		return set_command(p, COMMAND_RESUME, "resume", e);
	case OPT_CHECK_CONFIG:
		return set_command(p, COMMAND_CHECK_CONFIG, "check-config", e);
	case 'h':
		p->o->command = COMMAND_HELP;
		return 0;
	default:
		p->o->command = COMMAND_VERSION;
		return 0;
	}
}

static int
take_job_option(struct parse *p, size_t place, const char *value, struct error *e)
{
	const struct job_option *jo = &p->job->options[place];
	char *field = (char *)p->o->job + jo->offset;

	/* That one all jobs have; some tell more of it. */
	if (strcmp(jo->name, "force") == 0)
		p->o->force++;
	else if (p->job_option == NULL)
		p->job_option = jo->name;
	p->o->read_only |= jo->read_only;
	p->o->in_pause |= jo->in_pause;
	if (jo->max_runtime > 0)
		p->o->own_runtime = jo->max_runtime;
	switch (jo->kind) {
	case OPTION_FLAG:
		*(bool *)(void *)field = true;
		return 0;
	case OPTION_COUNT:
		++*(int *)(void *)field;
		return 0;
	case OPTION_STRING:
		*(const char **)(void *)field = value;
		return once(p, place, e);
	case OPTION_DURATION:
		if (once(p, place, e))
			return -1;
		return duration(jo->name, value, (int64_t *)(void *)field, e);
	}
	return error_set(e, EX_SOFTWARE, "--%s is of no known kind", jo->name);
}

/* Getopt takes "--al" for "--all". What deletes things has to be spelled out,
 * and a script must not change its meaning when a job gains an option. */
static int
check_spelling(char *const *argv, const char *name, struct error *e)
{
	const char *given = argv[optind - 1];
	size_t n = strlen(name);

	if (optarg == given)
		given = argv[optind - 2];
	if (strncmp(given, "--", 2) == 0 && strncmp(given + 2, name, n) == 0 &&
	    (given[n + 2] == '\0' || given[n + 2] == '='))
		return 0;
	return error_set(e, EX_USAGE, "unknown option %.*s (an option has to be written in full: "
	    "--%s)", (int)strcspn(given, "="), given, name);
}

static int
take(struct parse *p, int which, size_t place, struct error *e)
{

	if (p->table[place].has_arg == required_argument && optarg[0] == '\0')
		return error_set(e, EX_USAGE, "--%s: the %s is empty", p->table[place].name,
		    which >= OPT_JOB ? p->job->options[place].argument : "value");
	if (which >= OPT_JOB)
		return take_job_option(p, place, optarg, e);
	if (which == OPT_SET) {
		p->o->set[p->o->set_n++] = optarg;
		return 0;
	}
	if (p->table[place].has_arg == no_argument)
		return take_flag(p, which, e);
	if (once(p, place, e))
		return -1;
	return take_value(p, which, optarg, e);
}

/* Why getopt refused an option: it leaves optopt 0 for an unknown long one. */
static int
refuse(const struct parse *p, int why, char *const *argv, struct error *e)
{
	size_t i;

	if (optopt == 0)
		return error_set(e, EX_USAGE, "unknown option %.*s",
		    (int)strcspn(argv[optind - 1], "="), argv[optind - 1]);
	for (i = 0; p->table[i].name != NULL; i++)
		if (p->table[i].val == optopt)
			return error_set(e, EX_USAGE, why == ':' ? "option --%s needs a value" :
			    "option --%s takes no value", p->table[i].name);
	return error_set(e, EX_USAGE, "unknown option -%c", optopt);
}

static size_t
place_of(const struct parse *p, int which)
{
	size_t i;

	for (i = 0; p->table[i].name != NULL; i++)
		if (p->table[i].val == which)
			return i;
	return i;
}

static int
walk(struct parse *p, int argc, char **argv, struct error *e)
{
	int which, place = -1;

	optind = 0; /* begin anew: a test parses many command lines in one process */
	opterr = 0;
	while ((which = getopt_long(argc, argv, "+:nqvc:h", p->table, &place)) != -1) {
		if (which == '?' || which == ':')
			return refuse(p, which, argv, e);
		if (place >= 0 && check_spelling(argv, p->table[place].name, e))
			return -1;
		if (take(p, which, place_of(p, which), e))
			return -1;
		place = -1; /* set for a long option only */
		if (p->o->command == COMMAND_HELP || p->o->command == COMMAND_VERSION)
			return 0;
	}
	if (optind < argc)
		return error_set(e, EX_USAGE, "\"%s\" is an argument too many", argv[optind]);
	return 0;
}

static int
check_together(const struct parse *p, struct error *e)
{
	const struct options *o = p->o;

	if (o->command == COMMAND_HELP || o->command == COMMAND_VERSION)
		return 0;
	if (o->quiet && o->verbose)
		return error_set(e, EX_USAGE, "-q and -v cannot be given together");
	if (o->reason != NULL && o->command != COMMAND_PAUSE)
		return error_set(e, EX_USAGE, "--reason belongs to --pause");
	if ((o->command == COMMAND_PAUSE || o->command == COMMAND_RESUME) && p->job_option != NULL)
		return error_set(e, EX_USAGE, "--%s and --%s cannot be given together", p->command,
		    p->job_option);
	return 0;
}

/* The job's options first, so that one of a common option's name is the job's. */
static int
build_table(struct parse *p, int argc, struct error *e)
{
	const struct job_option *jo;
	size_t i, j, n = 0;

	if (p->job->options != NULL)
		while (p->job->options[p->job_n].name != NULL)
			p->job_n++;
	p->table = calloc(p->job_n + COMMON + 1, sizeof(*p->table));
	p->seen = calloc(p->job_n + COMMON + 1, 1);
	p->o->job = calloc(1, p->job->options_size > 0 ? p->job->options_size : 1);
	p->o->set = calloc((size_t)argc + 1, sizeof(*p->o->set));
	if (p->table == NULL || p->seen == NULL || p->o->job == NULL || p->o->set == NULL) {
		(void)error_set(e, EX_SOFTWARE, "out of memory");
		return -1;
	}
	for (n = 0; n < p->job_n; n++) {
		jo = &p->job->options[n];
		p->table[n] = (struct option){ jo->name,
			jo->argument == NULL ? no_argument : required_argument, NULL,
			OPT_JOB + (int)n };
	}
	for (i = 0; i < COMMON; i++) {
		for (j = 0; j < p->job_n; j++)
			if (strcmp(p->table[j].name, common[i].name) == 0)
				break;
		if (j == p->job_n)
			p->table[n++] = common[i];
	}
	return 0;
}

int
options_parse(const struct job *job, int argc, char **argv, struct options *o, struct error *e)
{
	struct parse p = { .job = job, .o = o };
	int rc = -1;

	memset(o, 0, sizeof(*o));
	if (build_table(&p, argc, e) == 0 && walk(&p, argc, argv, e) == 0)
		rc = check_together(&p, e);
	free(p.table);
	free(p.seen);
	return rc;
}

void
options_free(struct options *o)
{

	free(o->set);
	free(o->job);
	memset(o, 0, sizeof(*o));
}
