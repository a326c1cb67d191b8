#include "holdings.h"

#include <stdlib.h>
#include <string.h>

#include "coordination/record.h"

struct walk {
	struct coordinator *c;
	struct holdings *h;
	struct bytes asking; /* the key whose claims are being walked */
	bool contested;      /* somebody else who is alive may own it */
	bool failed;
};

void
holdings_free(struct holdings *h)
{
	size_t i;

	for (i = 0; i < h->n; i++)
		free((void *)(uintptr_t)h->list[i].key.p);
	free(h->list);
	memset(h, 0, sizeof(*h));
}

static bool
known(const struct holdings *h, struct bytes key)
{
	size_t i;

	for (i = h->n; i > 0 && h->n - i < 16; i--)
		if (bytes_equal(h->list[i - 1].key, key))
			return true;
	return false;
}

static void
enter(struct walk *w, struct bytes key, bool certain)
{
	struct holdings *h = w->h;
	enum family family = family_of(key, NULL);
	struct holding *more;
	size_t size;
	char *copy;

	if (known(h, key))
		return;
	if (h->n == h->cap) {
		size = h->cap == 0 ? 64 : h->cap * 2;
		if ((more = realloc(h->list, size * sizeof(*more))) == NULL) {
			w->failed = true;
			return;
		}
		h->list = more;
		h->cap = size;
	}
	if ((copy = malloc(key.n + 1)) == NULL) {
		w->failed = true;
		return;
	}
	memcpy(copy, key.p, key.n);
	h->list[h->n++] = (struct holding){ { copy, key.n }, family, certain };
	if (certain)
		h->certain[family]++;
	else
		h->uncertain++;
	/* cppcheck-suppress memleak ; the list holds it */
}

/* Another id that the key could be of, and that is not gone? */
static bool
on_claim(void *ctx, const struct key_claim *claim)
{
	struct walk *w = ctx;
	const struct coordinator *other;

	if (bytes_equal(claim->id, w->c->id))
		return true;
	other = escalate_find(w->c->job, claim->id);
	if (other != NULL && other->judgement.verdict == VERDICT_ALIVE)
		w->contested = true;
	return !w->contested;
}

/* A work item whose key leaves its owner open: its value says. */
static void
on_work(void *ctx, size_t tag, const struct reply *r)
{
	struct walk *w = ctx;
	struct bytes key = *(const struct bytes *)(uintptr_t)tag, value, owner, swarm, work_id;
	struct record *record;
	const char *why;

	if (!reply_string(r, &value) || (record = record_parse(value, &why)) == NULL)
		enter(w, key, false);
	else {
		if (!record_text(record, "assignedTo", &owner) ||
		    !key_work_parse(key, owner, &swarm, &work_id))
			enter(w, key, false);
		else if (bytes_equal(owner, w->c->id))
			enter(w, key, true);
		record_free(record);
	}
}

static int
on_page(void *ctx, const struct bytes *keys, size_t n)
{
	struct walk *w = ctx;
	struct client *client = w->c->job->client;
	size_t i;

	for (i = 0; i < n && !w->failed; i++) {
		if (!key_may_belong(keys[i], w->c->id))
			continue;
		if (key_claim_count(keys[i]) > 1 && family_of(keys[i], NULL) == FAMILY_WORK) {
			if (CLIENT_ADD(client, CLIENT_REPEAT, on_work, w, (size_t)(uintptr_t)&keys[i],
			        B("GETRANGE"), keys[i], B("0"), B("1048576")) != 0)
				w->failed = true;
			continue;
		}
		w->contested = false;
		key_claims(keys[i], on_claim, w);
		enter(w, keys[i], !w->contested);
	}
	return w->failed ? -1 : 0;
}

static void
again(void *ctx)
{
	struct walk *w = ctx;

	holdings_free(w->h);
}

int
holdings_find(struct coordinator *c, struct holdings *h, struct error *e)
{
	struct walk w = { .c = c, .h = h };
	const struct scan_callbacks callbacks = { .page = on_page, .ctx = &w };
	struct scan_result scanned;

	memset(h, 0, sizeof(*h));
	if (run_scan(c->job->run, NULL, &callbacks, again, 0, &scanned, e) != 0)
		return -1;
	if (w.failed)
		return error_set(e, EX_SOFTWARE, "out of memory");
	return 0;
}
