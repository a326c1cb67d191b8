#ifndef TTL_FIXER_GLOB_H_
#define TTL_FIXER_GLOB_H_

#include "base/bytes.h"

/* Does all of ${s} match ${glob}, as Redis's own MATCH would say: * ? [a-z] [^a]
 * and \x? Bytes, not characters. Linear in ${s} times the length of ${glob} at
 * worst: keys are chosen by strangers. */
bool glob_match(struct bytes glob, struct bytes s);

#endif
