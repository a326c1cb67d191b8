#include "job/result_data.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>

/* One element of the set: the code and the key. */
struct element {
	const char *code;
	struct bytes key;
};

static int
compare(const void *va, const void *vb)
{
	const struct element *a = va, *b = vb;
	int c = strcmp(a->code, b->code);

	return c != 0 ? c : bytes_compare(a->key, b->key);
}

/* Gather the elements; the caller frees them. NULL without memory. */
static struct element *
elements(const struct result *r, size_t *n)
{
	struct element *list;
	bool all = r->findings.total == (int64_t)r->findings.n;
	size_t i;

	/* Of more findings than are kept, which ones are kept depends on the order of the
	 * scan: then only the codes are the same from run to run. */
	*n = all ? r->findings.n : r->codes.n;
	if ((list = calloc(*n, sizeof(*list))) == NULL)
		return NULL;
	for (i = 0; i < *n; i++)
		if (all)
			list[i] = (struct element){ r->findings.list[i].name,
				buf_view(&r->findings.list[i].key) };
		else
			list[i] = (struct element){ r->codes.list[i].name, { NULL, 0 } };
	return list;
}

int
result_digest(const struct result *r, char out[65])
{
	struct element *list;
	struct buf b = { 0 }, hex = { 0 };
	unsigned char md[32];
	size_t i, n;
	int rc = -1;

	out[0] = '\0';
	if (r->findings.total == 0)
		return 0;
	if ((list = elements(r, &n)) == NULL)
		return -1;
	qsort(list, n, sizeof(*list), compare);
	for (i = 0; i < n; i++) {
		if (i > 0 && compare(&list[i - 1], &list[i]) == 0)
			continue;
		buf_str(&b, list[i].code);
		buf_printf(&b, " %zu:", list[i].key.n);
		buf_bytes(&b, list[i].key);
	}
	if (!b.failed && EVP_Digest(b.p, b.n, md, NULL, EVP_sha256(), NULL) == 1) {
		buf_hex(&hex, md, sizeof(md));
		if (buf_cstr(&hex) != NULL && hex.n == 64) {
			memcpy(out, hex.p, 65);
			rc = 0;
		}
	}
	buf_free(&hex);
	buf_free(&b);
	free(list);
	return rc;
}
