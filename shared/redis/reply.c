#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "redis/reply.h"

bool
reply_is_nil(const struct reply *r)
{
	return r != NULL && r->type == REDIS_REPLY_NIL;
}

const char *
reply_error(const struct reply *r)
{
	return r != NULL && r->type == REDIS_REPLY_ERROR ? r->string.p : NULL;
}

bool
reply_integer(const struct reply *r, int64_t *v)
{
	if (r == NULL || r->type != REDIS_REPLY_INTEGER)
		return false;
	*v = r->integer;
	return true;
}

bool
reply_string(const struct reply *r, struct bytes *s)
{
	if (r == NULL || (r->type != REDIS_REPLY_STRING && r->type != REDIS_REPLY_STATUS))
		return false;
	*s = r->string;
	return true;
}

bool
reply_array(const struct reply *r, size_t *n)
{
	if (r == NULL || r->type != REDIS_REPLY_ARRAY)
		return false;
	*n = r->list.n;
	return true;
}

const struct reply *
reply_at(const struct reply *r, size_t i)
{
	if (r == NULL || r->type != REDIS_REPLY_ARRAY || i >= r->list.n)
		return NULL;
	return &r->list.v[i];
}

const char *
reply_kind(const struct reply *r)
{
	if (r == NULL)
		return "no reply";
	switch (r->type) {
	case REDIS_REPLY_STRING:
		return "a string";
	case REDIS_REPLY_STATUS:
		return "a status";
	case REDIS_REPLY_INTEGER:
		return "an integer";
	case REDIS_REPLY_ARRAY:
		return "an array";
	case REDIS_REPLY_NIL:
		return "nil";
	case REDIS_REPLY_ERROR:
		return r->string.p;
	default:
		return "a reply of an unknown type";
	}
}

/* Before Redis 7 the error of a command in a script stands in the middle of a sentence:
 * "ERR Error running script (call to f_..): @user_script:1: @user_script: 1: -OOM ...". */
static const char *
in_script(const char *text)
{
	const char *inner = NULL;

	if (strncmp(text, "ERR Error running script", 24) == 0)
		inner = strstr(text, ": -");
	return inner != NULL ? inner + 3 : text;
}

/* Is ${word} the first word of ${text}? "BUSY" is not that of "BUSYKEY ...". */
static bool
first_word(const char *text, const char *word)
{
	size_t n = strlen(word);

	text = in_script(text);
	return strncmp(text, word, n) == 0 && (text[n] == '\0' || text[n] == ' ');
}

static bool
any_word(const char *text, const char *const *words)
{
	for (; *words != NULL; words++)
		if (first_word(text, *words))
			return true;
	return false;
}

bool
reply_temporary(const char *text)
{
	static const char *const words[] = { "LOADING", "BUSY", "TRYAGAIN", "CLUSTERDOWN",
		"MASTERDOWN", "READONLY", NULL };

	return any_word(text, words);
}

bool
reply_elsewhere(const char *text)
{
	static const char *const words[] = { "MASTERDOWN", "READONLY", NULL };

	return any_word(text, words);
}

bool
reply_crowded(const char *text)
{
	return strncmp(text, "ERR max number of clients", 25) == 0;
}

int
reply_exit(const char *text)
{
	static const char *const refused[] = { "NOAUTH", "WRONGPASS", "NOPERM", "DENIED", NULL };
	static const char *const unable[] = { "OOM", "MISCONF", "NOREPLICAS", NULL };

	/* An ACL that refuses a command within a script has words of its own: before Redis 7.2, and
	 * since. */
	if (any_word(text, refused) || strstr(text, "executing the script can't") != NULL ||
	    strncmp(text, "ERR ACL failure in script", 25) == 0)
		return EX_NOPERM;
	if (any_word(text, unable) || reply_temporary(text) || reply_crowded(text))
		return EX_UNAVAILABLE;
	return EX_CRITICAL;
}

bool
reply_refuses_key(const struct reply *r)
{
	const char *text = reply_error(r);

	/* Redis has two ways to say it, Valkey a third: all name the key or the keys, and where it is
	 * the command that is refused none does. */
	return text != NULL && reply_exit(text) == EX_NOPERM && strstr(text, " key") != NULL;
}

int
reply_fail(const struct reply *r, struct error *e, const char *what, ...)
{
	char name[240];
	va_list ap;

	va_start(ap, what);
	vsnprintf(name, sizeof(name), what, ap);
	va_end(ap);
	if (r == NULL)
		return error_set(e, EX_UNAVAILABLE,
		    "%s: the reply was lost, the outcome is unknown", name);
	if (reply_error(r) != NULL)
		return error_set(e, reply_exit(reply_error(r)), "%s: %s", name, reply_error(r));
	return error_set(e, EX_CRITICAL, "%s: unexpected reply: %s", name, reply_kind(r));
}

struct bytes
bytes_of_int(int64_t v, char *out)
{
	int n = snprintf(out, 24, "%lld", (long long)v);

	return (struct bytes){ out, (size_t)n };
}
