#ifndef REDIS_REPLY_H_
#define REDIS_REPLY_H_

#include <stdbool.h>

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
