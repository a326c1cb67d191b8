#ifndef BASE_CONFIG_H_
#define BASE_CONFIG_H_

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/status.h"

/* One option is one row: the loader, --print-config, conf/coordkeep.ini and
 * the table of coordkeep.ini(5) all come from it (the shape of redis's
 * config.c). A table ends with a row whose section is NULL. */
enum config_type {
	CONFIG_STRING,   /* char *: owned by the settings, never NULL */
	CONFIG_BOOL,     /* bool: yes/no, true/false, on/off, 1/0 */
	CONFIG_INT,      /* int64_t, min..max */
	CONFIG_DURATION, /* int64_t ms, min..max */
	CONFIG_SIZE,     /* int64_t bytes, min..max */
	CONFIG_ENUM,     /* int: index into choices */
	CONFIG_PATTERN   /* struct config_patterns: any number of "key.<name> = GLOB DURATION" */
};

struct config_option {
	const char *section;
	const char *key;            /* for CONFIG_PATTERN the part before the dot */
	enum config_type type;
	size_t offset;              /* of the value in the settings struct */
	const char *initial;        /* the default, in the form of the file */
	int64_t min, max;           /* CONFIG_INT, DURATION (ms), SIZE (bytes) */
	const char *const *choices; /* CONFIG_ENUM, NULL-terminated */
	bool secret;                /* never printed: "(set)" or "(not set)"; not by --set */
	bool list;                  /* CONFIG_STRING: words, with which indented lines go on */
	/* CONFIG_STRING, may be NULL: -1 with ${why} if the value is none for this option. It is not
	 * shown then: it can hold a password. */
	int (*check)(const char *value, struct error *why);
	const char *help;           /* one or two sentences, for the file and the man page */
};

struct config_pattern {
	char *name;
	char *glob;
	int64_t ttl_ms;
	struct config_pattern *next; /* in the order of the file */
};
struct config_patterns {
	struct config_pattern *first;
};

/* Set every option of ${settings}, which is zeroed or was set before, to its
 * default; patterns have none. -1 with ${e} (EX_SOFTWARE: a default that its
 * own row refuses; or no memory). */
int config_defaults(const struct config_option *table, void *settings, struct error *e);
/**
 * config_load(table, settings, path, must_exist, e):
 * Read an INI file over what ${settings} holds. Refused with EX_CONFIG and one
 * sentence "FILE:LINE: [section] key: found X, expected Y": an unknown section
 * or key (with the nearest known name), a duplicate, a value that its row does
 * not take, trailing text, a line too long for inih, a line that is neither
 * section, option nor comment, an indented line that goes on with no list, a NUL
 * byte, a directory or other special file. A missing file is an error only if
 * ${must_exist}. A value ends at the line's end; " ;" begins a comment, but not
 * behind the value of a CONFIG_STRING, where it is refused: it would cut a
 * shell command in two. A pattern replaces one of the same name that
 * ${settings} had before.
 */
int config_load(const struct config_option *table, void *settings, const char *path,
    bool must_exist, struct error *e);
/* Apply "SECTION.KEY=VALUE" as --set gives it. EX_USAGE if it is not of that
 * form or names a secret, EX_CONFIG if the value is refused. */
int config_set(const struct config_option *table, void *settings, const char *assignment,
    struct error *e);
/* Print all options with their values as a file that config_load reads back;
 * with ${annotate} each with its help, type, range and default as comments. */
int config_print(const struct config_option *table, const void *settings, bool annotate,
    FILE *out);
/* Print the table as mdoc(7) (.It Ic key ...), a subsection a section. */
int config_print_mdoc(const struct config_option *table, FILE *out);
/* Free what the settings own (secrets wiped) and zero those fields. */
void config_free(const struct config_option *table, void *settings);

#endif
