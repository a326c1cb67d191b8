#ifndef BASE_SIPHASH_H_
#define BASE_SIPHASH_H_

#include <stdint.h>

#include "base/bytes.h"

/* SipHash-1-3 of ${s} under the 128-bit ${key} (J.-P. Aumasson, D. J. Bernstein,
 * "SipHash: a fast short-input PRF"; one compression and three final rounds). */
uint64_t siphash13(const unsigned char key[16], struct bytes s);

#endif
