#include "drain.h"

#include <string.h>

#include "base/log.h"
#include "coordination/keys.h"
#include "coordination/record.h"
#include "coordination/signature.h"

#include "effects.h"
#include "envfile.h"
#include "envtext.h"

/* A record longer than that is not looked at. */
#define LONGEST 65536
#define LAST "65536"
/* A message is looked for so many levels down in a retry record. */
#define RETRY_DEPTH 4

const char *const in_flight_names[IN_FLIGHT_STATES] = {
	[IN_FLIGHT_NEW] = "new",
	[IN_FLIGHT_OLD] = "old",
	[IN_FLIGHT_NEITHER] = "neither",
	[IN_FLIGHT_UNSIGNED] = "unsigned",
	[IN_FLIGHT_UNREADABLE] = "unreadable",
};

void
in_flight_free(struct in_flight *f)
{
	buf_free(&f->held);
	memset(f, 0, sizeof(*f));
}

int64_t
in_flight_held(const struct in_flight *f)
{
	return f->n[IN_FLIGHT_OLD] + f->n[IN_FLIGHT_UNREADABLE];
}

struct count {
	struct effects *x;
	struct in_flight *f;
	struct buf secret[2];   /* the new one, the old one */
	struct error error;
};

/* ---- the secrets ---- */

/* Which is which. An abort (hold, then retire) goes back to what all sign with. */
static void
name_secrets(const struct rotation *r, const struct pair *file, char fp[2][17])
{
	bool before = r->phase == PHASE_DISTRIBUTE ||
	    (r->phase == PHASE_HOLD && r->then == PHASE_RETIRE);

	if (r->epoch == 0) {
		memcpy(fp[0], file->sign, FINGERPRINT_SIZE);
		memcpy(fp[1], file->other, FINGERPRINT_SIZE);
		return;
	}
	memcpy(fp[before ? 1 : 0], r->sign, FINGERPRINT_SIZE);
	memcpy(fp[before ? 0 : 1], r->other, FINGERPRINT_SIZE);
}

static int
take_secret(const struct buf *value, const char *fp, const char *named, struct buf *to)
{
	if (named[0] == '\0' || to->n > 0 || strcmp(fp, named) != 0)
		return 0;
	buf_bytes(to, buf_view(value));
	return to->failed ? -1 : 0;
}

static int
fingerprint_of(const struct buf *value, char fp[FINGERPRINT_SIZE])
{
	memset(fp, 0, FINGERPRINT_SIZE);
	return value->n == 0 ? 0 : secret_fingerprint(buf_view(value), fp);
}

static int
take_secrets(struct count *c, const struct rotation *r, const struct setting *sign,
    const struct setting *other, struct error *e)
{
	struct pair file;
	int i;

	if (fingerprint_of(&sign->value, file.sign) == -1 ||
	    fingerprint_of(&other->value, file.other) == -1)
		return error_set(e, EX_SOFTWARE, "OpenSSL cannot compute a fingerprint");
	name_secrets(r, &file, c->f->fp);
	for (i = 0; i < 2; i++) {
		if (take_secret(&sign->value, file.sign, c->f->fp[i], &c->secret[i]) == -1 ||
		    take_secret(&other->value, file.other, c->f->fp[i], &c->secret[i]) == -1)
			return error_set(e, EX_SOFTWARE, "out of memory");
		c->f->have[i] = c->secret[i].n > 0;
	}
	return 0;
}

static int
read_secrets(struct count *c, const struct rotation *r, struct error *e)
{
	const struct settings *s = c->x->settings;
	struct setting sign = { .name = bytes_str(s->secrets.current_var) };
	struct setting other = { .name = bytes_str(s->secrets.other_var) };
	struct envfile f;
	int rc;

	if (envfile_read(s->secrets.env_file, &f, e) == -1)
		return -1;
	if (envtext_get(buf_view(&f.text), &sign, &other) == ENVTEXT_OK)
		rc = take_secrets(c, r, &sign, &other, e);
	else
		rc = error_set(e, EX_CONFIG, "%s: the secrets in it cannot be read",
		    s->secrets.env_file);
	setting_wipe(&sign);
	setting_wipe(&other);
	envfile_free(&f);
	return rc;
}

/* ---- one record ---- */

typedef enum signature_state verify_fn(struct bytes key, struct bytes value,
    struct bytes secret);

static enum in_flight_state
state_under(const struct count *c, verify_fn *verify, struct bytes key, struct bytes value)
{
	enum signature_state found = SIGNATURE_INVALID;
	int i;

	for (i = 0; i < 2; i++) {
		if (c->secret[i].n == 0)
			continue;
		found = verify(key, value, buf_view(&c->secret[i]));
		if (found == SIGNATURE_VALID)
			return i == 0 ? IN_FLIGHT_NEW : IN_FLIGHT_OLD;
	}
	return found == SIGNATURE_UNSIGNED ? IN_FLIGHT_UNSIGNED : IN_FLIGHT_NEITHER;
}

/* Does ${value} begin like a JSON text that we may not be able to read, and another parser may (a NUL,
 * a field twice, NaN)? */
static bool
begins(struct bytes value, char c)
{
	size_t i = 0;

	while (i < value.n && strchr(" \t\r\n", value.p[i]) != NULL && value.p[i] != '\0')
		i++;
	return i < value.n && value.p[i] == c;
}

/* What is in a retry record goes out again as it stands: under which key tells its own ids. */
static enum in_flight_state
state_of_message(const struct count *c, struct bytes value)
{
	enum in_flight_state state = IN_FLIGHT_UNSIGNED;
	struct buf key = { 0 };
	struct record *record;
	struct bytes a, b;
	const char *why;

	record = record_parse(value, &why);
	if (record == NULL)
		return begins(value, '{') ? IN_FLIGHT_UNREADABLE : IN_FLIGHT_UNSIGNED;
	if ((record_text(record, "receiverId", &a) || record_text(record, "r", &a)) && a.n > 0) {
		key_make(&key, FAMILY_SIGNAL, a);
		if (!key.failed)
			state = state_under(c, signal_verify, buf_view(&key), value);
	} else if (record_text(record, "coordinatorId", &a) && record_text(record, "signalId", &b)) {
		buf_str(&key, "blocking:ack:");
		buf_bytes(&key, a);
		buf_char(&key, ':');
		buf_bytes(&key, b);
		if (!key.failed)
			state = state_under(c, ack_verify, buf_view(&key), value);
	}
	if (key.failed)
		state = IN_FLIGHT_UNREADABLE;
	record_free(record);
	buf_free(&key);
	return state;
}

/* The worse of two, for the drain: what only the old secret verifies, or cannot be read, holds it. */
static enum in_flight_state
worse(enum in_flight_state a, enum in_flight_state b)
{
	if (a == IN_FLIGHT_OLD || b == IN_FLIGHT_OLD)
		return IN_FLIGHT_OLD;
	if (a == IN_FLIGHT_UNREADABLE || b == IN_FLIGHT_UNREADABLE)
		return IN_FLIGHT_UNREADABLE;
	return a == IN_FLIGHT_UNSIGNED ? b : a;
}

/* A retry record is the message itself, or holds it in a field: as an object, that may hold it in
 * turn, or as text. */
static enum in_flight_state
state_of_retry(const struct count *c, struct bytes value, int depth)
{
	static const char *const within[] = { "signal", "ack", "payload", "message", "data" };
	enum in_flight_state state = state_of_message(c, value);
	struct record *record;
	struct bytes inner;
	const char *why;
	size_t i;

	if (begins(value, '['))
		return worse(state, IN_FLIGHT_UNREADABLE);
	if ((record = record_parse(value, &why)) == NULL)
		return state;
	for (i = 0; i < sizeof(within) / sizeof(within[0]); i++) {
		if (!(record_text(record, within[i], &inner) || record_raw(value, within[i], &inner)) ||
		    !begins(inner, '{'))
			continue;
		state = worse(state, depth < RETRY_DEPTH ? state_of_retry(c, inner, depth + 1) :
		    IN_FLIGHT_UNREADABLE);
	}
	record_free(record);
	return state;
}

static bool
in_flight_family(enum family f)
{
	return f == FAMILY_SIGNAL || f == FAMILY_ACK || f == FAMILY_RETRY ||
	    f == FAMILY_RETRY_FAILED;
}

static void
enter(struct count *c, enum in_flight_state state, struct bytes key)
{
	c->f->n[state]++;
	if ((state == IN_FLIGHT_OLD || state == IN_FLIGHT_UNREADABLE) && c->f->held.n == 0)
		buf_bytes(&c->f->held, key);
}

static void
judge(struct count *c, struct bytes key, struct bytes value)
{
	enum in_flight_state state;

	if (value.n > LONGEST) {
		state = IN_FLIGHT_UNREADABLE;
		log_event(LOG_LEVEL_WARN, "record-unreadable", &key, "is longer than %d bytes and was "
		    "not verified", LONGEST);
	} else {
		switch (family_of(key, NULL)) {
		case FAMILY_SIGNAL:
			state = state_under(c, signal_verify, key, value);
			break;
		case FAMILY_ACK:
			state = state_under(c, ack_verify, key, value);
			break;
		default:
			state = state_of_retry(c, value, 0);
			break;
		}
		/* One that lies under another key than its own: a coordinator that does not
		 * compare the two accepts it by its signature alone. */
		if (state == IN_FLIGHT_NEITHER)
			state = worse(state, state_of_message(c, value));
	}
	enter(c, state, key);
	if (state == IN_FLIGHT_OLD)
		log_event(LOG_LEVEL_DEBUG, "old-signature", &key, "only the old secret verifies it");
}

/* ---- the pass ---- */

static void
on_record(void *ctx, size_t tag, const struct reply *r)
{
	struct count *c = ctx;
	const struct bytes key = *(const struct bytes *)(uintptr_t)tag;
	struct bytes value;

	if (reply_string(r, &value)) {
		/* None has no value: it is gone since. */
		if (value.n > 0)
			judge(c, key, value);
		return;
	}
	/* A list of messages, say: no coordinator that we know of writes one, but some other may. */
	if (reply_error(r) != NULL && strncmp(reply_error(r), "WRONGTYPE", 9) == 0) {
		enter(c, IN_FLIGHT_UNREADABLE, key);
		log_event(LOG_LEVEL_WARN, "record-unreadable", &key, "is no string and was not verified");
		return;
	}
	if (c->error.exit == 0)
		(void)reply_fail(r, &c->error, "GETRANGE of a record in flight");
}

static int
on_page(void *ctx, const struct bytes *keys, size_t n)
{
	struct count *c = ctx;
	size_t i;

	for (i = 0; i < n; i++) {
		if (in_flight_family(family_of(keys[i], NULL)))
			(void)CLIENT_ADD(c->x->client, CLIENT_REPEAT, on_record, c,
			    (size_t)(uintptr_t)&keys[i], B("GETRANGE"), keys[i], B("0"), B(LAST));
	}
	return c->error.exit != 0;
}

static void
again(void *ctx)
{
	struct count *c = ctx;

	memset(c->f->n, 0, sizeof(c->f->n));
	buf_reset(&c->f->held);
	memset(&c->error, 0, sizeof(c->error));
}

static int
ask_ttl(const struct effects *x, struct in_flight *f, struct error *e)
{
	struct reply *reply;
	int rc = 0;

	if (f->held.n == 0)
		return 0;
	reply = CLIENT_CALL(x->client, CLIENT_REPEAT, B("PTTL"), buf_view(&f->held));
	if (reply == NULL) {
		*e = *client_error(x->client);
		rc = -1;
	} else if (!reply_integer(reply, &f->held_ttl)) {
		rc = reply_fail(reply, e, "PTTL of a record in flight");
	}
	reply_free(reply);
	return rc;
}

int
drain_count(struct effects *x, const struct rotation *r, struct in_flight *f, struct error *e)
{
	struct count c = { .x = x, .f = f };
	struct scan_callbacks callbacks = { .page = on_page, .ctx = &c };
	struct scan_result result = { .complete = false };
	int rc;

	in_flight_free(f);
	rc = read_secrets(&c, r, e);
	if (rc == 0)
		rc = run_scan(x->run, "blocking:*", &callbacks, again, 0, &result, e);
	if (rc == 0 && c.error.exit != 0) {
		*e = c.error;
		rc = -1;
	}
	if (rc == 0)
		rc = ask_ttl(x, f, e);
	f->counted = rc == 0 && result.complete;
	buf_wipe(&c.secret[0]);
	buf_wipe(&c.secret[1]);
	return rc;
}

int
drain_pass(void *ctx, const struct rotation *r, enum pass *pass, struct error *e)
{
	struct effects *x = ctx;
	struct in_flight *f = &x->in_flight;

	*pass = PASS_NOT_MADE;
	if (drain_count(x, r, f, e) == -1)
		return -1;
	if (!f->have[0] || !f->have[1])
		return error_set(e, EX_TEMPFAIL, "%s does not hold the two secrets of this phase: the "
		    "next run looks again", x->settings->secrets.env_file);
	if (f->counted)
		*pass = in_flight_held(f) > 0 ? PASS_DIRTY : PASS_CLEAN;
	return 0;
}
