#include "source.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "coordination/signature.h"

#include "commands.h"

#define SECRET_MIN 32
#define SECRET_MAX 1024
#define FILE_MAX ((size_t)4096)
#define MASTER_MIN 32

int
source_check(struct bytes secret, const char *where, struct error *e)
{
	static const char forbidden[] = "'\"`\\$#";
	size_t i;

	if (secret.n < SECRET_MIN)
		return error_set(e, EX_CONFIG, "%s: the secret has %zu characters, expected at least %d",
		    where, secret.n, SECRET_MIN);
	if (secret.n > SECRET_MAX)
		return error_set(e, EX_CONFIG, "%s: the secret has %zu characters, expected at most %d",
		    where, secret.n, SECRET_MAX);
	for (i = 0; i < secret.n; i++) {
		if (secret.p[i] <= ' ' || secret.p[i] > '~' ||
		    memchr(forbidden, secret.p[i], sizeof(forbidden) - 1) != NULL)
			return error_set(e, EX_CONFIG, "%s: character %zu of the secret is none that can "
			    "stand in an environment file everywhere, expected printable ASCII without "
			    "space, quotes, backslash, $ and #", where, i + 1);
	}
	return 0;
}

/* Read a file with a secret; a missing one is an error of the config. */
static int
read_file(const char *option, const char *path, struct buf *out, struct error *e)
{
	struct error cause = { 0 };

	if (path[0] == '\0')
		return error_set(e, EX_CONFIG, "[secret-rotate-phase] %s is not set, and [secret-rotate-"
		    "phase] source needs it", option);
	if (file_read_secret(path, FILE_MAX, out, &cause) == 0)
		return 0;
	return error_set(e, cause.exit == EX_NOINPUT ? EX_CONFIG : cause.exit,
	    "[secret-rotate-phase] %s: %s", option, cause.text);
}

static int
derive(const struct settings *s, const char *rotation_id, struct buf *secret, struct error *e)
{
	struct buf master = { 0 };
	unsigned char out[32];
	int r = read_file("master_key_file", s->rotate.master_key_file, &master, e);

	if (r == 0 && master.n < MASTER_MIN)
		r = error_set(e, EX_CONFIG, "[secret-rotate-phase] master_key_file: %s: holds %zu bytes, "
		    "expected at least %d", s->rotate.master_key_file, master.n, MASTER_MIN);
	if (r == 0) {
		r = hkdf_sha256(buf_view(&master), bytes_str(rotation_id),
		    bytes_str(s->rotate.environment), out, sizeof(out));
		if (r == 0)
			buf_hex(secret, out, sizeof(out));
		if (r == -1 || secret->failed)
			r = error_set(e, EX_SOFTWARE, "the new secret could not be derived");
	}
	explicit_bzero(out, sizeof(out));
	buf_wipe(&master);
	return r;
}

static int
run_command(const struct effects *fx, const char *rotation_id, struct buf *secret,
    struct error *e)
{
	const char *command = fx->settings->rotate.new_secret_command;
	char variable[64], how[160];
	const char *env[] = { variable, NULL };
	struct command_result r;
	struct buf quiet = { 0 };

	if (command[0] == '\0')
		return error_set(e, EX_CONFIG, "[secret-rotate-phase] new_secret_command is not set, and "
		    "[secret-rotate-phase] source needs it");
	(void)snprintf(variable, sizeof(variable), "COORDKEEP_ROTATION=%s", rotation_id);
	/* What it says beside may hold the secret ("set -x"), and would go to journals and mails. */
	buf_printf(&quiet, "exec 2>/dev/null\n%s", command);
	if (quiet.failed)
		return error_set(e, EX_SOFTWARE, "out of memory");
	r = commands_run(fx, buf_cstr(&quiet), env, secret, FILE_MAX);
	buf_free(&quiet);
	if (r.end == COMMAND_EXITED && r.status == 0 && !secret->failed) {
		if (secret->n > 0 && secret->p[secret->n - 1] == '\n')
			secret->p[--secret->n] = '\0';
		return 0;
	}
	command_describe(&r, fx->settings->rotate.command_timeout, how, sizeof(how));
	return error_set(e, EX_CRITICAL, "new_secret_command %s (what it writes to stderr is not shown: run "
	    "it by hand): %s", how, command);
}

int
source_secret(const struct effects *fx, const char *rotation_id, struct buf *secret,
    struct error *e)
{
	const struct settings *s = fx->settings;

	switch (s->rotate.source) {
	case SOURCE_FILE:
		if (read_file("new_secret_file", s->rotate.new_secret_file, secret, e) == -1)
			return -1;
		return source_check(buf_view(secret), s->rotate.new_secret_file, e);
	case SOURCE_COMMAND:
		if (run_command(fx, rotation_id, secret, e) == -1)
			return -1;
		return source_check(buf_view(secret), "what new_secret_command printed", e);
	default:
		return derive(s, rotation_id, secret, e);
	}
}

static int
source_fingerprint(const struct effects *fx, const char *id, char fp[FINGERPRINT_SIZE],
    struct error *e)
{
	struct buf secret = { 0 };
	int r = source_secret(fx, id, &secret, e);

	if (r == 0 && secret_fingerprint(buf_view(&secret), fp) == -1)
		r = error_set(e, EX_SOFTWARE, "OpenSSL could not make a fingerprint");
	buf_wipe(&secret);
	return r;
}

int
source_fresh(void *ctx, char id[33], char fp[FINGERPRINT_SIZE], struct error *e)
{
	const struct effects *fx = ctx;
	char again[FINGERPRINT_SIZE];
	unsigned char random[16];
	size_t i;

	if (getentropy(random, sizeof(random)) != 0)
		return error_set(e, EX_SOFTWARE, "no random bytes can be had from the system");
	for (i = 0; i < sizeof(random); i++)
		(void)snprintf(id + 2 * i, 3, "%02x", random[i]);
	if (source_fingerprint(fx, id, fp, e) == -1 || source_fingerprint(fx, id, again, e) == -1)
		return -1;
	/* One that makes a secret up each time can never give every host the same. */
	if (strcmp(fp, again) != 0)
		return error_set(e, EX_CONFIG, "[secret-rotate-phase] source: asked twice, it gave two different "
		    "secrets (%s, then %s), expected the same for one COORDKEEP_ROTATION on every host", fp,
		    again);
	return 0;
}
