#include "job/settings.h"

#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "job/url.h"

#define PASSWORD_MAX 4096

/* An environment variable that is set to something, or NULL. */
static const char *
environment(const char *name)
{
	const char *v = getenv(name);

	return v != NULL && v[0] != '\0' ? v : NULL;
}

static int
replace(char **field, const char *value, struct error *e)
{
	char *copy;

	if ((copy = strdup(value)) == NULL)
		return error_set(e, EX_SOFTWARE, "out of memory");
	if (*field != NULL)
		explicit_bzero(*field, strlen(*field));
	free(*field);
	*field = copy;
	return 0;
}

static int
number(const char *name, const char *value, uint64_t max, int *out, struct error *e)
{
	uint64_t v;

	if (!bytes_to_u64(bytes_str(value), &v) || v > max)
		return error_set(e, EX_CONFIG, "%s in the environment is not a number up to %llu",
		    name, (unsigned long long)max);
	*out = (int)v;
	return 0;
}

/* REDIS_HOST and REDIS_PORT over the URL of the config. */
static int
apply_host(struct redis_target *t, struct error *e)
{
	const char *host = environment("REDIS_HOST");
	const char *port = environment("REDIS_PORT");

	if (host == NULL && port == NULL)
		return 0;
	if (host != NULL && replace(&t->host, host, e))
		return -1;
	if (port != NULL && number("REDIS_PORT", port, 65535, &t->port, e))
		return -1;
	if (host == NULL && t->unix_path[0] != '\0')
		return 0; /* a port alone does not turn a socket into a host */
	return replace(&t->unix_path, "", e);
}

static int
read_password(const char *path, bool must_exist, struct redis_target *t, bool *found,
    struct error *e)
{
	const char *option = must_exist ? "[redis] password_file: " : "";
	struct buf b = { 0 };
	struct error why = { 0 };
	int rc = -1;

	*found = false;
	if (file_read_secret(path, PASSWORD_MAX, &b, &why)) {
		if (why.exit == EX_NOINPUT && !must_exist)
			rc = 0;
		else
			error_set(e, why.exit == EX_NOINPUT ? EX_CONFIG : why.exit, "%s%s", option,
			    why.text);
	} else if (buf_cstr(&b) == NULL)
		error_set(e, EX_SOFTWARE, "out of memory");
	else if (b.n == 0 || strlen(b.p) != b.n)
		error_set(e, EX_CONFIG, "%s%s holds no password: it is empty or has a NUL byte",
		    option, path);
	else if ((rc = replace(&t->password, b.p, e)) == 0)
		*found = true;
	buf_wipe(&b);
	return rc;
}

/* The password where the URL in the environment has none. */
static int
find_password(const struct settings *s, struct redis_target *t, struct error *e)
{
	const char *v, *dir;
	struct buf path = { 0 };
	bool found;
	int rc;

	if ((v = environment("REDIS_PASSWORD")) != NULL)
		return replace(&t->password, v, e);
	if (s->redis.password_file[0] != '\0')
		return read_password(s->redis.password_file, true, t, &found, e);
	if ((dir = environment("CREDENTIALS_DIRECTORY")) == NULL)
		return 0;
	buf_printf(&path, "%s/redis-password", dir);
	if (buf_cstr(&path) == NULL)
		rc = error_set(e, EX_SOFTWARE, "out of memory");
	else
		rc = read_password(path.p, false, t, &found, e);
	buf_free(&path);
	return rc;
}

static int
resolve(const struct settings *s, struct redis_target *t, struct error *e)
{
	const char *url = environment("REDIS_URL");
	const char *db = environment("REDIS_DB");
	struct error why = { 0 };
	bool has_db;

	if (url != NULL && url_parse(url, t, &has_db, &why))
		return error_set(e, why.exit, "REDIS_URL: %s", why.text);
	if (url == NULL && url_parse(s->redis.url, t, &has_db, e))
		return -1;
	/* The URL in the environment says all that it says; the others fill in. */
	if (url == NULL && apply_host(t, e))
		return -1;
	if (url == NULL || !has_db) {
		if (db != NULL) {
			if (number("REDIS_DB", db, 1000000, &t->db, e))
				return -1;
		} else if (s->redis.db >= 0)
			t->db = (int)s->redis.db;
	}
	if ((url == NULL || t->username[0] == '\0') && s->redis.username[0] != '\0' &&
	    replace(&t->username, s->redis.username, e))
		return -1;
	if ((url == NULL || t->password[0] == '\0') && find_password(s, t, e))
		return -1;
	return url_show(t, e);
}

int
redis_target_resolve(const struct settings *s, struct redis_target *t, struct error *e)
{

	memset(t, 0, sizeof(*t));
	if (settings_check_target(s, e))
		return -1;
	if (resolve(s, t, e)) {
		redis_target_free(t);
		return -1;
	}
	return 0;
}

void
redis_target_free(struct redis_target *t)
{

	if (t->password != NULL)
		explicit_bzero(t->password, strlen(t->password));
	free(t->unix_path);
	free(t->host);
	free(t->username);
	free(t->password);
	free(t->shown);
	memset(t, 0, sizeof(*t));
}

static void
forget(const char *name)
{
	char *v;

	if ((v = getenv(name)) == NULL)
		return;
	explicit_bzero(v, strlen(v));
	unsetenv(name);
}

void
redis_environment_wipe(void)
{
	const char *url = getenv("REDIS_URL");

	forget("REDIS_PASSWORD");
	if (url != NULL && strchr(url, '@') != NULL)
		forget("REDIS_URL");
}
