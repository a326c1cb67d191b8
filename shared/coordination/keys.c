#include "coordination/keys.h"

#include <assert.h>
#include <stdint.h>

#include "base/bytes.h"

/* key_claim_count() counts no further: a key can hold any number of colons. */
#define CLAIMS_COUNTED 64

static const char *const names[] = {
	[FAMILY_NONE] = "none",
	[FAMILY_HEARTBEAT] = "heartbeat",
	[FAMILY_SIGNAL] = "signal",
	[FAMILY_ACK] = "ack",
	[FAMILY_WARNING] = "warning",
	[FAMILY_IDEMPOTENCY] = "idempotency",
	[FAMILY_STATE] = "state",
	[FAMILY_RETRY] = "retry",
	[FAMILY_RETRY_FAILED] = "retry-failed",
	[FAMILY_ACTIVITY] = "activity",
	[FAMILY_WORK] = "work",
	[FAMILY_ESCALATION] = "escalation",
	[FAMILY_SPAWN] = "spawn",
	[FAMILY_BREAKER] = "breaker",
	[FAMILY_OTHER] = "other",
	[FAMILY_OURS] = "ours",
};
static_assert(sizeof(names) / sizeof(names[0]) == FAMILY_COUNT, "a name for each family");

#define WORD(text, family) { { "" text, sizeof(text) - 1 }, family }

/* What stands behind a namespace. The longer of two that both match stands first. */
struct word {
	struct bytes text;
	enum family family;
};

static const struct word blocking_words[] = {
	WORD("heartbeat:", FAMILY_HEARTBEAT),
	WORD("signal:", FAMILY_SIGNAL),
	WORD("ack:", FAMILY_ACK),
	WORD("warning:", FAMILY_WARNING),
	WORD("idempotency:", FAMILY_IDEMPOTENCY),
	WORD("state:", FAMILY_STATE),
	WORD("retry:failed:", FAMILY_RETRY_FAILED),
	WORD("retry:", FAMILY_RETRY),
};
static const struct word coordinator_words[] = {
	WORD("activity:", FAMILY_ACTIVITY),
	WORD("work:", FAMILY_WORK),
	WORD("escalation:", FAMILY_ESCALATION),
	WORD("spawn:", FAMILY_SPAWN),
	WORD("circuit:", FAMILY_BREAKER),
};

/* Keys of a namespace that no word names, or that are not formed as it says, are of its last field. */
static const struct namespace {
	struct bytes text;
	const struct word *words;
	size_t n;
	enum family otherwise;
} namespaces[] = {
	{ { "blocking:", 9 }, blocking_words, sizeof(blocking_words) / sizeof(blocking_words[0]),
	    FAMILY_OTHER },
	{ { "coordinator:", 12 }, coordinator_words,
	    sizeof(coordinator_words) / sizeof(coordinator_words[0]), FAMILY_NONE },
	{ { "coordkeep:", 10 }, NULL, 0, FAMILY_OURS },
};
#define NAMESPACES (sizeof(namespaces) / sizeof(namespaces[0]))

const char *
family_name(enum family f)
{
	if ((unsigned int)f >= FAMILY_COUNT)
		return names[FAMILY_NONE];
	return names[f];
}

static struct bytes
slice(struct bytes s, size_t from, size_t to)
{
	return (struct bytes){ s.p + from, to - from };
}

/* Cut the component after the last colon off ${s}: *head is what stands before
 * that colon. False unless both are there and not empty. */
static bool
cut_last(struct bytes s, struct bytes *head, struct bytes *last)
{
	size_t at = s.n;

	while (at > 0 && s.p[at - 1] != ':')
		at--;
	if (at < 2 || at == s.n)
		return false;
	*last = bytes_from(s, at);
	*head = slice(s, 0, at - 1);
	return true;
}

static bool
all_digits(struct bytes s)
{
	size_t i;

	for (i = 0; i < s.n; i++)
		if (s.p[i] < '0' || s.p[i] > '9')
			return false;
	return s.n > 0;
}

/* Can ${s} be cut at a colon into two parts that are not empty? */
static bool
has_two_parts(struct bytes s)
{
	return s.n >= 3 && bytes_find(slice(s, 0, s.n - 1), ':', 1) < s.n - 1;
}

/* <sender>:<receiver>:<type>:<iteration>:<ms>: the ids may hold colons, so the
 * last three are cut off from the end. Iteration and ms are numbers; a key
 * where they are not is of another making, and its ids would be guesses. */
static bool
idempotency_ids(struct bytes rest, struct bytes *ids)
{
	struct bytes type, iteration, ms;

	return cut_last(rest, ids, &ms) && all_digits(ms) &&
	    cut_last(*ids, ids, &iteration) && all_digits(iteration) &&
	    cut_last(*ids, ids, &type) && has_two_parts(*ids);
}

/* Is there a first, a middle and a last part, none of them empty? */
static bool
has_three_parts(struct bytes s)
{
	size_t first, last;

	first = bytes_find(s, ':', 1);
	if (first >= s.n)
		return false;
	/* The middle is at least the byte after the first colon. */
	last = bytes_find(s, ':', first + 2 <= s.n ? first + 2 : s.n);
	return last + 1 < s.n;
}

static bool
well_formed(enum family f, struct bytes rest)
{
	struct bytes head, last;

	switch (f) {
	case FAMILY_IDEMPOTENCY:
		return idempotency_ids(rest, &head);
	case FAMILY_RETRY:
		return cut_last(rest, &head, &last) && all_digits(last);
	case FAMILY_WORK:
		return has_three_parts(rest);
	default:
		return rest.n > 0;
	}
}

/* The family of ${rest}, which stands behind the name of ${space}; cut to what its word leaves. */
static enum family
in_namespace(const struct namespace *space, struct bytes *rest)
{
	const struct word *w;
	struct bytes left;

	for (w = space->words; w < space->words + space->n; w++) {
		/* The first byte tells most of them apart. */
		if (rest->n == 0 || rest->p[0] != w->text.p[0] || !bytes_starts(*rest, w->text))
			continue;
		left = bytes_from(*rest, w->text.n);
		/* "blocking:retry:failed:" + nothing is no "blocking:retry:" either. */
		if (!well_formed(w->family, left))
			break;
		*rest = left;
		return w->family;
	}
	return space->otherwise;
}

enum family
family_of(struct bytes key, struct bytes *rest)
{
	enum family f = FAMILY_NONE;
	struct bytes left = { NULL, 0 };
	size_t i;

	for (i = 0; i < NAMESPACES; i++) {
		if (!bytes_starts(key, namespaces[i].text))
			continue;
		left = bytes_from(key, namespaces[i].text.n);
		f = in_namespace(&namespaces[i], &left);
		break;
	}
	if (bytes_equal(key, B("circuit:breaker:status")))
		f = FAMILY_BREAKER;
	if (rest != NULL)
		*rest = f == FAMILY_NONE ? (struct bytes){ NULL, 0 } : left;
	return f;
}

static bool
one_id(enum family f)
{
	switch (f) {
	case FAMILY_HEARTBEAT:
	case FAMILY_SIGNAL:
	case FAMILY_WARNING:
	case FAMILY_STATE:
	case FAMILY_ACTIVITY:
	case FAMILY_ESCALATION:
	case FAMILY_SPAWN:
		return true;
	default:
		return false;
	}
}

void
key_make(struct buf *out, enum family f, struct bytes id)
{
	const struct namespace *space;
	size_t i;

	for (space = namespaces; space < namespaces + NAMESPACES; space++)
		for (i = 0; i < space->n; i++) {
			if (space->words[i].family != f || !one_id(f) || id.n == 0)
				continue;
			buf_bytes(out, space->text);
			buf_bytes(out, space->words[i].text);
			buf_bytes(out, id);
			return;
		}
	out->failed = true;
}

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
		claim.id = slice(rest, 0, at);
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

	if (!idempotency_ids(rest, &ids))
		return;
	for (at = bytes_find(ids, ':', 1); at + 1 < ids.n; at = bytes_find(ids, ':', at + 1)) {
		claim.role = KEY_SENDER;
		claim.id = slice(ids, 0, at);
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
		claim.swarm = slice(rest, 0, a);
		for (b = bytes_find(rest, ':', a + 2); b + 1 < rest.n;
		    b = bytes_find(rest, ':', b + 1)) {
			claim.id = slice(rest, a + 1, b);
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
	else if (one_id(f))
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
		if (rest.p[end] != ':' || !bytes_equal(slice(rest, a + 1, end), id))
			continue;
		*swarm = slice(rest, 0, a);
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
		return idempotency_ids(rest, &ids) &&
		    (beside_colon(ids, id, false) || beside_colon(ids, id, true));
	case FAMILY_WORK:
		return work_parses(rest, id, &swarm, &work_id) > 0;
	default:
		return one_id(f) && bytes_equal(rest, id);
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
