#include "base/bytes.h"

#include <string.h>

#include "base/utf8.h"

struct bytes
bytes_str(const char *s)
{
	if (s == NULL)
		return (struct bytes){ NULL, 0 };
	return (struct bytes){ s, strlen(s) };
}

bool
bytes_equal(struct bytes a, struct bytes b)
{
	return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

bool
bytes_starts(struct bytes s, struct bytes prefix)
{
	return s.n >= prefix.n && (prefix.n == 0 || memcmp(s.p, prefix.p, prefix.n) == 0);
}

int
bytes_compare(struct bytes a, struct bytes b)
{
	size_t n = a.n < b.n ? a.n : b.n;
	int c = n == 0 ? 0 : memcmp(a.p, b.p, n);

	if (c != 0)
		return c;
	return (a.n > b.n) - (a.n < b.n);
}

struct bytes
bytes_from(struct bytes s, size_t at)
{
	if (at >= s.n)
		return (struct bytes){ s.n == 0 ? s.p : s.p + s.n, 0 };
	return (struct bytes){ s.p + at, s.n - at };
}

struct bytes
bytes_slice(struct bytes s, size_t from, size_t to)
{
	return (struct bytes){ s.p + from, to - from };
}

size_t
bytes_find(struct bytes s, char c, size_t at)
{
	const char *p;

	if (at >= s.n)
		return s.n;
	p = memchr(s.p + at, c, s.n - at);
	return p == NULL ? s.n : (size_t)(p - s.p);
}

size_t
utf8_length(struct bytes s, size_t at)
{
	const unsigned char *p = (const unsigned char *)s.p + at;
	size_t left = s.n - at, n, i;
	unsigned char low = 0x80, high = 0xbf;

	if (p[0] < 0x80)
		return 1;
	if (p[0] < 0xc2 || p[0] > 0xf4)
		return 0;
	n = p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;
	if (left < n)
		return 0;
	/* The second byte is what tells overlong forms, surrogates and
	 * code points that are too large. */
	if (p[0] == 0xe0)
		low = 0xa0;
	else if (p[0] == 0xed)
		high = 0x9f;
	else if (p[0] == 0xf0)
		low = 0x90;
	else if (p[0] == 0xf4)
		high = 0x8f;
	if (p[1] < low || p[1] > high)
		return 0;
	for (i = 2; i < n; i++) {
		if (p[i] < 0x80 || p[i] > 0xbf)
			return 0;
	}
	return n;
}

bool
bytes_is_utf8(struct bytes s)
{
	size_t at, n;

	for (at = 0; at < s.n; at += n) {
		/* Most are ASCII, and a call for each would be most of the work. */
		n = s.p[at] > 0 && s.p[at] < 0x7f ? 1 : utf8_length(s, at);
		if (n == 0 || s.p[at] == '\0')
			return false;
	}
	return true;
}

int
bytes_hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

bool
bytes_to_u64(struct bytes s, uint64_t *v)
{
	uint64_t sum = 0, digit;
	size_t i;

	if (s.n == 0)
		return false;
	for (i = 0; i < s.n; i++) {
		if (s.p[i] < '0' || s.p[i] > '9')
			return false;
		digit = (uint64_t)(s.p[i] - '0');
		if (sum > (UINT64_MAX - digit) / 10)
			return false;
		sum = sum * 10 + digit;
	}
	*v = sum;
	return true;
}
