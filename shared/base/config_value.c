#include "base/config_value.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/duration.h"

/* Enough of a value for a person to know it again. */
#define SHOWN 60
#define PATTERN_TTL_MIN 1000
#define PATTERN_NAME_MAX 40

static void *
field(const struct config_option *o, void *settings)
{
	return (char *)settings + o->offset;
}

static const void *
const_field(const struct config_option *o, const void *settings)
{
	return (const char *)settings + o->offset;
}

char **
config_string(const struct config_option *o, void *settings)
{
	return field(o, settings);
}

struct config_patterns *
config_pattern_list(const struct config_option *o, void *settings)
{
	return field(o, settings);
}

bool
config_has_comment(const char *s)
{
	const char *p;

	for (p = s; (p = strchr(p, ';')) != NULL; p++) {
		if (p > s && (p[-1] == ' ' || p[-1] == '\t'))
			return true;
	}
	return false;
}

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t';
}

bool
config_is_plain(const char *s)
{
	size_t n = strlen(s), i;

	for (i = 0; i < n; i++) {
		if (((unsigned char)s[i] < 0x20 && s[i] != '\t') || s[i] == 0x7f)
			return false;
	}
	return n == 0 || (!is_blank(s[0]) && !is_blank(s[n - 1]) && !config_has_comment(s));
}

/* "from MIN to MAX", in the form that the row's values have. */
static void
append_number(const struct config_option *o, int64_t v, struct buf *out)
{
	char text[64];

	if (o->type == CONFIG_DURATION || o->type == CONFIG_PATTERN)
		duration_format(v, text, sizeof(text));
	else if (o->type == CONFIG_SIZE)
		size_format(v, text, sizeof(text));
	else
		(void)snprintf(text, sizeof(text), "%" PRId64, v);
	buf_str(out, text);
}

static void
append_range(const struct config_option *o, struct buf *out)
{
	bool low = o->min != INT64_MIN, high = o->max != INT64_MAX;

	if (low && high) {
		buf_str(out, " from ");
		append_number(o, o->min, out);
		buf_str(out, " to ");
		append_number(o, o->max, out);
	} else if (low) {
		buf_str(out, " of at least ");
		append_number(o, o->min, out);
	} else if (high) {
		buf_str(out, " of at most ");
		append_number(o, o->max, out);
	}
}

void
config_expected(const struct config_option *o, struct buf *out)
{
	size_t i;

	switch (o->type) {
	case CONFIG_STRING:
		buf_str(out, o->list ? "words, with which indented lines go on" : "a text");
		break;
	case CONFIG_BOOL:
		buf_str(out, "yes or no");
		break;
	case CONFIG_INT:
		buf_str(out, "a whole number");
		append_range(o, out);
		break;
	case CONFIG_DURATION:
		buf_str(out, "a duration");
		append_range(o, out);
		break;
	case CONFIG_SIZE:
		buf_str(out, "a size");
		append_range(o, out);
		break;
	case CONFIG_ENUM:
		buf_str(out, "one of ");
		for (i = 0; o->choices[i] != NULL; i++)
			buf_printf(out, "%s%s", i == 0 ? "" : ", ", o->choices[i]);
		break;
	case CONFIG_PATTERN:
		buf_str(out, "a glob without blanks and a duration of at least ");
		append_number(o, o->min > PATTERN_TTL_MIN ? o->min : PATTERN_TTL_MIN, out);
		break;
	}
}

static bool
read_bool(const char *s, bool *v)
{
	static const char *const words[] = { "no", "yes", "false", "true", "off", "on", "0", "1" };
	size_t i;

	for (i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (strcasecmp(s, words[i]) == 0) {
			*v = i % 2 == 1;
			return true;
		}
	}
	return false;
}

static bool
read_int(const char *s, int64_t *v)
{
	char *end;
	long long n;

	/* strtoll() would take blanks and a plus. */
	if (s[s[0] == '-'] < '0' || s[s[0] == '-'] > '9')
		return false;
	errno = 0;
	n = strtoll(s, &end, 10);
	if (errno != 0 || *end != '\0')
		return false;
	*v = n;
	return true;
}

static bool
read_number(const struct config_option *o, const char *s, int64_t *v)
{
	int64_t n;
	bool ok;

	if (o->type == CONFIG_DURATION)
		ok = duration_parse(s, &n);
	else if (o->type == CONFIG_SIZE)
		ok = size_parse(s, &n);
	else
		ok = read_int(s, &n);
	if (!ok || n < o->min || n > o->max)
		return false;
	*v = n;
	return true;
}

static bool
read_choice(const struct config_option *o, const char *s, int *v)
{
	int i;

	for (i = 0; o->choices[i] != NULL; i++) {
		if (strcmp(s, o->choices[i]) == 0) {
			*v = i;
			return true;
		}
	}
	return false;
}

static bool
store_string(const struct config_option *o, void *settings, const char *value, struct buf *why)
{
	char **p = config_string(o, settings), *copy;

	if (!config_is_plain(value))
		return false;
	copy = strdup(value);
	if (copy == NULL) {
		why->failed = true;
		return false;
	}
	if (*p != NULL && o->secret)
		explicit_bzero(*p, strlen(*p));
	free(*p);
	*p = copy;
	return true;
}

static bool
is_pattern_name(const char *s)
{
	size_t n = strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-");

	return n > 0 && n <= PATTERN_NAME_MAX && s[n] == '\0';
}

/* The pattern called ${name}, a new one at the end if there is none. */
static struct config_pattern *
pattern_called(struct config_patterns *list, const char *name)
{
	struct config_pattern **p = &list->first;

	while (*p != NULL && strcmp((*p)->name, name) != 0)
		p = &(*p)->next;
	if (*p != NULL)
		return *p;
	*p = calloc(1, sizeof(**p));
	if (*p != NULL && ((*p)->name = strdup(name)) == NULL) {
		free(*p);
		*p = NULL;
	}
	return *p;
}

/* "GLOB DURATION", and nothing else: "g* 1h 30m" is no glob with a blank. */
static bool
store_pattern(const struct config_option *o, void *settings, const char *key,
    const char *value, struct buf *why)
{
	const char *name = key + strlen(o->key) + 1, *rest;
	size_t glob = strcspn(value, " \t");
	int64_t min = o->min > PATTERN_TTL_MIN ? o->min : PATTERN_TTL_MIN, ttl;
	struct config_pattern *p;
	char *copy;

	rest = value + glob + strspn(value + glob, " \t");
	if (!is_pattern_name(name) || glob == 0 || !config_is_plain(value) ||
	    !duration_parse(rest, &ttl) || ttl < min || (o->max > 0 && ttl > o->max))
		return false;
	copy = strndup(value, glob);
	p = copy == NULL ? NULL : pattern_called(config_pattern_list(o, settings), name);
	if (p == NULL) {
		free(copy);
		why->failed = true;
		return false;
	}
	free(p->glob);
	p->glob = copy;
	p->ttl_ms = ttl;
	return true;
}

static bool
store(const struct config_option *o, void *settings, const char *key, const char *value,
    struct buf *why)
{
	switch (o->type) {
	case CONFIG_STRING:
		return store_string(o, settings, value, why);
	case CONFIG_BOOL:
		return read_bool(value, field(o, settings));
	case CONFIG_INT:
	case CONFIG_DURATION:
	case CONFIG_SIZE:
		return read_number(o, value, field(o, settings));
	case CONFIG_ENUM:
		return read_choice(o, value, field(o, settings));
	case CONFIG_PATTERN:
		return store_pattern(o, settings, key, value, why);
	}
	return false;
}

/* The part of "found X" that shows the value. */
static void
append_found(const struct config_option *o, const char *value, struct buf *why)
{
	if (o->secret || o->check != NULL) {
		buf_str(why, "found a value that is not shown");
	} else if (value[0] == '\0') {
		buf_str(why, "found nothing");
	} else {
		buf_str(why, "found \"");
		buf_escaped(why, bytes_str(value), SHOWN);
		buf_str(why, "\"");
	}
}

/* The longest piece that has to stand in one line. */
static size_t
longest_piece(const struct config_option *o, const char *value)
{
	size_t longest = 0, n;

	if (!o->list)
		return strlen(value);
	for (; *value != '\0'; value += n + strspn(value + n, " \t")) {
		n = strcspn(value, " \t");
		if (n > longest)
			longest = n;
	}
	return longest;
}

int
config_assign(const struct config_option *o, void *settings, const char *key,
    const char *value, struct buf *why)
{
	struct error refused = { 0 };

	/* What comes with --set has to fit in a file as well. */
	if (strlen(key) + strlen(" = ") + longest_piece(o, value) > CONFIG_LINE_MAX) {
		append_found(o, value, why);
		buf_printf(why, ", expected a line of at most %d characters", CONFIG_LINE_MAX);
		return -1;
	}
	if (o->check != NULL && o->check(value, &refused) != 0) {
		buf_str(why, refused.text);
		return -1;
	}
	if (store(o, settings, key, value, why))
		return 0;
	append_found(o, value, why);
	buf_str(why, ", expected ");
	config_expected(o, why);
	if (o->type == CONFIG_STRING)
		buf_str(why, " without control characters, blanks at its ends or \" ;\"");
	if (o->type == CONFIG_PATTERN && !is_pattern_name(key + strlen(o->key) + 1))
		buf_printf(why, ", under a name of letters, digits, - and _ behind \"%s.\"",
		    o->key);
	return -1;
}

void
config_value(const struct config_option *o, const void *settings, struct buf *out)
{
	const void *p = const_field(o, settings);
	char *const *s = p;

	switch (o->type) {
	case CONFIG_STRING:
		buf_str(out, *s == NULL ? "" : *s);
		break;
	case CONFIG_BOOL:
		buf_str(out, *(const bool *)p ? "yes" : "no");
		break;
	case CONFIG_INT:
	case CONFIG_DURATION:
	case CONFIG_SIZE:
		append_number(o, *(const int64_t *)p, out);
		break;
	case CONFIG_ENUM:
		buf_str(out, o->choices[*(const int *)p]);
		break;
	case CONFIG_PATTERN:
		break;
	}
}
