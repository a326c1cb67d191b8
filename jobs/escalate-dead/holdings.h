#ifndef ESCALATE_DEAD_HOLDINGS_H_
#define ESCALATE_DEAD_HOLDINGS_H_

#include "coordination/keys.h"
#include "escalate.h"

/* Every key that an id owns, or may own. */
struct holding {
	struct bytes key;   /* own copy */
	enum family family;
	bool certain;       /* false: it may also be somebody else's, who is not known to be gone */
};

struct holdings {
	struct holding *list;
	size_t n, cap;
	size_t certain[FAMILY_COUNT];
	size_t uncertain;
};

/* Walk the keyspace for those of ${c}, after survey_run. -1 with ${e}. */
int holdings_find(struct coordinator *c, struct holdings *h, struct error *e);
void holdings_free(struct holdings *h);

#endif
