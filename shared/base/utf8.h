#ifndef BASE_UTF8_H_
#define BASE_UTF8_H_

#include <stddef.h>

#include "base/bytes.h"

/* Length of the valid UTF-8 sequence at offset ${at} of ${s}, 0 if there is
 * none (RFC 3629: no overlong form, no surrogate, nothing above U+10FFFF). */
size_t utf8_length(struct bytes s, size_t at);

#endif
