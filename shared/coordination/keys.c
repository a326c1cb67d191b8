#include "coordination/keys_private.h"

#include <assert.h>

#include "base/bytes.h"

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
	*head = bytes_slice(s, 0, at - 1);
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
	return s.n >= 3 && bytes_find(bytes_slice(s, 0, s.n - 1), ':', 1) < s.n - 1;
}

bool
key_idempotency_ids(struct bytes rest, struct bytes *ids)
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
		return key_idempotency_ids(rest, &head);
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
	size_t i;

	for (i = 0; i < space->n; i++) {
		w = &space->words[i];
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

bool
key_has_one_id(enum family f)
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
			if (space->words[i].family != f || !key_has_one_id(f) || id.n == 0)
				continue;
			buf_bytes(out, space->text);
			buf_bytes(out, space->words[i].text);
			buf_bytes(out, id);
			return;
		}
	out->failed = true;
}
