#include "job/progress.h"

#include <stdio.h>

#include "base/duration.h"

#define INTERVAL 200 /* ms between two drawings */

void
progress_text(struct buf *out, uint64_t keys, int64_t total, int64_t elapsed_ms)
{
	char left[32];
	double rate = 0;

	buf_printf(out, "%llu", (unsigned long long)keys);
	if (total > 0)
		buf_printf(out, " of %lld", (long long)total);
	buf_str(out, " keys");
	if (elapsed_ms > 0)
		rate = (double)keys * 1000 / (double)elapsed_ms;
	if (rate < 1)
		return;
	buf_printf(out, ", %.0f keys/s", rate);
	/* DBSIZE is of the scan's start; keys that came since make it exceed. */
	if (total <= 0 || keys >= (uint64_t)total)
		return;
	duration_human((int64_t)((double)((uint64_t)total - keys) / rate) * 1000, left,
	    sizeof(left));
	buf_printf(out, ", %s left", left);
}

/* Ends at the line's start, so that a log line in between overwrites it. */
static void
put(struct progress *p, struct buf *text)
{
	size_t n = text->n;

	if (buf_cstr(text) == NULL)
		return;
	(void)fprintf(stderr, "\r%s%*s\r", text->p, (int)(p->width > n ? p->width - n : 0), "");
	(void)fflush(stderr);
	p->width = n;
}

void
progress_begin(struct progress *p, int64_t now)
{

	p->started = p->drawn = now;
}

void
progress_draw(struct progress *p, uint64_t keys, int64_t total, int64_t now)
{
	struct buf text = { 0 };

	if (!p->on || now - p->drawn < INTERVAL)
		return;
	p->drawn = now;
	progress_text(&text, keys, total, now - p->started);
	put(p, &text);
	buf_free(&text);
}

void
progress_end(struct progress *p)
{
	struct buf empty = { 0 };

	if (p->on && p->width > 0) {
		buf_str(&empty, "");
		put(p, &empty);
	}
	buf_free(&empty);
}
