#ifndef BASE_BYTES_H_
#define BASE_BYTES_H_

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A view of bytes that somebody else owns. Keys and ids are bytes: they may
 * hold NUL, spaces and anything that is not UTF-8. {NULL, 0} is empty. */
struct bytes {
	const char *p;
	size_t n;
};

/* A view of a string literal, and of a C string. */
#define B(literal) ((struct bytes){ "" literal, sizeof(literal) - 1 })
struct bytes bytes_str(const char *s);

bool bytes_equal(struct bytes a, struct bytes b);
bool bytes_starts(struct bytes s, struct bytes prefix);
/* <0, 0, >0 as memcmp, a prefix sorts first. */
int bytes_compare(struct bytes a, struct bytes b);
/* The view from offset ${at} (at most s.n) to the end. */
struct bytes bytes_from(struct bytes s, size_t at);
/* The view from offset ${from} to before ${to} (from <= to <= s.n). */
struct bytes bytes_slice(struct bytes s, size_t from, size_t to);
/* Offset of the first ${c} at or after ${at}, or s.n when there is none. */
size_t bytes_find(struct bytes s, char c, size_t at);
/* Valid UTF-8 without NUL (RFC 3629: no overlong form, no surrogate)? */
bool bytes_is_utf8(struct bytes s);
/**
 * bytes_to_u64(s, v):
 * Read ${s} as a decimal number with digits only. Return false if it is empty,
 * holds anything else or does not fit in 64 bits.
 */
bool bytes_to_u64(struct bytes s, uint64_t *v);
/* What ${c} is worth as a hexadecimal digit, of either case; -1 if it is none. */
int bytes_hex_digit(char c);

/* A growable buffer. Zeroed is empty and valid. A failed append sets failed
 * and leaves what was there; later appends do nothing, so that a series needs
 * one check at its end. */
struct buf {
	char *p;
	size_t n;
	size_t cap;
	bool failed;
};

void buf_add(struct buf *b, const void *p, size_t n);
void buf_bytes(struct buf *b, struct bytes s);
void buf_str(struct buf *b, const char *s);
void buf_char(struct buf *b, char c);
void buf_printf(struct buf *b, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
/* Append ${s} for a person: control characters, bytes that are not UTF-8 and
 * backslashes as \xHH; at most ${max} bytes of ${s}, then "..." (0 = all). */
void buf_escaped(struct buf *b, struct bytes s, size_t max);
/* Append base64 (RFC 4648, with padding) of ${s}. */
void buf_base64(struct buf *b, struct bytes s);
/* Append the bytes of base64 ${s}. Return false (nothing appended) if it is
 * not canonical base64. */
bool buf_unbase64(struct buf *b, struct bytes s);
void buf_hex(struct buf *b, const void *p, size_t n);
/* The contents as a C string (a NUL is kept behind them); NULL if failed. */
const char *buf_cstr(struct buf *b);
struct bytes buf_view(const struct buf *b);
/* Empty it, keep the memory. */
void buf_reset(struct buf *b);
/* Free it; buf_wipe overwrites the memory first (secrets). Both leave it
 * zeroed and may be called on a zeroed one. */
void buf_free(struct buf *b);
void buf_wipe(struct buf *b);

#endif
