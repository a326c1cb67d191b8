#include "coordination/hash.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

bool
hash_is_wrong_type(const struct reply *r)
{
	const char *error = reply_error(r);

	return error != NULL && strncmp(error, "WRONGTYPE", 9) == 0;
}

int
hash_wrong_type(struct client *c, struct bytes key, const char *wanted, struct error *e)
{
	struct reply *r = CLIENT_CALL(c, CLIENT_REPEAT, B("TYPE"), key);
	struct bytes type = B("");

	/* That it may not be asked for, or was not answered, takes nothing from what is known. */
	if (r != NULL)
		(void)reply_string(r, &type);
	(void)error_set(e, EX_CRITICAL, "%.*s is no %s%s%.*s%s, so somebody else wrote it: look at it, "
	    "then move it away (RENAME) or delete it", (int)key.n, key.p, wanted,
	    type.n > 0 ? " (it is of type " : "", (int)type.n, type.p, type.n > 0 ? ")" : "");
	reply_free(r);
	return -1;
}

static int
page(const struct reply *r, struct bytes key, hash_field_fn *fn, void *ctx, uint64_t *cursor,
    struct error *e)
{
	const struct reply *fields;
	struct bytes s, field, value;
	size_t n, i;

	if (!reply_array(r, &n) || n != 2 || !reply_string(reply_at(r, 0), &s) ||
	    !bytes_to_u64(s, cursor))
		return reply_fail(r, e, "HSCAN %.*s", (int)key.n, key.p);
	fields = reply_at(r, 1);
	if (!reply_array(fields, &n) || n % 2 != 0)
		return reply_fail(fields, e, "HSCAN %.*s", (int)key.n, key.p);
	for (i = 0; i < n; i += 2) {
		if (!reply_string(reply_at(fields, i), &field) ||
		    !reply_string(reply_at(fields, i + 1), &value))
			return reply_fail(fields, e, "HSCAN %.*s", (int)key.n, key.p);
		if (!fn(ctx, field, value))
			return error_set(e, EX_SOFTWARE, "out of memory reading %.*s",
			    (int)key.n, key.p);
	}
	return 0;
}

int
hash_walk(struct client *c, struct bytes key, hash_field_fn *fn, void *ctx, struct error *e)
{
	struct reply *r;
	uint64_t cursor = 0;
	char text[24];
	int rc;

	do {
		(void)snprintf(text, sizeof(text), "%" PRIu64, cursor);
		r = CLIENT_CALL(c, CLIENT_REPEAT, B("HSCAN"), key, bytes_str(text),
		    B("COUNT"), B("500"));
		if (r == NULL) {
			*e = *client_error(c);
			return -1;
		}
		rc = hash_is_wrong_type(r) ? hash_wrong_type(c, key, "hash", e) :
		    page(r, key, fn, ctx, &cursor, e);
		reply_free(r);
		if (rc != 0)
			return -1;
	} while (cursor != 0);
	return 0;
}
