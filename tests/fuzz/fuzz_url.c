/* REDIS_URL: anything may stand there. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "job/settings.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct redis_target t = { 0 };
	struct error e = { 0 };
	char *url;

	if ((url = malloc(size + 1)) == NULL)
		return 0;
	memcpy(url, data, size);
	url[size] = '\0';
	if (redis_url_parse(url, &t, &e) == 0) {
		if (t.unix_path == NULL && (t.port < 1 || t.port > 65535))
			abort();
	} else if (e.exit == 0 || e.text[0] == '\0') {
		abort();
	}
	redis_target_free(&t);
	free(url);
	return 0;
}
