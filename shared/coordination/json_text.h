#ifndef COORDINATION_JSON_TEXT_H_
#define COORDINATION_JSON_TEXT_H_

#include <stdbool.h>

#include "base/bytes.h"

/*
 * The text of a JSON document (RFC 8259) as it stands, for what the JSON
 * library does not give: where the members of the outermost object begin and
 * end, and how its numbers are written. Meant for text that the library has accepted; on any other
 * it stays within the text and gives up.
 */

/* One member of the outermost object. */
struct json_member {
	struct bytes name;  /* with its quotes, escapes as they stand */
	struct bytes value; /* without the white space around it */
};
struct json_members {
	struct bytes text;
	size_t at;
	bool failed;        /* the text is no object */
	size_t open;        /* offset of the outermost "{" */
};

/* Start a walk over ${text}. False: no object. */
bool json_text_members(struct json_members *walk, struct bytes text);
/* The next member, in the order of the text; false at the end, or if failed. */
bool json_text_next(struct json_members *walk, struct json_member *member);
/* Is the decoded name of ${member} equal to ${name}? */
bool json_text_named(const struct json_member *member, struct bytes name);

/* Is all of ${s} a number as JSON writes it? *real: with fraction or exponent. */
bool json_text_number(struct bytes s, bool *real);
/* The finite value of a number that json_text_number accepts; false if it is too large for a double. */
bool json_text_value(struct bytes s, double *v);

/**
 * json_text_tame(text, out):
 * Append ${text} with each number that neither 64 bits nor a double can hold
 * replaced by null. False (nothing appended) if there is none or no memory.
 */
bool json_text_tame(struct bytes text, struct buf *out);

#endif
