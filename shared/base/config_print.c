#include <ctype.h>
#include <string.h>

#include "base/config_value.h"
#include "base/duration.h"

#define WIDTH 78

/* Print ${text} as comment lines, filled. */
static void
print_comment(const char *text, FILE *out)
{
	size_t column = 0, n;

	while (*(text += strspn(text, " ")) != '\0') {
		n = strcspn(text, " ");
		if (column > 0 && column + 1 + n > WIDTH) {
			fputc('\n', out);
			column = 0;
		}
		if (column == 0)
			column = (size_t)fprintf(out, "#");
		fprintf(out, " %.*s", (int)n, text);
		column += n + 1;
		text += n;
	}
	if (column > 0)
		fputc('\n', out);
}

/* "key = value"; a value that begins with ';' must not follow a blank. */
static void
print_line(const char *key, const char *value, FILE *out)
{
	if (value[0] == '\0')
		fprintf(out, "%s =\n", key);
	else
		fprintf(out, "%s =%s%s\n", key, value[0] == ';' ? "" : " ", value);
}

/* "key = word word", and as many indented lines as it takes. */
static void
print_list(const char *key, const char *value, FILE *out)
{
	size_t column = (size_t)fprintf(out, "%s =", key), n;

	for (; *value != '\0'; value += n + strspn(value + n, " \t")) {
		n = strcspn(value, " \t");
		if (column + 1 + n > WIDTH) {
			fputs("\n   ", out);
			column = 3;
		}
		column += (size_t)fprintf(out, " %.*s", (int)n, value);
	}
	fputc('\n', out);
}

static void
print_patterns(const struct config_option *o, const void *settings, FILE *out)
{
	const void *p = (const char *)settings + o->offset;
	const struct config_patterns *list = p;
	const struct config_pattern *at;
	char ttl[64];

	if (list->first == NULL)
		fprintf(out, "# %s.<name> = GLOB DURATION\n", o->key);
	for (at = list->first; at != NULL; at = at->next) {
		duration_format(at->ttl_ms, ttl, sizeof(ttl));
		fprintf(out, "%s.%s =%s%s %s\n", o->key, at->name, at->glob[0] == ';' ? "" : " ",
		    at->glob, ttl);
	}
}

static int
print_value(const struct config_option *o, const void *settings, FILE *out)
{
	struct buf value = { 0 }, shown = { 0 };
	int r = 0;

	if (o->type == CONFIG_PATTERN) {
		print_patterns(o, settings, out);
		return 0;
	}
	config_value(o, settings, &value);
	if (value.failed) {
		r = -1;
	} else if (o->secret) {
		fprintf(out, "# %s = %s\n", o->key, value.n > 0 ? "(set)" : "(not set)");
	} else if (!config_is_plain(buf_cstr(&value))) {
		/* From the environment: a file could not say it. */
		buf_escaped(&shown, buf_view(&value), 0);
		fprintf(out, "# %s = %s (no file can hold this value)\n", o->key,
		    shown.failed ? "" : buf_cstr(&shown));
	} else if (o->list) {
		print_list(o->key, buf_cstr(&value), out);
	} else {
		print_line(o->key, buf_cstr(&value), out);
	}
	buf_wipe(&value);
	buf_free(&shown);
	return r;
}

/* "A duration from 1s to 1h; default 90s." */
static int
print_help(const struct config_option *o, FILE *out)
{
	struct buf text = { 0 };
	int r = 0;

	print_comment(o->help == NULL ? "" : o->help, out);
	config_expected(o, &text);
	if (text.n > 0)
		text.p[0] = (char)toupper((unsigned char)text.p[0]);
	if (o->secret)
		buf_str(&text, ", never printed");
	if (o->type != CONFIG_PATTERN && o->initial != NULL && o->initial[0] != '\0')
		buf_printf(&text, "; default %s", o->initial);
	else
		buf_str(&text, o->type == CONFIG_PATTERN ? "; default none" : "; default empty");
	if (text.failed)
		r = -1;
	else
		print_comment(buf_cstr(&text), out);
	buf_free(&text);
	return r;
}

int
config_print(const struct config_option *table, const void *settings, bool annotate, FILE *out)
{
	const struct config_option *o, *last = NULL;

	for (o = table; o->section != NULL; last = o++) {
		if (last == NULL || strcmp(last->section, o->section) != 0)
			fprintf(out, "%s[%s]\n", last == NULL ? "" : "\n", o->section);
		if (annotate) {
			fputc('\n', out);
			if (print_help(o, out) == -1)
				return -1;
		}
		if (print_value(o, settings, out) == -1)
			return -1;
	}
	return fflush(out) == 0 && !ferror(out) ? 0 : -1;
}
