#ifndef COORDINATION_HEARTBEAT_H_
#define COORDINATION_HEARTBEAT_H_

#include "base/bytes.h"
#include "coordination/liveness.h"
#include "coordination/record.h"

/* A heartbeat longer than that is none. Ask for it with GETRANGE key 0
 * HEARTBEAT_LAST: one byte more than may be there, and never a value that would
 * hold up the server. */
#define HEARTBEAT_LONGEST 65536
#define HEARTBEAT_LAST "65536"

/* What a heartbeat's value is: HEARTBEAT_READABLE with *stamp, or
 * HEARTBEAT_UNREADABLE with *why, a constant phrase that follows on "it"
 * ("is not JSON", "has no readable time", ...). */
enum heartbeat_form heartbeat_read(struct bytes value, struct stamp *stamp,
    const char **why);

#endif
