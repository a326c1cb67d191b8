#ifndef JOB_PROGRESS_H_
#define JOB_PROGRESS_H_

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"

/* The progress line of a scan, on stderr. */
struct progress {
	bool on;
	int64_t started; /* monotonic ms of the scan; 0 = none begun */
	int64_t drawn;
	size_t width;    /* of what stands there now */
};

/* Append "12000 of 50000 keys, 4000 keys/s, 9s left". ${total} 0 = unknown. */
void progress_text(struct buf *out, uint64_t keys, int64_t total, int64_t elapsed_ms);
void progress_begin(struct progress *p, int64_t now);
/* Draw it, at most five times a second. */
void progress_draw(struct progress *p, uint64_t keys, int64_t total, int64_t now);
/* Take it away. */
void progress_end(struct progress *p);

#endif
