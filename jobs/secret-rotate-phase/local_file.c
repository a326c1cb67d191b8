#include <string.h>

#include "local.h"

#include "coordination/signature.h"

#include "envfile.h"
#include "envtext.h"
#include "source.h"

/* The environment file as it stands, with both secrets and their fingerprints. */
struct opened {
	struct envfile file;
	struct setting sign, other;
	struct pair pair;
};

static void
opened_free(struct opened *o)
{
	envfile_free(&o->file);
	setting_wipe(&o->sign);
	setting_wipe(&o->other);
}

static int
explain(const struct settings *s, enum envtext_result r, struct error *e)
{
	const char *path = s->secrets.env_file;

	switch (r) {
	case ENVTEXT_OK:
		return 0;
	case ENVTEXT_MISSING:
		return error_set(e, EX_CONFIG, "%s: does not set %s in a line that systemd reads (no "
		    "\"export\" before it, no byte order mark): mend it, or name the file or the variable in "
		    "[secrets] env_file, current_var", path, s->secrets.current_var);
	case ENVTEXT_AMBIGUOUS:
		return error_set(e, EX_CONFIG, "%s: cannot be edited so that every version of systemd "
		    "reads the same (a comment that ends in a backslash, or a quote that is never "
		    "closed): mend that line", path);
	case ENVTEXT_NUL:
		return error_set(e, EX_CONFIG, "%s: holds a NUL byte", path);
	default:
		return error_set(e, EX_SOFTWARE, "%s: no memory to read it", path);
	}
}

static int
fingerprint(const struct buf *value, char fp[FINGERPRINT_SIZE])
{
	memset(fp, 0, FINGERPRINT_SIZE);
	return value->n == 0 ? 0 : secret_fingerprint(buf_view(value), fp);
}

static int
open_file(const struct settings *s, struct opened *o, struct error *e)
{
	struct error cause = { 0 };

	memset(o, 0, sizeof(*o));
	o->sign.name = bytes_str(s->secrets.current_var);
	o->other.name = bytes_str(s->secrets.other_var);
	if (envfile_read(s->secrets.env_file, &o->file, &cause) == -1)
		return error_set(e, cause.exit == EX_NOINPUT ? EX_CONFIG : cause.exit, "%s",
		    cause.text);
	if (explain(s, envtext_get(buf_view(&o->file.text), &o->sign, &o->other), e) == -1)
		goto failed;
	if (o->sign.value.n == 0) {
		(void)error_set(e, EX_CONFIG, "%s: %s is empty", s->secrets.env_file,
		    s->secrets.current_var);
		goto failed;
	}
	if (fingerprint(&o->sign.value, o->pair.sign) == 0 &&
	    fingerprint(&o->other.value, o->pair.other) == 0)
		return 0;
	(void)error_set(e, EX_SOFTWARE, "OpenSSL could not make a fingerprint");
failed:
	opened_free(o);
	return -1;
}

int
local_look_file(void *ctx, struct pair *file, struct error *e)
{
	const struct effects *fx = ctx;
	struct opened o;

	memset(file, 0, sizeof(*file));
	if (open_file(fx->settings, &o, e) == -1)
		return -1;
	*file = o.pair;
	opened_free(&o);
	return 0;
}

/* ---- moving ---- */

/* Put the secret of ${fp} into ${out}: 1, or 0 if it cannot be had, -1. */
static int
find_value(const struct effects *fx, const struct rotation *r, const struct opened *o,
    const char *fp, struct buf *out, struct error *e)
{
	char given[FINGERPRINT_SIZE];

	if (fp[0] == '\0')
		return 1;
	if (strcmp(fp, o->pair.sign) == 0) {
		buf_bytes(out, buf_view(&o->sign.value));
	} else if (strcmp(fp, o->pair.other) == 0) {
		buf_bytes(out, buf_view(&o->other.value));
	} else {
		if (source_secret(fx, r->id, out, e) == -1)
			return -1;
		if (!out->failed && fingerprint(out, given) == -1)
			return error_set(e, EX_SOFTWARE, "OpenSSL could not make a fingerprint");
		if (!out->failed && strcmp(given, fp) != 0)
			return 0;
	}
	return out->failed ? error_set(e, EX_SOFTWARE, "no memory for a secret") : 1;
}

static int
write_file(const struct effects *fx, const struct opened *o, const struct setting *sign,
    const struct setting *other, struct error *e)
{
	const struct settings *s = fx->settings;
	struct buf text = { 0 };
	int r = explain(s, envtext_edit(buf_view(&o->file.text), sign, other, &text), e);

	if (r == 0 && !fx->dry)
		r = envfile_write(s->secrets.env_file, &o->file, buf_view(&text), e);
	buf_wipe(&text);
	return r;
}

/* Since the caller looked, somebody may have written another secret into it. */
static int
check_known(const struct settings *s, const struct rotation *r, const struct pair *p,
    struct error *e)
{
	if (rotation_knows(r, p->sign) && (p->other[0] == '\0' || rotation_knows(r, p->other)))
		return 0;
	return error_set(e, EX_TEMPFAIL,
	    "%s: was changed by somebody else, and holds a secret that the rotation does not know",
	    s->secrets.env_file);
}

int
local_move_file(void *ctx, const struct rotation *r, const struct pair *target, bool *moved,
    struct error *e)
{
	const struct effects *fx = ctx;
	struct setting sign = { 0 }, other = { 0 };
	struct opened o;
	int found;

	*moved = false;
	if (open_file(fx->settings, &o, e) == -1)
		return -1;
	sign.name = o.sign.name;
	other.name = o.other.name;
	found = check_known(fx->settings, r, &o.pair, e);
	if (found == 0)
		found = find_value(fx, r, &o, target->sign, &sign.value, e);
	if (found == 1)
		found = find_value(fx, r, &o, target->other, &other.value, e);
	if (found == 1) {
		found = write_file(fx, &o, &sign, &other, e);
		*moved = found == 0;
	}
	setting_wipe(&sign);
	setting_wipe(&other);
	opened_free(&o);
	return found == -1 ? -1 : 0;
}
