#ifndef BASE_CLOCK_H_
#define BASE_CLOCK_H_

#include <stddef.h>
#include <stdint.h>

/* Milliseconds and microseconds of CLOCK_MONOTONIC and CLOCK_REALTIME. */
int64_t clock_mono_ms(void);
int64_t clock_mono_us(void);
int64_t clock_wall_ms(void);
int64_t clock_wall_us(void);
/* For how long the kernel has run, suspended or not: ms of CLOCK_BOOTTIME. */
int64_t clock_boot_ms(void);

/* Sleep ${ms}, or until a signal comes. Returns 0, or -1 when cut short. */
int clock_sleep_ms(int64_t ms);

/* "2026-01-02T03:04:05Z" (RFC 3339, UTC), with ".678" when ${millis}. ${out}
 * has ${size} >= 32 bytes. A time that cannot be shown becomes "@<ms>ms". */
void clock_rfc3339(int64_t wall_ms, int millis, char *out, size_t size);

#endif
