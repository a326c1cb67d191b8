#ifndef BASE_DURATION_H_
#define BASE_DURATION_H_

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Read "500ms", "90s", "10m", "24h", "90d", "1h30m" or a bare number of
 * seconds into milliseconds. False for anything else, a sign, a fraction, or
 * what does not fit. */
bool duration_parse(const char *s, int64_t *ms);
/* The shortest exact form that duration_parse reads back: "90s", "24h",
 * "1500ms", "0s". */
void duration_format(int64_t ms, char *out, size_t size);
/* For people: two units at most, rounded down: "3m12s", "2d4h", "850ms", with
 * a leading "-" for what is negative. */
void duration_human(int64_t ms, char *out, size_t size);
/* From ${b} to ${a}, a - b, held at the ends of the range: stamps come from strangers. */
int64_t duration_between(int64_t a, int64_t b);
/* Read "4096", "64KB", "1MB", "2GB" (powers of 1024, B optional) into bytes. */
bool size_parse(const char *s, int64_t *bytes);
/* The shortest exact form that size_parse reads back. */
void size_format(int64_t bytes, char *out, size_t size);

#endif
