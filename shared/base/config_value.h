#ifndef BASE_CONFIG_VALUE_H_
#define BASE_CONFIG_VALUE_H_

#include <stdbool.h>

#include <ini.h>

#include "base/bytes.h"
#include "base/config.h"

/* Within the config module: one row of a table, and its value. */

/* The longest line, without its end, that inih surely reads whole. */
#define CONFIG_LINE_MAX (INI_MAX_LINE - 3)

/* The row for ${key} of ${section}, NULL if there is none. */
const struct config_option *config_find(const struct config_option *table,
    const char *section, const char *key);
bool config_has_section(const struct config_option *table, const char *section);

/**
 * config_assign(o, settings, key, value, why):
 * Read ${value} for ${key} (which is o->key, but for a pattern has its name
 * behind it) and store it. If it is refused, return -1 with "found X, expected
 * Y" in ${why}; without memory, with why->failed.
 */
int config_assign(const struct config_option *o, void *settings, const char *key,
    const char *value, struct buf *why);

/* Append what the row accepts: "a duration from 1s to 1h". */
void config_expected(const struct config_option *o, struct buf *out);
/* Append the value as the file has it. Not for patterns. */
void config_value(const struct config_option *o, const void *settings, struct buf *out);
/* Can ${s} be the value of a string option in a file? */
bool config_is_plain(const char *s);
/* Is there a ';' behind a blank, where inih begins a comment? */
bool config_has_comment(const char *s);

/* The strings and patterns of a row in the settings. */
char **config_string(const struct config_option *o, void *settings);
struct config_patterns *config_pattern_list(const struct config_option *o, void *settings);

/* Append a sentence's end for an unknown section (key == NULL) or key. */
void config_unknown(const struct config_option *table, const char *section,
    const char *key, struct buf *out);

#endif
