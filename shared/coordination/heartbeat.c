#include "coordination/heartbeat.h"

#include <stddef.h>

enum heartbeat_form
heartbeat_read(struct bytes value, struct stamp *stamp, const char **why)
{
	struct record *record;
	bool readable;

	if (value.n > HEARTBEAT_LONGEST) {
		*why = "is longer than 64 KB";
		return HEARTBEAT_UNREADABLE;
	}
	if ((record = record_parse(value, why)) == NULL)
		return HEARTBEAT_UNREADABLE;
	if (!(readable = record_heartbeat_time(record, stamp)))
		*why = "has no readable time";
	record_free(record);
	return readable ? HEARTBEAT_READABLE : HEARTBEAT_UNREADABLE;
}
