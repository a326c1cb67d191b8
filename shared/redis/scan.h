#ifndef REDIS_SCAN_H_
#define REDIS_SCAN_H_

#include "redis/client.h"

/*
 * One pass over the keyspace with SCAN (redis.io/commands/scan): every key
 * that exists during the whole pass is seen at least once, some twice.
 *
 * gentle: one exchange in flight: the commands for a page and the SCAN for the
 * next page go out together and both are answered before anything more is sent.
 * fast: the next page is asked for as soon as its cursor has been read, before
 * this page's commands, so the server never waits for the job.
 */
enum scan_mode { SCAN_GENTLE, SCAN_FAST };

struct scan_options {
	enum scan_mode mode;
	int count;                   /* keys a page; 0 = 100 gentle, 300 fast, grown with the
	                                measured round trip up to 1000 */
	int64_t max_keys_per_second; /* 0 = no limit */
	const char *match;           /* a constant MATCH pattern, or NULL. Never made from an id. */
};

/* What a pass did. */
struct scan_result {
	uint64_t cursor;   /* 0 = complete; else where a later pass goes on */
	uint64_t keys;     /* returned by SCAN, repeats included */
	uint64_t pages;
	bool complete;
};

/* A page of ${n} keys. The callback queues its commands with client_add, giving each as tag
 * what it needs; ${keys} stay valid until all commands queued in this call were answered.
 * Non-zero stops the pass after this page (not an error). */
typedef int scan_page_fn(void *ctx, const struct bytes *keys, size_t n);
/* Asked before each page; true: stop, the cursor is kept. May be NULL. */
typedef bool scan_stop_fn(void *ctx);
/* Called after each page with the running result (progress). May be NULL. */
typedef void scan_progress_fn(void *ctx, const struct scan_result *so_far);

struct scan_callbacks {
	scan_page_fn *page;
	scan_stop_fn *stop;
	scan_progress_fn *progress;
	void *ctx;
};

/**
 * scan_run(c, options, callbacks, from, result, e):
 * Walk from cursor ${from} (0 = the start) until the end or a stop. 0 also when stopped
 * (result->complete tells). -1 with ${e} on an error, with ${from} as the cursor to go on
 * from; if then client_moved() is true the server changed and the pass has to start again.
 * A limit of keys per second makes any pass a gentle one.
 * Memory: two pages (and a third as it comes in), whatever the keyspace.
 */
int scan_run(struct client *c, const struct scan_options *options,
    const struct scan_callbacks *callbacks, uint64_t from, struct scan_result *result,
    struct error *e);

#endif
