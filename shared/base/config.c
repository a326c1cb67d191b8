#include "base/config.h"

#include <stdlib.h>
#include <string.h>

#include "base/config_value.h"

int
config_defaults(const struct config_option *table, void *settings, struct error *e)
{
	const struct config_option *o;
	struct buf why = { 0 };
	int r = 0;

	config_free(table, settings);
	for (o = table; r == 0 && o->section != NULL; o++) {
		if (o->type == CONFIG_PATTERN)
			continue; /* as many as the file has: none */
		if (config_assign(o, settings, o->key, o->initial == NULL ? "" : o->initial,
		    &why) == -1)
			r = error_set(e, EX_SOFTWARE, "[%s] %s: the default: %s", o->section,
			    o->key, why.failed ? "no memory" : buf_cstr(&why));
	}
	buf_free(&why);
	return r;
}

/* Apply ${section} ${key} = ${value}, with why not in ${why}. */
static int
set(const struct config_option *table, void *settings, const char *section,
    const char *key, const char *value, struct buf *why)
{
	const struct config_option *o = config_find(table, section, key);

	if (!config_has_section(table, section)) {
		config_unknown(table, section, NULL, why);
		return EX_CONFIG;
	}
	if (o == NULL) {
		config_unknown(table, section, key, why);
		return EX_CONFIG;
	}
	if (o->secret) {
		buf_str(why, "found a secret, expected it in a file or in the environment: "
		    "everybody on the host can read a command line");
		return EX_USAGE;
	}
	if (config_assign(o, settings, key, value, why) == -1)
		return why->failed ? EX_SOFTWARE : EX_CONFIG;
	return 0;
}

int
config_set(const struct config_option *table, void *settings, const char *assignment,
    struct error *e)
{
	const char *equals = strchr(assignment, '='), *dot = strchr(assignment, '.');
	struct buf why = { 0 }, shown = { 0 };
	char *section, *key = NULL;
	int status = EX_SOFTWARE;

	if (equals == NULL || dot == NULL || dot > equals || dot == assignment ||
	    dot + 1 == equals) {
		/* What stands before '=' only: a value may be a secret. */
		buf_escaped(&shown, (struct bytes){ assignment,
		    equals == NULL ? 0 : (size_t)(equals - assignment) }, 60);
		(void)error_set(e, EX_USAGE, "--set: found \"%s\", expected SECTION.KEY=VALUE",
		    shown.failed ? "" : buf_cstr(&shown));
		buf_free(&shown);
		return -1;
	}
	section = strndup(assignment, (size_t)(dot - assignment));
	if (section != NULL)
		key = strndup(dot + 1, (size_t)(equals - dot - 1));
	if (key != NULL)
		status = set(table, settings, section, key, equals + 1, &why);
	if (status != 0) {
		buf_escaped(&shown, (struct bytes){ dot + 1, (size_t)(equals - dot - 1) }, 48);
		(void)error_set(e, status, "--set: [%.48s] %s: %s",
		    section == NULL ? "" : section, shown.failed ? "" : buf_cstr(&shown),
		    key == NULL || why.failed ? "no memory" : buf_cstr(&why));
	}
	buf_free(&shown);
	buf_free(&why);
	free(section);
	free(key);
	return status == 0 ? 0 : -1;
}

static void
free_patterns(struct config_patterns *list)
{
	struct config_pattern *p;

	while ((p = list->first) != NULL) {
		list->first = p->next;
		free(p->name);
		free(p->glob);
		free(p);
	}
}

void
config_free(const struct config_option *table, void *settings)
{
	const struct config_option *o;
	char **s;

	for (o = table; o->section != NULL; o++) {
		if (o->type == CONFIG_PATTERN)
			free_patterns(config_pattern_list(o, settings));
		if (o->type != CONFIG_STRING)
			continue;
		s = config_string(o, settings);
		if (*s != NULL && o->secret)
			explicit_bzero(*s, strlen(*s));
		free(*s);
		*s = NULL;
	}
}
