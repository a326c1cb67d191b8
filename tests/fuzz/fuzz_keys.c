#include <stdint.h>
#include <stdlib.h>

#include "base/bytes.h"
#include "coordination/keys.h"

/* Any bytes as a key, and a part of them as an id: no claim is empty or out of
 * the key, the ways to ask agree with one another. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct seen {
	struct bytes key, id;
	size_t claims;
	bool claimed;
};

static bool
look(void *ctx, const struct key_claim *claim)
{
	struct seen *s = ctx;

	if (claim->id.n == 0 || claim->id.p < s->key.p ||
	    claim->id.p + claim->id.n > s->key.p + s->key.n)
		abort();
	if (!key_may_belong(s->key, claim->id))
		abort();
	if (bytes_equal(claim->id, s->id))
		s->claimed = true;
	return ++s->claims < 5000;
}

static struct bytes
prefixed(struct buf *b, uint8_t which, struct bytes rest)
{
	static const char *const prefixes[] = { "", "blocking:heartbeat:", "blocking:ack:",
		"blocking:idempotency:", "blocking:retry:", "blocking:retry:failed:",
		"coordinator:work:", "coordinator:", "blocking:" };

	buf_str(b, prefixes[which % (sizeof(prefixes) / sizeof(prefixes[0]))]);
	buf_bytes(b, rest);
	if (which >= 128)
		buf_str(b, ":wake:1:1700000000000");
	return buf_view(b);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buf b = { 0 };
	struct seen s = { .claims = 0 };
	struct bytes rest, swarm, work, all;
	enum family f;
	size_t at;

	if (size < 3)
		return 0;
	all = (struct bytes){ (const char *)data + 3, size - 3 };
	at = all.n == 0 ? 0 : data[1] % all.n;
	s.id = bytes_from(all, at);
	if (s.id.n > data[2])
		s.id.n = data[2];
	s.key = prefixed(&b, data[0], all);
	f = family_of(s.key, &rest);
	if (rest.n > s.key.n || family_name(f) == NULL)
		abort();
	key_claims(s.key, look, &s);
	if (s.claims < 5000 && s.claimed != key_may_belong(s.key, s.id))
		abort();
	if ((key_claim_count(s.key) == 0) != (s.claims == 0))
		abort();
	if (key_work_parse(s.key, s.id, &swarm, &work) &&
	    (f != FAMILY_WORK || swarm.n == 0 || work.n == 0 ||
	    swarm.n + s.id.n + work.n + 2 != rest.n))
		abort();
	buf_free(&b);
	return 0;
}
