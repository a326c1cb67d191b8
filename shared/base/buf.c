#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>

#include "base/bytes.h"
#include "base/utf8.h"

/* What a formatted text usually needs at most. */
#define SHORT_TEXT 64

static const char hex_digits[] = "0123456789abcdef";

/* Make room for ${more} bytes and a NUL. */
static bool
reserve(struct buf *b, size_t more)
{
	size_t cap, need;
	char *p;

	if (b->failed)
		return false;
	if (more >= SIZE_MAX / 2 - b->n)
		goto failed;
	need = b->n + more + 1;
	if (need <= b->cap)
		return true;
	cap = b->cap < 32 ? 32 : b->cap;
	while (cap < need)
		cap *= 2;
	/* Not realloc(): a secret that grows would leave copies behind. */
	p = malloc(cap);
	if (p == NULL)
		goto failed;
	if (b->n > 0)
		memcpy(p, b->p, b->n);
	p[b->n] = '\0';
	if (b->p != NULL)
		explicit_bzero(b->p, b->n);
	free(b->p);
	b->p = p;
	b->cap = cap;
	return true;

failed:
	b->failed = true;
	return false;
}

void
buf_add(struct buf *b, const void *p, size_t n)
{
	if (!reserve(b, n))
		return;
	if (n > 0)
		memcpy(b->p + b->n, p, n); /* NOLINT(clang-analyzer-core.NonNullParamChecker) n says it is there */
	b->n += n;
	b->p[b->n] = '\0';
}

void
buf_bytes(struct buf *b, struct bytes s)
{
	buf_add(b, s.p, s.n);
}

void
buf_str(struct buf *b, const char *s)
{
	buf_add(b, s, strlen(s));
}

void
buf_char(struct buf *b, char c)
{
	buf_add(b, &c, 1);
}

void
buf_printf(struct buf *b, const char *fmt, ...)
{
	va_list ap;
	size_t room;
	int n;

	if (!reserve(b, SHORT_TEXT))
		return;
	/* It fits nearly always; where it does not, its length is known now. */
	room = b->cap - b->n;
	va_start(ap, fmt);
	n = vsnprintf(b->p + b->n, room, fmt, ap);
	va_end(ap);
	if (n >= 0 && (size_t)n >= room && reserve(b, (size_t)n)) {
		va_start(ap, fmt);
		n = vsnprintf(b->p + b->n, (size_t)n + 1, fmt, ap);
		va_end(ap);
	}
	if (n < 0)
		b->failed = true;
	if (b->failed)
		b->p[b->n] = '\0';
	else
		b->n += (size_t)n;
}

/* Length of what can be shown as it is at ${at}; 0 if it has to be escaped. */
static size_t
showable(struct bytes s, size_t at)
{
	unsigned char c = (unsigned char)s.p[at];
	size_t n;

	if (c < 0x80)
		return c >= 0x20 && c != 0x7f && c != '\\';
	n = utf8_length(s, at);
	/* U+0080 to U+009F are control characters to a terminal, too. */
	if (n == 2 && c == 0xc2 && (unsigned char)s.p[at + 1] < 0xa0)
		return 0;
	return n;
}

void
buf_escaped(struct buf *b, struct bytes s, size_t max)
{
	char escape[4] = { '\\', 'x', 0, 0 };
	size_t at = 0, run, n;

	for (;;) {
		run = at;
		n = 0;
		while (at < s.n && (n = showable(s, at)) > 0 &&
		    (max == 0 || at + n <= max))
			at += n;
		buf_add(b, run == at ? NULL : s.p + run, at - run);
		if (at == s.n)
			return;
		if (max != 0 && (n > 0 || at >= max)) {
			buf_str(b, "...");
			return;
		}
		escape[2] = hex_digits[(unsigned char)s.p[at] >> 4];
		escape[3] = hex_digits[(unsigned char)s.p[at] & 15];
		buf_add(b, escape, sizeof(escape));
		at++;
	}
}

void
buf_base64(struct buf *b, struct bytes s)
{
	const size_t length = (s.n + 2) / 3 * 4;

	/* EVP_EncodeBlock counts in int. */
	if (s.n > INT_MAX / 4 * 3 || !reserve(b, length)) {
		b->failed = true;
		return;
	}
	if (s.n > 0)
		(void)EVP_EncodeBlock((unsigned char *)b->p + b->n, (const unsigned char *)s.p,
		    (int)s.n);
	b->n += length;
	b->p[b->n] = '\0';
}

static int
base64_value(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	if (c == '+')
		return 62;
	return c == '/' ? 63 : -1;
}

/* Decode four characters into up to three bytes; 0 if they are not canonical. */
static size_t
unbase64_group(const char *p, bool last, char *out)
{
	int a = base64_value(p[0]), c = base64_value(p[1]);
	int d = base64_value(p[2]), e = base64_value(p[3]);
	size_t n = 3;

	if (last && p[3] == '=') {
		n = p[2] == '=' ? 1 : 2;
		e = 0;
		if (n == 1)
			d = 0;
	}
	if (a < 0 || c < 0 || d < 0 || e < 0)
		return 0;
	/* Bits that no byte takes must be zero, or two texts mean the same. */
	if ((n == 1 && (c & 15) != 0) || (n == 2 && (d & 3) != 0))
		return 0;
	out[0] = (char)(a << 2 | c >> 4);
	out[1] = (char)((c & 15) << 4 | d >> 2);
	out[2] = (char)((d & 3) << 6 | e);
	return n;
}

bool
buf_unbase64(struct buf *b, struct bytes s)
{
	size_t start = b->n, i, n;
	char out[3];

	if (s.n % 4 != 0)
		return false;
	for (i = 0; i < s.n; i += 4) {
		n = unbase64_group(s.p + i, i + 4 == s.n, out);
		if (n == 0) {
			b->n = start;
			if (b->p != NULL)
				b->p[start] = '\0';
			return false;
		}
		buf_add(b, out, n);
	}
	return true;
}

void
buf_hex(struct buf *b, const void *p, size_t n)
{
	const unsigned char *u = p;
	char out[2];
	size_t i;

	for (i = 0; i < n; i++) {
		out[0] = hex_digits[u[i] >> 4];
		out[1] = hex_digits[u[i] & 15];
		buf_add(b, out, sizeof(out));
	}
}

const char *
buf_cstr(struct buf *b)
{
	if (b->failed)
		return NULL;
	return b->p == NULL ? "" : b->p;
}

struct bytes
buf_view(const struct buf *b)
{
	return (struct bytes){ b->p, b->n };
}

void
buf_reset(struct buf *b)
{
	b->n = 0;
	b->failed = false;
	if (b->p != NULL)
		b->p[0] = '\0';
}

void
buf_free(struct buf *b)
{
	free(b->p);
	*b = (struct buf){ 0 };
}

void
buf_wipe(struct buf *b)
{
	if (b->p != NULL)
		explicit_bzero(b->p, b->cap);
	buf_free(b);
}
