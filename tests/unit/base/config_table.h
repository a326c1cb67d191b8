#ifndef UNIT_BASE_CONFIG_TABLE_H_
#define UNIT_BASE_CONFIG_TABLE_H_

#include <stdbool.h>
#include <stdint.h>

#include "base/config.h"

/* A table with a row of every type and kind, for the tests of config. */
struct sample {
	char *url;
	char *password;
	char *hook;
	bool cluster;
	int mode;
	int64_t count;
	int64_t any;
	int64_t timeout;
	int64_t forever;
	int64_t limit;
	struct config_patterns patterns;
};

extern const struct config_option sample_table[];

#endif
