#include "redis/scan.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "redis/client_private.h"

#define COUNT_GENTLE 100
#define COUNT_FAST 300
#define COUNT_MAX 1000
#define SLICE_US 100000

/* A page on its way: asked for, answered, handed out, until all commands that
 * were queued for it are answered. */
struct page {
	struct walk *w;
	struct reply *reply;    /* holds what keys point to; NULL: the slot is free or asked for */
	struct bytes *keys;
	size_t cap, n;
	uint64_t from, next;    /* cursors */
	size_t unanswered;      /* of its commands */
	bool asked;
};

/* In fast mode a page's keys are handed out while the one before is still being
 * worked on and the one behind has been asked for. */
#define PAGES 3

struct walk {
	struct client *c;
	const struct scan_options *o;
	const struct scan_callbacks *call;
	struct scan_result *result;
	struct page pages[PAGES];
	bool fast;
	int64_t count;
	int64_t due_us;         /* the next page may not be handed out before */
	bool failed;            /* error is set: a reply to SCAN that is none */
	struct error error;
};

static void
free_page(struct page *p)
{
	reply_free(p->reply);
	p->reply = NULL;
	p->n = 0;
}

static int
read_keys(struct page *p, const struct reply *list, size_t n)
{
	size_t i;

	if (n > p->cap) {
		struct bytes *keys = reallocarray(p->keys, n, sizeof(*keys));

		if (keys == NULL)
			return error_set(&p->w->error, EX_SOFTWARE, "no memory for a page of keys");
		p->keys = keys;
		p->cap = n;
	}
	for (i = 0; i < n; i++) {
		const struct reply *key = reply_at(list, i);

		if (key == NULL || !reply_string(key, &p->keys[i]))
			return error_set(&p->w->error, EX_PROTOCOL, "SCAN: a key that is no string");
	}
	p->n = n;
	return 0;
}

static int
read_page(struct page *p, const struct reply *r)
{
	const struct reply *cursor = reply_at(r, 0), *list = reply_at(r, 1);
	struct bytes text;
	size_t n;

	if (reply_error(r) != NULL)
		return reply_fail(r, &p->w->error, "SCAN");
	if (cursor == NULL || list == NULL || reply_at(r, 2) != NULL ||
	    !reply_string(cursor, &text) || !bytes_to_u64(text, &p->next) ||
	    !reply_array(list, &n))
		return error_set(&p->w->error, EX_PROTOCOL,
		    "SCAN: a reply that is no cursor and list of keys (%s)", reply_kind(r));
	return read_keys(p, list, n);
}

static void
on_page(void *ctx, size_t tag, const struct reply *r)
{
	struct walk *w = ctx;
	struct page *p = &w->pages[tag];

	p->asked = false;
	/* NULL: the client gave up and says why. */
	if (r == NULL)
		return;
	if (read_page(p, r) == -1) {
		w->failed = true;
		p->n = 0;
		return;
	}
	p->reply = client_keep(w->c, r);
	/* In fast mode the replies for the page before are right behind: this page's commands first. */
	client_yield(w->c);
}

static int
ask(struct walk *w, size_t slot, uint64_t from)
{
	struct page *p = &w->pages[slot];
	struct bytes argv[6] = { B("SCAN") };
	char cursor[24], count[24];
	size_t n = 2;

	snprintf(cursor, sizeof(cursor), "%" PRIu64, from);
	argv[1] = bytes_str(cursor);
	if (w->o->match != NULL) {
		argv[n++] = B("MATCH");
		argv[n++] = bytes_str(w->o->match);
	}
	argv[n++] = B("COUNT");
	argv[n++] = bytes_of_int(w->count, count);
	p->from = from;
	p->asked = true;
	client_mark(w->c, NULL);
	return client_add(w->c, CLIENT_REPEAT, on_page, w, slot, n, argv);
}

/* More keys a page where each exchange takes longer. */
static int64_t
page_size(const struct scan_options *o, int64_t round_trip_us)
{
	int64_t count = o->count;

	if (count == 0) {
		count = o->mode == SCAN_FAST ? COUNT_FAST : COUNT_GENTLE;
		count += count * (round_trip_us / 1000);
		if (count > COUNT_MAX)
			count = COUNT_MAX;
	}
	/* A page a second at least, or the limit would come in lumps. */
	if (o->max_keys_per_second > 0 && count > o->max_keys_per_second)
		count = o->max_keys_per_second;
	return count;
}

/* Wait until the limit lets ${n} more keys pass. True: asked to stop meanwhile. */
static bool
pace(struct walk *w, size_t n)
{
	int64_t now;

	if (w->call->stop != NULL && w->call->stop(w->call->ctx))
		return true;
	if (w->o->max_keys_per_second <= 0)
		return false;
	while ((now = clock_mono_us()) < w->due_us) {
		int64_t left = w->due_us - now;

		(void)clock_sleep_ms((left < SLICE_US ? left : SLICE_US) / 1000 + 1);
		if (w->call->stop != NULL && w->call->stop(w->call->ctx))
			return true;
	}
	/* With a pattern most of what the server walked over is not on the page. */
	if (w->o->match != NULL && n < (size_t)w->count)
		n = (size_t)w->count;
	w->due_us = now + (int64_t)n * 1000000 / w->o->max_keys_per_second;
	return false;
}

/* Wait until page ${at} can be handed out. */
static int
await_page(struct walk *w, size_t at)
{
	/* The slot of the page behind this one, which is that of the page before the last. */
	struct page *old = &w->pages[(at + 1) % PAGES];

	if (!w->fast && client_drain(w->c) == -1)
		return -1;
	while (w->pages[at].asked || old->unanswered > 0)
		if (client_step(w->c) == -1)
			return -1;
	free_page(old);
	return w->failed ? -1 : 0;
}

/* Hand out page ${at}. 1: it was the last one, 0: go on, -1 on an error. */
static int
hand_out(struct walk *w, size_t at)
{
	struct page *p = &w->pages[at];
	size_t behind = (at + 1) % PAGES;
	int ended = 0;

	if (pace(w, p->n)) {
		w->result->cursor = p->from;
		return 1;
	}
	if (w->fast && p->next != 0 && ask(w, behind, p->next) == -1)
		return -1;
	client_mark(w->c, &p->unanswered);
	if (p->n > 0)
		ended = w->call->page(w->call->ctx, p->keys, p->n);
	client_mark(w->c, NULL);
	if (!w->fast && p->next != 0 && ended == 0 && ask(w, behind, p->next) == -1)
		return -1;
	w->result->keys += p->n;
	w->result->pages++;
	w->result->cursor = p->next;
	w->result->complete = p->next == 0;
	if (w->call->progress != NULL)
		w->call->progress(w->call->ctx, w->result);
	return ended != 0 || p->next == 0;
}

int
scan_run(struct client *c, const struct scan_options *options,
    const struct scan_callbacks *callbacks, uint64_t from, struct scan_result *result,
    struct error *e)
{
	struct walk w = { .c = c, .o = options, .call = callbacks, .result = result };
	size_t at, i;
	int r;

	memset(result, 0, sizeof(*result));
	result->cursor = from;
	w.fast = options->mode == SCAN_FAST && options->max_keys_per_second <= 0;
	w.count = page_size(options, client_server(c)->round_trip_us);
	for (i = 0; i < PAGES; i++)
		w.pages[i].w = &w;
	r = ask(&w, 0, from);
	for (at = 0; r == 0; at = (at + 1) % PAGES)
		if ((r = await_page(&w, at)) == 0)
			r = hand_out(&w, at);
	/* Also on an error the callbacks that are still to come need the keys. */
	if (client_drain(c) == -1 || (r == -1 && !w.failed)) {
		w.error = *client_error(c);
		w.failed = true;
	}
	for (i = 0; i < PAGES; i++) {
		free_page(&w.pages[i]);
		free(w.pages[i].keys);
	}
	if (!w.failed)
		return 0;
	/* What was not answered cannot be told apart: a later pass begins where this one did. */
	result->cursor = from;
	result->complete = false;
	if (e != NULL)
		*e = w.error;
	return -1;
}
