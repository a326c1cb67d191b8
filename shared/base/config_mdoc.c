#include <ctype.h>
#include <string.h>

#include "base/config_value.h"

#define WIDTH 72

/* Print one word of running text, or one argument, as mdoc(7) wants it. */
static void
print_escaped(const char *s, size_t n, FILE *out)
{
	size_t i;

	if (n > 0 && (s[0] == '.' || s[0] == '\''))
		fputs("\\&", out);
	for (i = 0; i < n; i++) {
		if (s[i] == '\\')
			fputs("\\e", out);
		else if (s[i] == '"')
			fputs("\\(dq", out);
		else if (s[i] == '-' && i + 1 < n && s[i + 1] == '-')
			fputs("\\-", out);
		else
			fputc(s[i], out);
	}
}

/* A quoted argument is taken for no macro and may hold blanks. */
static void
print_argument(const char *s, FILE *out)
{
	fputc('"', out);
	print_escaped(s, strlen(s), out);
	fputc('"', out);
}

/* Print running text: filled, and a new line for a new sentence. */
static void
print_text(const char *s, FILE *out)
{
	size_t column = 0, n;

	while (*(s += strspn(s, " ")) != '\0') {
		n = strcspn(s, " ");
		if (column > 0 && column + 1 + n > WIDTH) {
			fputc('\n', out);
			column = 0;
		}
		if (column > 0)
			fputc(' ', out);
		print_escaped(s, n, out);
		column += n + 1;
		if (strchr(".!?", s[n - 1]) != NULL ||
		    (s[n - 1] == ')' && n > 1 && s[n - 2] == '.')) {
			fputc('\n', out);
			column = 0;
		}
		s += n;
	}
	if (column > 0)
		fputc('\n', out);
}

static int
print_option(const struct config_option *o, FILE *out)
{
	struct buf text = { 0 };
	bool has_default = o->type != CONFIG_PATTERN && o->initial != NULL &&
	    o->initial[0] != '\0';

	config_expected(o, &text);
	if (text.failed) {
		buf_free(&text);
		return -1;
	}
	text.p[0] = (char)toupper((unsigned char)text.p[0]);
	if (o->secret)
		buf_str(&text, ", never printed");
	buf_str(&text, has_default ? "; the default is" : o->type == CONFIG_PATTERN ?
	    ", any number of times." : "; empty by default.");
	/* \&: a dot at the end of an argument is taken for punctuation. */
	if (o->type == CONFIG_PATTERN)
		fprintf(out, ".It Ic \"%s.\\&\" Ns Ar name\n", o->key);
	else
		fprintf(out, ".It Ic \"%s\"\n", o->key);
	print_text(o->help == NULL ? "" : o->help, out);
	if (!text.failed)
		print_text(buf_cstr(&text), out);
	if (has_default) {
		fputs(".Ql ", out);
		print_argument(o->initial, out);
		fputs(" .\n", out);
	}
	buf_free(&text);
	return 0;
}

int
config_print_mdoc(const struct config_option *table, FILE *out)
{
	const struct config_option *o, *last = NULL;

	for (o = table; o->section != NULL; last = o++) {
		if (last == NULL || strcmp(last->section, o->section) != 0) {
			if (last != NULL)
				fputs(".El\n", out);
			/* \&: a bracket at the end of a line is taken for punctuation. */
			fprintf(out, ".Ss [%s]\\&\n.Bl -tag -width Ds\n", o->section);
		}
		if (print_option(o, out) == -1)
			return -1;
	}
	if (last != NULL)
		fputs(".El\n", out);
	return fflush(out) == 0 && !ferror(out) ? 0 : -1;
}
