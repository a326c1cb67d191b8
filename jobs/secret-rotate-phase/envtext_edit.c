#include "envtext.h"

#include <string.h>

/* What needs no quotes, for systemd, a shell and whatever else reads such files. */
static const char bare[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
    "_-./:@%+,=^~";

static void
put_value(struct buf *out, struct bytes value)
{
	bool quote = value.n == 0;
	size_t i;

	for (i = 0; i < value.n; i++) {
		if (memchr(bare, value.p[i], sizeof(bare) - 1) == NULL)
			quote = true;
	}
	if (!quote) {
		buf_bytes(out, value);
		return;
	}
	buf_char(out, '"');
	for (i = 0; i < value.n; i++) {
		if (memchr("\"\\`$", value.p[i], 4) != NULL)
			buf_char(out, '\\');
		buf_char(out, value.p[i]);
	}
	buf_char(out, '"');
}

static bool
same_value(const struct assignment *a, const struct setting *s)
{
	return bytes_equal(a == NULL ? B("") : buf_view(&a->value), buf_view(&s->value));
}

/* Both of them, as the text says. Wanted values are compared if ${check}. */
static enum envtext_result
read_both(const struct envtext *t, struct setting *sign, struct setting *other)
{
	const struct assignment *a = envtext_find(t, sign->name);
	const struct assignment *b = envtext_find(t, other->name);

	buf_wipe(&sign->value);
	buf_wipe(&other->value);
	if (a != NULL)
		buf_bytes(&sign->value, buf_view(&a->value));
	if (b != NULL)
		buf_bytes(&other->value, buf_view(&b->value));
	if (sign->value.failed || other->value.failed)
		return ENVTEXT_MEMORY;
	return a == NULL ? ENVTEXT_MISSING : ENVTEXT_OK;
}

enum envtext_result
envtext_get(struct bytes text, struct setting *sign, struct setting *other)
{
	struct envtext old = { 0 }, new = { 0 };
	enum envtext_result r;

	if (text.n > 0 && memchr(text.p, '\0', text.n) != NULL)
		return ENVTEXT_NUL;
	if (envtext_parse(text, ENVTEXT_COMMENT_CONTINUES, &old) == -1 ||
	    envtext_parse(text, ENVTEXT_COMMENT_ENDS, &new) == -1) {
		envtext_free(&old);
		return ENVTEXT_MEMORY;
	}
	r = read_both(&new, sign, other);
	if (r != ENVTEXT_MEMORY && (!same_value(envtext_find(&old, sign->name), sign) ||
	    !same_value(envtext_find(&old, other->name), other)))
		r = ENVTEXT_AMBIGUOUS;
	envtext_free(&old);
	envtext_free(&new);
	return r;
}

/* ---- editing ---- */

struct edit {
	struct bytes text;
	const struct setting *sign, *other;
	const struct assignment *last; /* of sign: other is put behind it where it is new */
	bool insert;
	struct buf *out;
	size_t done;                   /* of text */
};

static void
keep_until(struct edit *e, size_t to)
{
	if (to > e->done) {
		buf_add(e->out, e->text.p + e->done, to - e->done);
		e->done = to;
	}
}

static void
set_value(struct edit *e, const struct assignment *a, const struct setting *s)
{
	/* What says the same already stays as it was written, unless it is unfinished. */
	if (!a->open && bytes_equal(buf_view(&a->value), buf_view(&s->value))) {
		keep_until(e, a->end);
		return;
	}
	keep_until(e, a->from);
	put_value(e->out, buf_view(&s->value));
	e->done = a->end;
}

static void
insert_other(struct edit *e, const struct assignment *a)
{
	bool crlf = a->next - a->end == 2;

	buf_str(e->out, crlf ? "\r\n" : "\n");
	buf_bytes(e->out, e->other->name);
	buf_char(e->out, '=');
	put_value(e->out, buf_view(&e->other->value));
}

static void
edit_assignment(struct edit *e, const struct assignment *a)
{
	if (bytes_equal(a->name, e->sign->name)) {
		set_value(e, a, e->sign);
		if (a == e->last && e->insert)
			insert_other(e, a);
	} else if (bytes_equal(a->name, e->other->name)) {
		if (e->other->value.n > 0) {
			set_value(e, a, e->other);
		} else {
			keep_until(e, a->line);
			e->done = a->next;
		}
	}
}

/* Does ${after} say of every variable but our two what ${before} says, in that order? */
static bool
others_same(const struct envtext *before, const struct envtext *after, const struct edit *e)
{
	size_t i = 0, j = 0;
	const struct assignment *a, *b;

	for (;; i++, j++) {
		while (i < before->n && (bytes_equal(before->assignment[i].name, e->sign->name) ||
		    bytes_equal(before->assignment[i].name, e->other->name)))
			i++;
		while (j < after->n && (bytes_equal(after->assignment[j].name, e->sign->name) ||
		    bytes_equal(after->assignment[j].name, e->other->name)))
			j++;
		if (i == before->n || j == after->n)
			return i == before->n && j == after->n;
		a = &before->assignment[i];
		b = &after->assignment[j];
		if (!bytes_equal(a->name, b->name) ||
		    !bytes_equal(buf_view(&a->value), buf_view(&b->value)))
			return false;
	}
}

static enum envtext_result
check_dialect(struct bytes before, struct bytes after, enum envtext_dialect d,
    const struct edit *e)
{
	struct envtext was = { 0 }, is = { 0 };
	enum envtext_result r = ENVTEXT_OK;

	if (envtext_parse(before, d, &was) == -1 || envtext_parse(after, d, &is) == -1)
		r = ENVTEXT_MEMORY;
	else if (!same_value(envtext_find(&is, e->sign->name), e->sign) ||
	    !same_value(envtext_find(&is, e->other->name), e->other) ||
	    !others_same(&was, &is, e))
		r = ENVTEXT_AMBIGUOUS;
	envtext_free(&was);
	envtext_free(&is);
	return r;
}

enum envtext_result
envtext_edit(struct bytes text, const struct setting *sign, const struct setting *other,
    struct buf *out)
{
	struct buf made = { 0 };
	struct edit e = { .text = text, .sign = sign, .other = other, .out = &made };
	struct envtext t = { 0 };
	enum envtext_result r = ENVTEXT_OK;
	size_t i;

	if (text.n > 0 && memchr(text.p, '\0', text.n) != NULL)
		return ENVTEXT_NUL;
	if (envtext_parse(text, ENVTEXT_COMMENT_ENDS, &t) == -1)
		return ENVTEXT_MEMORY;
	e.last = envtext_find(&t, sign->name);
	if (e.last == NULL) {
		envtext_free(&t);
		return ENVTEXT_MISSING;
	}
	e.insert = other->value.n > 0 && envtext_find(&t, other->name) == NULL;
	for (i = 0; i < t.n; i++)
		edit_assignment(&e, &t.assignment[i]);
	keep_until(&e, text.n);
	envtext_free(&t);
	r = check_dialect(text, buf_view(&made), ENVTEXT_COMMENT_CONTINUES, &e);
	if (r == ENVTEXT_OK)
		r = check_dialect(text, buf_view(&made), ENVTEXT_COMMENT_ENDS, &e);
	if (r == ENVTEXT_OK)
		buf_bytes(out, buf_view(&made));
	if (made.failed || out->failed)
		r = ENVTEXT_MEMORY;
	buf_wipe(&made);
	return r;
}
