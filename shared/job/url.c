#include "job/settings.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/bytes.h"
#include "job/url.h"

#define DEFAULT_PORT 6379

/* No message here quotes more of a URL than its scheme: with a "/" or "@" that
 * was not percent-encoded any part of it can be a piece of the password. */

/* A decoded copy, or NULL with ${e}. */
static char *
decode(struct bytes s, const char *what, struct error *e)
{
	char *out;
	size_t i, n = 0;
	int hi, lo, c;

	if ((out = malloc(s.n + 1)) == NULL) {
		error_set(e, EX_SOFTWARE, "out of memory");
		return NULL;
	}
	for (i = 0; i < s.n; i++) {
		c = (unsigned char)s.p[i];
		if (c == '%') {
			hi = i + 2 < s.n ? bytes_hex_digit(s.p[i + 1]) : -1;
			lo = i + 2 < s.n ? bytes_hex_digit(s.p[i + 2]) : -1;
			c = hi < 0 || lo < 0 ? -1 : hi * 16 + lo;
			i += 2;
		}
		if (c < ' ' || c == 0x7f) {
			explicit_bzero(out, n);
			free(out);
			error_set(e, EX_CONFIG, "the Redis URL's %s has a %% that is not followed by "
			    "two hex digits, or a control character", what);
			return NULL;
		}
		out[n++] = (char)c;
	}
	out[n] = '\0';
	return out;
}

static struct bytes
slice(struct bytes s, size_t from, size_t to)
{

	return (struct bytes){ s.p + from, to - from };
}

/* "user:password@" at the start of ${s}, up to its last "@". */
static int
take_user(struct bytes *s, struct redis_target *t, struct error *e)
{
	struct bytes info;
	size_t at, colon, i;

	at = s->n;
	for (i = 0; i < s->n; i++)
		if (s->p[i] == '@')
			at = i;
	if (at == s->n)
		info = (struct bytes){ "", 0 };
	else {
		info = slice(*s, 0, at);
		*s = bytes_from(*s, at + 1);
	}
	colon = bytes_find(info, ':', 0);
	if ((t->username = decode(slice(info, 0, colon), "user", e)) == NULL)
		return -1;
	if (colon < info.n)
		info = bytes_from(info, colon + 1);
	else
		info = (struct bytes){ "", 0 };
	if ((t->password = decode(info, "password", e)) == NULL)
		return -1;
	return 0;
}

static int
take_db(struct bytes s, struct redis_target *t, bool *has_db, struct error *e)
{
	uint64_t v;

	if (!bytes_to_u64(s, &v) || v > 1000000)
		return error_set(e, EX_CONFIG, "the Redis URL's db is not a number of a database "
		    "(a / in the password has to be written %%2F)");
	t->db = (int)v;
	*has_db = true;
	return 0;
}

/* "db=N", the one parameter that is understood. */
static int
take_query(struct bytes s, struct redis_target *t, bool *has_db, struct error *e)
{

	if (s.n == 0)
		return 0;
	if (!bytes_starts(s, B("db=")))
		return error_set(e, EX_CONFIG, "the Redis URL has a parameter that is not supported "
		    "(only ?db=N is; TLS is set up by [redis] tls_*)");
	return take_db(bytes_from(s, 3), t, has_db, e);
}

static int
take_host(struct bytes s, struct redis_target *t, struct error *e)
{
	struct bytes host, port;
	size_t end;
	uint64_t v;

	if (bytes_find(s, ',', 0) < s.n)
		return error_set(e, EX_CONFIG, "the Redis URL is a list of servers: Redis Cluster is "
		    "not supported yet");
	if (s.n > 0 && s.p[0] == '[') {
		end = bytes_find(s, ']', 0);
		if (end == s.n)
			return error_set(e, EX_CONFIG, "the Redis URL's [address] has no end");
		host = slice(s, 1, end);
		end++;
	} else {
		end = bytes_find(s, ':', 0);
		host = slice(s, 0, end);
	}
	if (host.n == 0)
		return error_set(e, EX_CONFIG, "the Redis URL names no host (a / in the "
		    "password has to be written %%2F)");
	t->port = DEFAULT_PORT;
	if (end < s.n) {
		port = bytes_from(s, end + 1);
		if (s.p[end] != ':' || !bytes_to_u64(port, &v) || v < 1 || v > 65535)
			return error_set(e, EX_CONFIG, "the Redis URL's port is not a number from 1 "
			    "to 65535 (a : or / in the password has to be written %%3A or %%2F)");
		t->port = (int)v;
	}
	return (t->host = decode(host, "host", e)) == NULL ? -1 : 0;
}

/* What follows "redis://". */
static int
parse_tcp(struct bytes s, struct redis_target *t, bool *has_db, struct error *e)
{
	struct bytes authority, path;
	size_t slash, query;

	query = bytes_find(s, '?', 0);
	if (query < s.n && take_query(bytes_from(s, query + 1), t, has_db, e))
		return -1;
	s = slice(s, 0, query);
	slash = bytes_find(s, '/', 0);
	authority = slice(s, 0, slash);
	if (take_user(&authority, t, e) || take_host(authority, t, e))
		return -1;
	if ((t->unix_path = strdup("")) == NULL)
		return error_set(e, EX_SOFTWARE, "out of memory");
	if (slash == s.n)
		return 0;
	path = bytes_from(s, slash + 1);
	return path.n == 0 ? 0 : take_db(path, t, has_db, e);
}

/* What follows "unix://". */
static int
parse_unix(struct bytes s, struct redis_target *t, bool *has_db, struct error *e)
{
	struct bytes user;
	size_t slash, query;

	slash = bytes_find(s, '/', 0);
	if (slash == s.n)
		return error_set(e, EX_CONFIG, "the Redis URL names no socket: unix:///path");
	user = slice(s, 0, slash);
	if (take_user(&user, t, e))
		return -1;
	if (user.n > 0)
		return error_set(e, EX_CONFIG, "the Redis URL has a host where a socket's absolute "
		    "path belongs: unix:///path");
	query = bytes_find(s, '?', slash);
	if (query < s.n && take_query(bytes_from(s, query + 1), t, has_db, e))
		return -1;
	if ((t->host = strdup("")) == NULL)
		return error_set(e, EX_SOFTWARE, "out of memory");
	t->port = DEFAULT_PORT;
	t->unix_path = decode(slice(s, slash, query), "path", e);
	return t->unix_path == NULL ? -1 : 0;
}

static int
parse(struct bytes s, struct redis_target *t, bool *has_db, struct error *e)
{
	struct bytes scheme;
	size_t end;

	end = bytes_find(s, ':', 0);
	if (end == s.n || !bytes_starts(bytes_from(s, end), B("://")))
		return error_set(e, EX_CONFIG, "the Redis URL does not begin with redis://, rediss:// "
		    "or unix://");
	scheme = slice(s, 0, end);
	s = bytes_from(s, end + 3);
	if (scheme.n == 6 && strncasecmp(scheme.p, "rediss", 6) == 0)
		t->tls = true;
	else if (scheme.n == 4 && strncasecmp(scheme.p, "unix", 4) == 0)
		return parse_unix(s, t, has_db, e);
	else if (scheme.n != 5 || strncasecmp(scheme.p, "redis", 5) != 0)
		return error_set(e, EX_CONFIG, "the Redis URL's scheme is not redis, rediss or unix");
	return parse_tcp(s, t, has_db, e);
}

int
url_parse(const char *url, struct redis_target *t, bool *has_db, struct error *e)
{

	memset(t, 0, sizeof(*t));
	*has_db = false;
	if (parse(bytes_str(url), t, has_db, e) || url_show(t, e)) {
		redis_target_free(t);
		return -1;
	}
	return 0;
}

int
redis_url_parse(const char *url, struct redis_target *t, struct error *e)
{
	bool has_db;

	return url_parse(url, t, &has_db, e);
}

int
url_show(struct redis_target *t, struct error *e)
{
	struct buf b = { 0 };

	if (t->unix_path[0] != '\0')
		buf_printf(&b, "unix://%s?db=%d", t->unix_path, t->db);
	else
		buf_printf(&b, strchr(t->host, ':') == NULL ? "%s://%s:%d/%d" : "%s://[%s]:%d/%d",
		    t->tls ? "rediss" : "redis", t->host, t->port, t->db);
	if (buf_cstr(&b) == NULL) {
		buf_free(&b);
		return error_set(e, EX_SOFTWARE, "out of memory");
	}
	free(t->shown);
	t->shown = b.p;
	return 0;
}
