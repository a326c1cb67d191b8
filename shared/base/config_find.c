#include <ctype.h>
#include <string.h>

#include "base/config_value.h"

/* The longest name that is compared with the known ones. */
#define NAME_MAX_COMPARED 48

/* Is ${key} that of the row, or one of its patterns? */
static bool
is_row(const struct config_option *o, const char *key)
{
	size_t n = strlen(o->key);

	if (o->type != CONFIG_PATTERN)
		return strcmp(o->key, key) == 0;
	return strncmp(o->key, key, n) == 0 && key[n] == '.';
}

const struct config_option *
config_find(const struct config_option *table, const char *section, const char *key)
{
	const struct config_option *o;

	for (o = table; o->section != NULL; o++) {
		if (strcmp(o->section, section) == 0 && is_row(o, key))
			return o;
	}
	return NULL;
}

bool
config_has_section(const struct config_option *table, const char *section)
{
	const struct config_option *o;

	for (o = table; o->section != NULL; o++) {
		if (strcmp(o->section, section) == 0)
			return true;
	}
	return false;
}

static size_t
least(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* How many letters have to be put in, left out, replaced or exchanged with
 * their neighbour to make ${b} of ${a} (optimal string alignment), upper and
 * lower case being one. */
static size_t
distance(const char *a, const char *b)
{
	size_t rows[3][NAME_MAX_COMPARED + 1], *old = rows[0], *last = rows[1], *now = rows[2];
	size_t na = strlen(a), nb = strlen(b), i, j, *spare;
	bool same;

	if (na > NAME_MAX_COMPARED || nb > NAME_MAX_COMPARED)
		return NAME_MAX_COMPARED;
	for (j = 0; j <= nb; j++)
		last[j] = old[j] = j;
	for (i = 1; i <= na; i++) {
		now[0] = i;
		for (j = 1; j <= nb; j++) {
			same = tolower((unsigned char)a[i - 1]) == tolower((unsigned char)b[j - 1]);
			now[j] = least(last[j - 1] + !same, least(last[j], now[j - 1]) + 1);
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
				now[j] = least(now[j], old[j - 2] + 1);
		}
		spare = old;
		old = last;
		last = now;
		now = spare;
	}
	return last[nb];
}

/* Is ${name} nearer to ${wanted} than *best says? */
static bool
is_nearer(const char *wanted, const char *name, size_t *best)
{
	size_t d = distance(wanted, name);

	if (d >= *best)
		return false;
	*best = d;
	return true;
}

/* The name has to be alike: one slip in four letters, and one to start with. */
static size_t
worst_accepted(const char *name)
{
	return strlen(name) / 4 + 2;
}

static void
unknown_section(const struct config_option *table, const char *section, struct buf *out)
{
	const struct config_option *o, *last = NULL;
	const char *near = NULL;
	size_t best = worst_accepted(section);

	for (o = table; o->section != NULL; o++) {
		if (is_nearer(section, o->section, &best))
			near = o->section;
	}
	buf_str(out, "found an unknown section, expected ");
	if (near != NULL) {
		buf_printf(out, "one that is known: did you mean [%s]?", near);
		return;
	}
	buf_str(out, "one of ");
	for (o = table; o->section != NULL; last = o++) {
		if (last == NULL || strcmp(o->section, last->section) != 0)
			buf_printf(out, "%s%s", last == NULL ? "" : ", ", o->section);
	}
}

void
config_unknown(const struct config_option *table, const char *section, const char *key,
    struct buf *out)
{
	const struct config_option *o, *near = NULL, *elsewhere = NULL;
	size_t best;
	const char *comma = "";

	if (key == NULL) {
		unknown_section(table, section, out);
		return;
	}
	best = worst_accepted(key);
	for (o = table; o->section != NULL; o++) {
		if (strcmp(o->section, section) != 0) {
			if (is_row(o, key))
				elsewhere = o;
		} else if (is_nearer(key, o->key, &best)) {
			near = o;
		}
	}
	buf_str(out, "found an unknown key, expected ");
	if (elsewhere != NULL) {
		buf_printf(out, "one of this section (it belongs to [%s])", elsewhere->section);
	} else if (near != NULL) {
		buf_printf(out, "one of this section: did you mean %s%s?", near->key,
		    near->type == CONFIG_PATTERN ? ".<name>" : "");
	} else {
		buf_str(out, "one of ");
		for (o = table; o->section != NULL; o++) {
			if (strcmp(o->section, section) != 0)
				continue;
			buf_printf(out, "%s%s%s", comma, o->key,
			    o->type == CONFIG_PATTERN ? ".<name>" : "");
			comma = ", ";
		}
	}
}
