#ifndef REDIS_REPLY_H_
#define REDIS_REPLY_H_

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <hiredis/hiredis.h>

#include "redis/client.h"

/* The inside of a reply. An element of a list is part of the whole, which alone is freed. */
struct reply {
	int type; /* REDIS_REPLY_STRING, ... */
	union {
		struct bytes string; /* also a status or an error; NUL behind it */
		int64_t integer;
		struct {
			struct reply *v;
			size_t n;
		} list;
	};
};

/* No reply to what the jobs ask holds a list as long as this, or lists in lists
 * as deep. Space for a list is made as soon as its length is announced: a peer
 * that announces 2^31 elements would keep us busy for minutes with making it
 * and freeing it. */
#define REPLY_LIST_MAX 1000000
#define REPLY_DEPTH_MAX 7

/* A parser of hiredis whose replies are struct reply; to be freed with redisReaderFree. NULL without
 * memory. *too_long becomes true when it fails for one of those limits; it must outlive the reader. */
redisReader *reply_reader(bool *too_long);

/* What the text of an error reply means. Pure. For the inside of this floor;
 * jobs use reply_error and reply_fail of client.h. */

/* The command was not executed and may be later: LOADING, BUSY (not BUSYKEY),
 * TRYAGAIN, CLUSTERDOWN, MASTERDOWN, READONLY. */
bool reply_temporary(const char *text);
/* Another server may be the right one by now: MASTERDOWN, READONLY. */
bool reply_elsewhere(const char *text);
/* "ERR max number of clients reached", which a server says before any command. */
bool reply_crowded(const char *text);
/* The exit code that it stands for. */
int reply_exit(const char *text);

#endif
