#include "coordination/keys_private.h"

#include <stdint.h>

#include "base/bytes.h"

/* key_claim_count() counts no further: a key can hold any number of colons. */
#define CLAIMS_COUNTED 64

/* An ack is that of the whole rest (the older form), or of whatever stands
 * before one of its colons. */
static void
ack_claims(struct bytes rest, key_claim_fn *fn, void *ctx)
{
	struct key_claim claim = { .id = rest, .family = FAMILY_ACK, .role = KEY_OWNER };
	size_t at;

	if (!fn(ctx, &claim))
		return;
	for (at = bytes_find(rest, ':', 1); at + 1 < rest.n; at = bytes_find(rest, ':', at + 1)) {
		claim.id = bytes_slice(rest, 0, at);
		if (!fn(ctx, &claim))
			return;
	}
}

static void
idempotency_claims(struct bytes rest, key_claim_fn *fn, void *ctx)
{
	struct key_claim claim = { .family = FAMILY_IDEMPOTENCY };
	struct bytes ids;
	size_t at;

	if (!key_idempotency_ids(rest, &ids))
		return;
	for (at = bytes_find(ids, ':', 1); at + 1 < ids.n; at = bytes_find(ids, ':', at + 1)) {
		claim.role = KEY_SENDER;
		claim.id = bytes_slice(ids, 0, at);
		if (!fn(ctx, &claim))
			return;
		claim.role = KEY_RECEIVER;
		claim.id = bytes_from(ids, at + 1);
		if (!fn(ctx, &claim))
			return;
	}
}

/* Every pair of colons with something before, between and after them. */
static void
work_claims(struct bytes rest, key_claim_fn *fn, void *ctx)
{
	struct key_claim claim = { .family = FAMILY_WORK, .role = KEY_OWNER };
	size_t a, b;

	for (a = bytes_find(rest, ':', 1); a + 1 < rest.n; a = bytes_find(rest, ':', a + 1)) {
		claim.swarm = bytes_slice(rest, 0, a);
		for (b = bytes_find(rest, ':', a + 2); b + 1 < rest.n;
		    b = bytes_find(rest, ':', b + 1)) {
			claim.id = bytes_slice(rest, a + 1, b);
			claim.work_id = bytes_from(rest, b + 1);
			if (!fn(ctx, &claim))
				return;
		}
	}
}

void
key_claims(struct bytes key, key_claim_fn *fn, void *ctx)
{
	struct key_claim claim = { .role = KEY_OWNER };
	enum family f = family_of(key, &claim.id);

	claim.family = f;
	if (f == FAMILY_ACK)
		ack_claims(claim.id, fn, ctx);
	else if (f == FAMILY_IDEMPOTENCY)
		idempotency_claims(claim.id, fn, ctx);
	else if (f == FAMILY_WORK)
		work_claims(claim.id, fn, ctx);
	else if (key_has_one_id(f))
		(void)fn(ctx, &claim);
}

struct distinct {
	struct bytes ids[CLAIMS_COUNTED];
	size_t n;
};

static bool
count_distinct(void *ctx, const struct key_claim *claim)
{
	struct distinct *d = ctx;
	size_t i;

	for (i = 0; i < d->n; i++)
		if (bytes_equal(d->ids[i], claim->id))
			return true;
	d->ids[d->n++] = claim->id;
	return d->n < CLAIMS_COUNTED;
}

size_t
key_claim_count(struct bytes key)
{
	struct distinct d = { .n = 0 };

	key_claims(key, count_distinct, &d);
	return d.n;
}

/* How many parses of the work key's rest have ${id} as their id; the last is
 * left in *swarm and *work_id. Stops at two. */
static int
work_parses(struct bytes rest, struct bytes id, struct bytes *swarm, struct bytes *work_id)
{
	size_t a, end;
	int found = 0;

	if (id.n == 0)
		return 0;
	for (a = bytes_find(rest, ':', 1); a < rest.n && found < 2;
	    a = bytes_find(rest, ':', a + 1)) {
		/* After the id a colon and at least one byte. */
		if (rest.n - a < 3 || rest.n - a - 3 < id.n)
			break;
		end = a + 1 + id.n;
		if (rest.p[end] != ':' || !bytes_equal(bytes_slice(rest, a + 1, end), id))
			continue;
		*swarm = bytes_slice(rest, 0, a);
		*work_id = bytes_from(rest, end + 1);
		found++;
	}
	return found;
}

/* ${id} at the front (or, with ${back}, at the end) of ${s}, with a colon and
 * at least one more byte on its other side. */
static bool
beside_colon(struct bytes s, struct bytes id, bool back)
{
	size_t other;

	if (id.n == 0 || s.n < 2 || s.n - 2 < id.n)
		return false;
	other = s.n - id.n;
	if (back)
		return s.p[other - 1] == ':' && bytes_equal(bytes_from(s, other), id);
	return s.p[id.n] == ':' && bytes_starts(s, id);
}

bool
key_may_belong(struct bytes key, struct bytes id)
{
	struct bytes rest, ids, swarm, work_id;
	enum family f = family_of(key, &rest);

	switch (f) {
	case FAMILY_ACK:
		return bytes_equal(rest, id) || beside_colon(rest, id, false);
	case FAMILY_IDEMPOTENCY:
		return key_idempotency_ids(rest, &ids) &&
		    (beside_colon(ids, id, false) || beside_colon(ids, id, true));
	case FAMILY_WORK:
		return work_parses(rest, id, &swarm, &work_id) > 0;
	default:
		return key_has_one_id(f) && bytes_equal(rest, id);
	}
}

bool
key_work_parse(struct bytes key, struct bytes owner, struct bytes *swarm,
    struct bytes *work_id)
{
	struct bytes rest;

	return family_of(key, &rest) == FAMILY_WORK &&
	    work_parses(rest, owner, swarm, work_id) == 1;
}

int64_t
key_idempotency_time(struct bytes key)
{
	uint64_t ms = 0;
	size_t at = key.n;

	while (at > 0 && key.p[at - 1] != ':')
		at--;
	return bytes_to_u64(bytes_from(key, at), &ms) && ms < UINT64_C(1000000000000000) ?
	    (int64_t)ms : 0;
}
