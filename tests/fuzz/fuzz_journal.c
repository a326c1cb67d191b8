/* An undo journal that something has damaged: entries, or a sentence that names the line. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "coordination/journal.h"

static int
entry(void *ctx, const struct journal_entry *e)
{
	size_t *n = ctx;

	*n += e->key.n + e->dump.n + e->id.n + e->verdict.n;
	return 0;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char path[64];
	struct journal_header h;
	struct error e = { 0 };
	size_t n = 0;
	FILE *f;

	if (path[0] == '\0') {
		strcpy(path, "/tmp/coordkeep-fuzz-XXXXXX");
		close(mkstemp(path));
	}
	if ((f = fopen(path, "w")) == NULL || fwrite(data, 1, size, f) != size || fclose(f) != 0)
		abort();
	memset(&h, 0, sizeof(h));
	if (journal_read(path, &h, entry, &n, &e) != 0 && (e.exit == 0 || e.text[0] == '\0'))
		abort();
	unlink(path);
	return 0;
}
