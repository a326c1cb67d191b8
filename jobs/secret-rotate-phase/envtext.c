#include "envtext.h"

#include <stdlib.h>
#include <string.h>

/* The states of systemd's parser, under its names. */
enum at {
	PRE_KEY, KEY, PRE_VALUE, VALUE, VALUE_ESCAPE, SINGLE_QUOTE_VALUE, DOUBLE_QUOTE_VALUE,
	DOUBLE_QUOTE_VALUE_ESCAPE, COMMENT, COMMENT_ESCAPE
};

struct parser {
	struct envtext *t;
	struct bytes text;
	enum envtext_dialect dialect;
	enum at at;
	struct assignment now; /* being read */
	size_t key_from, key_end;
	size_t keep;           /* length of the value without trailing blanks */
	bool failed;
};

static bool
is_newline(char c)
{
	return c == '\n' || c == '\r';
}

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t' || is_newline(c);
}

static bool
grow(struct envtext *t)
{
	size_t cap = t->cap == 0 ? 16 : 2 * t->cap;
	struct assignment *p;

	if (t->n < t->cap)
		return true;
	/* The array itself holds no secret, so realloc() leaves none behind. */
	p = realloc(t->assignment, cap * sizeof(*p));
	if (p == NULL)
		return false;
	t->assignment = p;
	t->cap = cap;
	return true;
}

static void
put(struct parser *p, char c)
{
	buf_char(&p->now.value, c);
	p->keep = p->now.value.n;
}

/* The assignment ends before ${end}. */
static void
push(struct parser *p, size_t end)
{
	struct bytes text = p->text;

	p->now.open = p->at != VALUE && p->at != PRE_VALUE;
	if (p->at == VALUE && p->now.value.n > p->keep)
		p->now.value.n = p->keep;
	if (p->now.value.failed || !grow(p->t)) {
		p->failed = true;
		buf_wipe(&p->now.value);
		return;
	}
	p->now.name = (struct bytes){ text.p + p->key_from, p->key_end - p->key_from };
	p->now.end = p->now.next = end;
	if (end < text.n)
		p->now.next++;
	if (end + 1 < text.n && text.p[end] == '\r' && text.p[end + 1] == '\n')
		p->now.next++;
	p->t->assignment[p->t->n++] = p->now;
	memset(&p->now, 0, sizeof(p->now));
	p->at = PRE_KEY;
}

/* Where the line begins on which ${i} stands, with its blanks. */
static size_t
line_of(struct bytes text, size_t i)
{
	while (i > 0 && (text.p[i - 1] == ' ' || text.p[i - 1] == '\t'))
		i--;
	return i;
}

static void
step_key(struct parser *p, size_t i, char c)
{
	if (p->at == PRE_KEY) {
		if (c == '#' || c == ';') {
			p->at = COMMENT;
		} else if (!is_blank(c)) {
			p->at = KEY;
			p->key_from = i;
			p->key_end = i + 1;
			p->now.line = line_of(p->text, i);
		}
	} else if (is_newline(c)) {
		p->at = PRE_KEY;
	} else if (c == '=') {
		p->at = PRE_VALUE;
		p->now.from = i + 1;
		p->keep = 0;
	} else if (!is_blank(c)) {
		p->key_end = i + 1;
	}
}

static void
step_value(struct parser *p, size_t i, char c)
{
	if (is_newline(c)) {
		push(p, i);
	} else if (c == '\\') {
		/* Blanks before a backslash are no longer at the end. */
		p->keep = p->now.value.n;
		p->at = VALUE_ESCAPE;
	} else if (p->at == PRE_VALUE && c == '\'') {
		p->at = SINGLE_QUOTE_VALUE;
	} else if (p->at == PRE_VALUE && c == '"') {
		p->at = DOUBLE_QUOTE_VALUE;
	} else if (!is_blank(c)) {
		p->at = VALUE;
		put(p, c);
	} else if (p->at == VALUE) {
		buf_char(&p->now.value, c);
	}
}

static void
step_double(struct parser *p, char c)
{
	if (p->at == DOUBLE_QUOTE_VALUE_ESCAPE) {
		p->at = DOUBLE_QUOTE_VALUE;
		if (strchr("\"\\`$", c) != NULL) {
			put(p, c);
		} else if (c != '\n') {
			put(p, '\\');
			put(p, c);
		}
	} else if (c == '"') {
		p->at = PRE_VALUE;
	} else if (c == '\\') {
		p->at = DOUBLE_QUOTE_VALUE_ESCAPE;
	} else {
		put(p, c);
	}
}

static void
step_comment(struct parser *p, char c)
{
	if (p->at == COMMENT_ESCAPE &&
	    (p->dialect == ENVTEXT_COMMENT_CONTINUES || !is_newline(c)))
		p->at = COMMENT;
	else if (is_newline(c))
		p->at = PRE_KEY;
	else if (c == '\\')
		p->at = COMMENT_ESCAPE;
}

static void
step(struct parser *p, size_t i, char c)
{
	switch (p->at) {
	case PRE_KEY:
	case KEY:
		step_key(p, i, c);
		break;
	case PRE_VALUE:
	case VALUE:
		step_value(p, i, c);
		break;
	case VALUE_ESCAPE:
		p->at = VALUE;
		if (!is_newline(c))
			put(p, c);
		break;
	case SINGLE_QUOTE_VALUE:
		if (c == '\'')
			p->at = PRE_VALUE;
		else
			put(p, c);
		break;
	case DOUBLE_QUOTE_VALUE:
	case DOUBLE_QUOTE_VALUE_ESCAPE:
		step_double(p, c);
		break;
	case COMMENT:
	case COMMENT_ESCAPE:
		step_comment(p, c);
		break;
	}
}

int
envtext_parse(struct bytes text, enum envtext_dialect d, struct envtext *t)
{
	struct parser p = { .t = t, .text = text, .dialect = d };
	size_t i;

	memset(t, 0, sizeof(*t));
	for (i = 0; i < text.n && !p.failed; i++)
		step(&p, i, text.p[i]);
	if (!p.failed && p.at != PRE_KEY && p.at != KEY && p.at != COMMENT &&
	    p.at != COMMENT_ESCAPE)
		push(&p, text.n);
	buf_wipe(&p.now.value);
	if (p.failed) {
		envtext_free(t);
		return -1;
	}
	return 0;
}

void
envtext_free(struct envtext *t)
{
	size_t i;

	for (i = 0; i < t->n; i++)
		buf_wipe(&t->assignment[i].value);
	free(t->assignment);
	memset(t, 0, sizeof(*t));
}

const struct assignment *
envtext_find(const struct envtext *t, struct bytes name)
{
	size_t i;

	for (i = t->n; i > 0; i--) {
		if (bytes_equal(t->assignment[i - 1].name, name))
			return &t->assignment[i - 1];
	}
	return NULL;
}

void
setting_wipe(struct setting *s)
{
	buf_wipe(&s->value);
}
