#include "base/siphash.h"

#include <endian.h>
#include <string.h>

/* Up to eight bytes, the first is the lowest. */
static uint64_t
load(const unsigned char *p, size_t n)
{
	uint64_t v = 0;

	if (n > 0)
		memcpy(&v, p, n);
	return le64toh(v);
}

static uint64_t
rotate(uint64_t v, int by)
{
	return v << by | v >> (64 - by);
}

static inline void
sip_round(uint64_t v[4])
{
	v[0] += v[1];
	v[1] = rotate(v[1], 13) ^ v[0];
	v[0] = rotate(v[0], 32);
	v[2] += v[3];
	v[3] = rotate(v[3], 16) ^ v[2];
	v[0] += v[3];
	v[3] = rotate(v[3], 21) ^ v[0];
	v[2] += v[1];
	v[1] = rotate(v[1], 17) ^ v[2];
	v[2] = rotate(v[2], 32);
}

uint64_t
siphash13(const unsigned char key[16], struct bytes s)
{
	const unsigned char *p = (const unsigned char *)s.p;
	uint64_t k0 = load(key, 8), k1 = load(key + 8, 8), m;
	uint64_t v[4] = {
		k0 ^ UINT64_C(0x736f6d6570736575),
		k1 ^ UINT64_C(0x646f72616e646f6d),
		k0 ^ UINT64_C(0x6c7967656e657261),
		k1 ^ UINT64_C(0x7465646279746573),
	};
	size_t left = s.n;

	for (; left >= 8; left -= 8, p += 8) {
		m = load(p, 8);
		v[3] ^= m;
		sip_round(v);
		v[0] ^= m;
	}
	m = load(p, left) | (uint64_t)s.n << 56;
	v[3] ^= m;
	sip_round(v);
	v[0] ^= m;
	v[2] ^= 0xff;
	sip_round(v);
	sip_round(v);
	sip_round(v);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}
