/* A config file of any bytes: loaded, or refused with a sentence; what loads prints a file that
 * loads again. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "job/settings.h"

static void
put(const char *path, const void *p, size_t n)
{
	FILE *f = fopen(path, "w");

	if (f == NULL || fwrite(p, 1, n, f) != n || fclose(f) != 0)
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char path[64];
	struct settings s, again;
	struct error e = { 0 };
	char *printed = NULL;
	size_t n = 0;

	if (path[0] == '\0') {
		strcpy(path, "/tmp/coordkeep-fuzz-XXXXXX");
		close(mkstemp(path));
	}
	put(path, data, size);
	memset(&s, 0, sizeof(s));
	memset(&again, 0, sizeof(again));
	if (config_defaults(settings_table, &s, &e) != 0)
		abort();
	if (config_load(settings_table, &s, path, true, &e) == 0) {
		FILE *f = open_memstream(&printed, &n);

		if (f == NULL || config_print(settings_table, &s, false, f) != 0 || fclose(f) != 0)
			abort();
		put(path, printed, n);
		free(printed);
		if (config_defaults(settings_table, &again, &e) != 0 ||
		    config_load(settings_table, &again, path, true, &e) != 0) {
			fprintf(stderr, "%s\n", e.text);
			abort();
		}
		config_free(settings_table, &again);
	} else if (e.exit == 0 || e.text[0] == '\0') {
		abort();
	}
	config_free(settings_table, &s);
	unlink(path);
	return 0;
}
