#include "job/metrics_file.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct family_lines *
metrics_find(const struct metrics *m, struct bytes name)
{
	size_t i;

	for (i = 0; i < m->n; i++)
		if (bytes_equal(buf_view(&m->families[i].name), name))
			return &m->families[i];
	return NULL;
}

struct family_lines *
metrics_family(struct metrics *m, struct bytes name, struct bytes help, bool counter)
{
	struct family_lines *f;

	if ((f = metrics_find(m, name)) != NULL)
		return f;
	if ((f = reallocarray(m->families, m->n + 1, sizeof(*f))) == NULL) {
		m->no_memory = true;
		return NULL;
	}
	m->families = f;
	f = &m->families[m->n++];
	*f = (struct family_lines){ .counter = counter };
	buf_bytes(&f->name, name);
	buf_bytes(&f->help, help);
	m->no_memory |= f->name.failed || f->help.failed;
	return f;
}

struct sample *
metrics_sample(const struct family_lines *f, struct bytes labels)
{
	size_t i;

	for (i = 0; i < f->n; i++)
		if (bytes_equal(buf_view(&f->samples[i].labels), labels))
			return &f->samples[i];
	return NULL;
}

void
metrics_set(struct metrics *m, struct family_lines *f, struct bytes labels, double value)
{
	struct sample *s;

	if (f == NULL) {
		m->no_memory = true;
		return;
	}
	if ((s = metrics_sample(f, labels)) != NULL) {
		s->value = value;
		return;
	}
	if ((s = reallocarray(f->samples, f->n + 1, sizeof(*s))) == NULL) {
		m->no_memory = true;
		return;
	}
	f->samples = s;
	s = &f->samples[f->n++];
	*s = (struct sample){ .value = value };
	buf_bytes(&s->labels, labels);
	m->no_memory |= s->labels.failed;
}

void
metrics_free(struct metrics *m)
{
	struct family_lines *f;
	size_t i, j;

	for (i = 0; i < m->n; i++) {
		f = &m->families[i];
		buf_free(&f->name);
		buf_free(&f->help);
		for (j = 0; j < f->n; j++)
			buf_free(&f->samples[j].labels);
		free(f->samples);
	}
	free(m->families);
	memset(m, 0, sizeof(*m));
}

void
metrics_quote(struct buf *out, struct bytes s, bool label)
{
	struct buf safe = { 0 };
	size_t i;

	if (bytes_is_utf8(s))
		buf_bytes(&safe, s);
	else
		buf_escaped(&safe, s, 0);
	out->failed |= safe.failed;
	for (i = 0; i < safe.n; i++)
		if (safe.p[i] == '\\')
			buf_str(out, "\\\\");
		else if (safe.p[i] == '\n')
			buf_str(out, "\\n");
		else if (safe.p[i] == '"' && label)
			buf_str(out, "\\\"");
		else
			buf_char(out, safe.p[i]);
	buf_free(&safe);
}

/* The shortest of two forms that reads back as the same number. */
static void
format_value(struct buf *out, double v)
{
	char text[40];

	if (isnan(v))
		buf_str(out, "NaN");
	else if (isinf(v))
		buf_str(out, v > 0 ? "+Inf" : "-Inf");
	else {
		(void)snprintf(text, sizeof(text), "%.15g", v);
		if (strtod(text, NULL) < v || strtod(text, NULL) > v)
			(void)snprintf(text, sizeof(text), "%.17g", v);
		buf_str(out, text);
	}
}

void
metrics_format(const struct metrics *m, struct buf *out)
{
	const struct family_lines *f;
	size_t i, j;

	for (i = 0; i < m->n; i++) {
		f = &m->families[i];
		if (f->n == 0)
			continue;
		buf_str(out, "# HELP ");
		buf_bytes(out, buf_view(&f->name));
		buf_char(out, ' ');
		buf_bytes(out, buf_view(&f->help));
		buf_str(out, "\n# TYPE ");
		buf_bytes(out, buf_view(&f->name));
		buf_str(out, f->counter ? " counter\n" : " gauge\n");
		for (j = 0; j < f->n; j++) {
			buf_bytes(out, buf_view(&f->name));
			buf_char(out, '{');
			buf_bytes(out, buf_view(&f->samples[j].labels));
			buf_str(out, "} ");
			format_value(out, f->samples[j].value);
			buf_char(out, '\n');
		}
	}
}

/* The first word of *s, which is cut off it together with one space. */
static struct bytes
word(struct bytes *s)
{
	size_t n = bytes_find(*s, ' ', 0);
	struct bytes w = { s->p, n };

	*s = bytes_from(*s, n < s->n ? n + 1 : n);
	return w;
}

/* Where the labels that begin at ${at} end: the offset of the brace, or s.n. */
static size_t
labels_end(struct bytes s, size_t at)
{
	bool quoted = false;

	for (; at < s.n; at++)
		if (quoted && s.p[at] == '\\')
			at++;
		else if (s.p[at] == '"')
			quoted = !quoted;
		else if (s.p[at] == '}' && !quoted)
			return at;
	return s.n;
}

static bool
parse_value(struct bytes s, double *v)
{
	char text[40], *end;

	if (s.n == 0 || s.n >= sizeof(text))
		return false;
	memcpy(text, s.p, s.n);
	text[s.n] = '\0';
	if (strspn(text, "0123456789+-.eEINFinfaN") != s.n)
		return false;
	*v = strtod(text, &end);
	return *end == '\0';
}

/* "name{labels} value", of the family read last. */
static bool
parse_sample(struct bytes line, struct metrics *m)
{
	struct family_lines *f;
	size_t open, end;
	double v;

	open = bytes_find(line, '{', 0);
	if (m->n == 0 || open == line.n)
		return false;
	f = &m->families[m->n - 1];
	end = labels_end(line, open + 1);
	if (!bytes_equal(buf_view(&f->name), (struct bytes){ line.p, open }) ||
	    end + 2 > line.n || line.p[end + 1] != ' ' ||
	    !parse_value(bytes_from(line, end + 2), &v))
		return false;
	metrics_set(m, f, (struct bytes){ line.p + open + 1, end - open - 1 }, v);
	return true;
}

static bool
parse_line(struct bytes line, struct metrics *m)
{
	struct family_lines *f;
	struct bytes name;

	if (bytes_starts(line, B("# HELP "))) {
		line = bytes_from(line, 7);
		name = word(&line);
		if (name.n == 0 || metrics_find(m, name) != NULL)
			return false;
		return metrics_family(m, name, line, false) != NULL;
	}
	if (bytes_starts(line, B("# TYPE "))) {
		line = bytes_from(line, 7);
		name = word(&line);
		if ((f = metrics_find(m, name)) == NULL || f != &m->families[m->n - 1] || f->n > 0)
			return false;
		f->counter = bytes_equal(line, B("counter"));
		return f->counter || bytes_equal(line, B("gauge"));
	}
	return parse_sample(line, m);
}

bool
metrics_parse(struct bytes text, struct metrics *m)
{
	size_t end;
	bool ok = true;

	memset(m, 0, sizeof(*m));
	while (ok && text.n > 0) {
		end = bytes_find(text, '\n', 0);
		/* A last line without its newline was cut off. */
		ok = end < text.n && parse_line((struct bytes){ text.p, end }, m);
		text = bytes_from(text, end < text.n ? end + 1 : end);
	}
	if (ok && !m->no_memory)
		return true;
	metrics_free(m);
	return false;
}
