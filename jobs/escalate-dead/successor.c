#include "successor.h"

#include <inttypes.h>
#include <string.h>

#include <openssl/evp.h>

int
successor_id(struct bytes id, int64_t incarnation, char out[SUCCESSOR_SIZE])
{
	unsigned char digest[EVP_MAX_MD_SIZE];
	struct buf text = { 0 };
	unsigned int n = 0;
	int ok;

	/* The NUL keeps "a1", 23 and "a", 123 apart. */
	buf_bytes(&text, id);
	buf_char(&text, '\0');
	buf_printf(&text, "%" PRId64, incarnation);
	ok = !text.failed && EVP_Digest(text.p, text.n, digest, &n, EVP_sha256(), NULL) == 1 &&
	    n == 32;
	buf_reset(&text);
	if (ok) {
		buf_str(&text, "r-");
		buf_hex(&text, digest, 16);
		ok = !text.failed && text.n == SUCCESSOR_SIZE - 1;
	}
	if (ok) {
		memcpy(out, text.p, SUCCESSOR_SIZE - 1);
		out[SUCCESSOR_SIZE - 1] = '\0';
	}
	buf_free(&text);
	return ok ? 0 : -1;
}
