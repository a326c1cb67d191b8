/* One entry of the roster as the hash holds it: what can be read is written back the same. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "coordination/roster.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct roster_entry e, again;
	struct buf text = { 0 }, twice = { 0 };

	memset(&e, 0, sizeof(e));
	memset(&again, 0, sizeof(again));
	if (!roster_parse((struct bytes){ (const char *)data, size }, &e))
		return 0;
	roster_format(&e, &text);
	if (!roster_parse(buf_view(&text), &again))
		abort();
	roster_format(&again, &twice);
	if (!bytes_equal(buf_view(&text), buf_view(&twice)))
		abort();
	buf_free(&text);
	buf_free(&twice);
	return 0;
}
