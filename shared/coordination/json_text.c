#include "coordination/json_text.h"

#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "base/bytes.h"

static struct bytes
slice(struct bytes s, size_t from, size_t to)
{
	return (struct bytes){ s.p + from, to - from };
}

static bool
is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static size_t
skip_space(struct bytes s, size_t at)
{
	while (at < s.n && is_space(s.p[at]))
		at++;
	return at;
}

/* The offset behind the string that begins at ${at}; 0 if it does not end. */
static size_t
skip_string(struct bytes s, size_t at)
{
	for (at++; at < s.n; at++) {
		if (s.p[at] == '\\')
			at++;
		else if (s.p[at] == '"')
			return at + 1;
	}
	return 0;
}

/* The offset behind the value at ${at}, whatever it is; 0 if it does not end.
 * Counts brackets and needs no stack: the library has seen that they pair. */
static size_t
skip_value(struct bytes s, size_t at)
{
	size_t depth = 0, start = at;

	while (at < s.n) {
		char c = s.p[at];

		if (c == '"') {
			at = skip_string(s, at);
			if (at == 0)
				return 0;
		} else if (c == '{' || c == '[') {
			depth++;
			at++;
		} else if (c == '}' || c == ']') {
			if (depth == 0)
				break;
			depth--;
			at++;
		} else if (depth == 0 && (c == ',' || is_space(c))) {
			break;
		} else {
			/* Of a literal or a number; or between members. */
			at++;
			continue;
		}
		if (depth == 0)
			break;
	}
	return depth == 0 && at > start ? at : 0;
}

bool
json_text_members(struct json_members *walk, struct bytes text)
{
	size_t at = skip_space(text, 0);

	memset(walk, 0, sizeof(*walk));
	walk->text = text;
	walk->open = at;
	walk->failed = at == text.n || text.p[at] != '{';
	walk->at = at + 1;
	return !walk->failed;
}

bool
json_text_next(struct json_members *walk, struct json_member *member)
{
	struct bytes s = walk->text;
	size_t at, end;

	if (walk->failed)
		return false;
	at = skip_space(s, walk->at);
	if (at < s.n && s.p[at] == ',')
		at = skip_space(s, at + 1);
	if (at < s.n && s.p[at] == '}')
		return false;
	walk->failed = true;
	if (at >= s.n || s.p[at] != '"')
		return false;
	end = skip_string(s, at);
	if (end == 0)
		return false;
	member->name = slice(s, at, end);
	at = skip_space(s, end);
	if (at >= s.n || s.p[at] != ':')
		return false;
	at = skip_space(s, at + 1);
	end = at < s.n ? skip_value(s, at) : 0;
	if (end == 0)
		return false;
	member->value = slice(s, at, end);
	walk->at = end;
	walk->failed = false;
	return true;
}

bool
json_text_named(const struct json_member *member, struct bytes name)
{
	struct bytes raw = slice(member->name, 1, member->name.n - 1);
	struct bytes decoded;
	json_t *string;
	bool same;

	if (bytes_find(raw, '\\', 0) == raw.n)
		return bytes_equal(raw, name);
	string = json_loadb(member->name.p, member->name.n, JSON_DECODE_ANY, NULL);
	if (string == NULL)
		return false;
	decoded.p = json_string_value(string);
	decoded.n = json_string_length(string);
	same = decoded.p != NULL && bytes_equal(decoded, name);
	json_decref(string);
	return same;
}

static size_t
skip_digits(struct bytes s, size_t at)
{
	while (at < s.n && s.p[at] >= '0' && s.p[at] <= '9')
		at++;
	return at;
}

bool
json_text_number(struct bytes s, bool *real)
{
	size_t at = 0, end;

	*real = false;
	if (at < s.n && s.p[at] == '-')
		at++;
	end = skip_digits(s, at);
	if (end == at || (s.p[at] == '0' && end > at + 1))
		return false;
	at = end;
	if (at < s.n && s.p[at] == '.') {
		*real = true;
		end = skip_digits(s, at + 1);
		if (end == at + 1)
			return false;
		at = end;
	}
	if (at < s.n && (s.p[at] == 'e' || s.p[at] == 'E')) {
		*real = true;
		at++;
		if (at < s.n && (s.p[at] == '+' || s.p[at] == '-'))
			at++;
		end = skip_digits(s, at);
		if (end == at)
			return false;
		at = end;
	}
	return at == s.n;
}

bool
json_text_value(struct bytes s, double *v)
{
	char small[64];
	char *text = small;

	/* strtod wants a string that ends; most numbers are short. */
	if (s.n >= sizeof(small)) {
		text = malloc(s.n + 1);
		if (text == NULL)
			return false;
	}
	memcpy(text, s.p, s.n);
	text[s.n] = '\0';
	*v = strtod(text, NULL);
	if (text != small)
		free(text);
	return isfinite(*v);
}

/* A number (by its grammar) that the library refuses for its size alone. */
static bool
is_huge(struct bytes token)
{
	char text[32];
	double v;
	bool real;

	if (token.n < 3 || !json_text_number(token, &real))
		return false;
	if (real)
		return !json_text_value(token, &v);
	if (token.n >= sizeof(text))
		return true;
	memcpy(text, token.p, token.n);
	text[token.n] = '\0';
	errno = 0;
	(void)strtoll(text, NULL, 10);
	return errno == ERANGE;
}

static bool
ends_token(char c)
{
	return is_space(c) || strchr(",:\"[]{}", c) != NULL;
}

bool
json_text_tame(struct bytes text, struct buf *out)
{
	struct buf copy = { 0 };
	size_t at = 0, end, copied = 0;

	while (at < text.n) {
		if (text.p[at] == '"') {
			end = skip_string(text, at);
			at = end == 0 ? text.n : end;
			continue;
		}
		end = at;
		while (end < text.n && !ends_token(text.p[end]))
			end++;
		if (end == at) {
			at++;
			continue;
		}
		if (is_huge(slice(text, at, end))) {
			buf_bytes(&copy, slice(text, copied, at));
			buf_str(&copy, "null");
			copied = end;
		}
		at = end;
	}
	if (copied > 0) {
		buf_bytes(&copy, bytes_from(text, copied));
		buf_bytes(out, buf_view(&copy));
	}
	if (copy.failed || out->failed)
		copied = 0;
	buf_free(&copy);
	return copied > 0;
}
