#include "job/options.h"

#include <string.h>

#define WIDTH 80
#define COLUMN 26 /* where the help of an option begins */

static const char common_options[] =
    "Options of all jobs:\n"
    "  -n, --dry-run           change nothing, say what would be done\n"
    "  -q, --quiet             print problems only; -v, --verbose: every detail\n"
    "  -c, --config FILE       instead of /etc/coordkeep/coordkeep.ini\n"
    "  --set SECTION.KEY=VALUE an option of the config, for this run\n"
    "  --format text|json, --progress auto|always|never, --wait DURATION,\n"
    "  --max-runtime DURATION, --force (overrides a pause and a hold),\n"
    "  --pause DURATION [--reason TEXT], --resume (all jobs that change state),\n"
    "  --check-config, --print-config, --help, --version\n";
static const char exit_codes[] =
    "Exit codes: 0 done, 1 findings, 2 done in part or critical, 64 usage,\n"
    "  69 no Redis, 70 bug, 73 cannot create a file, 74 I/O error, 75 try again,\n"
    "  76 protocol, 77 permission, 78 config\n";

/* Append ${text} from column ${at}, its further lines from COLUMN. */
static void
wrap(struct buf *out, const char *text, size_t at)
{
	size_t word;

	if (at >= COLUMN) {
		buf_char(out, '\n');
		at = 0;
	}
	for (; at < COLUMN; at++)
		buf_char(out, ' ');
	while (*text != '\0') {
		word = strcspn(text, " ");
		if (at > COLUMN && at + 1 + word > WIDTH) {
			buf_printf(out, "\n%*s", COLUMN, "");
			at = COLUMN;
		} else if (at > COLUMN) {
			buf_char(out, ' ');
			at++;
		}
		buf_add(out, text, word);
		at += word;
		text += word;
		text += strspn(text, " ");
	}
	buf_char(out, '\n');
}

static void
job_options(const struct job *job, struct buf *out)
{
	const struct job_option *o;
	size_t at;

	if (job->options == NULL || job->options[0].name == NULL)
		return;
	for (o = job->options; o->name != NULL; o++) {
		buf_printf(out, "  --%s", o->name);
		at = 4 + strlen(o->name);
		if (o->argument != NULL) {
			buf_printf(out, " %s", o->argument);
			at += 1 + strlen(o->argument);
		}
		wrap(out, o->help, at);
	}
}

void
options_help(const struct job *job, struct buf *out)
{

	buf_printf(out, "Usage: %s [-n] [-q | -v] [-c FILE] [OPTION]...\n%s\n\n", job->name,
	    job->summary);
	job_options(job, out);
	buf_str(out, common_options);
	if (job->example != NULL)
		buf_printf(out, "Example:\n  %s\n", job->example);
	buf_str(out, exit_codes);
}
