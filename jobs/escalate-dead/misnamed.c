#include "misnamed.h"

#include <stdlib.h>
#include <string.h>

#include "coordination/keys.h"
#include "coordination/record.h"

#define PREFIX "coordinator:work:"
#define BATCH 100
/* Whom a larger one names is not looked for. */
#define VALUE_MAX "1048576"

int
misnamed_note(struct escalate *x, struct bytes key)
{
	struct misnamed *more;
	size_t size;

	if (key.n < sizeof(PREFIX) - 1 || memcmp(key.p, PREFIX, sizeof(PREFIX) - 1) != 0)
		return 0;
	if (x->misnamed_n == x->misnamed_cap) {
		size = x->misnamed_cap == 0 ? 16 : x->misnamed_cap * 2;
		if ((more = realloc(x->misnamed, size * sizeof(*more))) == NULL)
			return -1;
		x->misnamed = more;
		x->misnamed_cap = size;
	}
	more = &x->misnamed[x->misnamed_n++];
	memset(more, 0, sizeof(*more));
	buf_bytes(&more->key, key);
	return more->key.failed ? -1 : 0;
}

static void
on_value(void *ctx, size_t tag, const struct reply *r)
{
	struct escalate *x = ctx;
	struct record *record;
	struct bytes value, owner;
	const char *why;

	/* Of another type, gone or no JSON: it names nobody. */
	if (!reply_string(r, &value) || (record = record_parse(value, &why)) == NULL)
		return;
	if (record_text(record, "assignedTo", &owner))
		buf_bytes(&x->misnamed[tag].owner, owner);
	record_free(record);
}

int
misnamed_settle(struct escalate *x, struct error *e)
{
	struct bytes owner;
	size_t i;

	for (i = 0; i < x->misnamed_n; i++) {
		if (CLIENT_ADD(x->client, CLIENT_REPEAT, on_value, x, i, B("GETRANGE"),
		        buf_view(&x->misnamed[i].key), B("0"), B(VALUE_MAX)) != 0)
			return error_set(e, EX_SOFTWARE, "out of memory");
		if ((i % BATCH == BATCH - 1 || i == x->misnamed_n - 1) &&
		    client_drain(x->client) != 0) {
			*e = *client_error(x->client);
			return -1;
		}
	}
	/* The departed are looked at only if something speaks of them: this does. */
	for (i = 0; i < x->misnamed_n; i++) {
		owner = buf_view(&x->misnamed[i].owner);
		if (owner.n > 0 && roster_find(&x->roster, owner) != NULL &&
		    escalate_coordinator(x, owner) == NULL)
			return error_set(e, EX_SOFTWARE, "out of memory");
	}
	return 0;
}

const struct coordinator *
misnamed_owner(const struct escalate *x, size_t i)
{
	struct bytes owner = buf_view(&x->misnamed[i].owner);

	return owner.n > 0 ? escalate_find(x, owner) : NULL;
}

void
misnamed_drop(struct escalate *x)
{
	size_t i;

	for (i = 0; i < x->misnamed_n; i++) {
		buf_free(&x->misnamed[i].key);
		buf_free(&x->misnamed[i].owner);
	}
	x->misnamed_n = 0;
}
