#ifndef SECRET_ROTATE_PHASE_OUTLOOK_H_
#define SECRET_ROTATE_PHASE_OUTLOOK_H_

#include "effects.h"

/*
 * What a run or --status knows of the rotation at its end, and what of it a
 * person should see.
 */
struct outlook {
	struct effects *x;
	const struct flow_settings *flow;
	struct flow_view *v;
	const struct hosts *hosts; /* of the config: who is expected before the first rotation */
	int64_t now;
	int64_t age;             /* of the secret that signs, -1 = not known */
	bool overdue;
	bool uncertain;          /* is there no host that may act on the record? */
	bool held;               /* records in flight keep the drain from its end */
	bool blocked;            /* these, or some host, keep the rotation from going on */
	size_t late;             /* hosts that have not reported for too long */
	size_t mismatched;       /* hosts with a secret that is not the fleet's */
	bool lost;               /* Redis has no record or an older one; this is the copy's */
	const char *uncounted;   /* why what is in flight was not counted; NULL */
};

/* What a row of the census means beyond its standing. */
enum trouble {
	TROUBLE_NONE,
	TROUBLE_LATE,
	TROUBLE_TWICE,     /* two machines report under its name */
	TROUBLE_MISMATCH,  /* a secret that the rotation does not know */
	TROUBLE_TURN,      /* holds the turn for too long */
	TROUBLE_KEPT,      /* has the turn, and nothing runs there */
	TROUBLE_BLOCKS     /* something else that waiting does not mend */
};
enum trouble outlook_trouble(const struct outlook *o, const struct census_row *row);

/* Take the census and judge; x, flow, v, lost and uncounted are set. */
void outlook_make(struct outlook *o);
/* Findings: whatever blocks the rotation, each with the host that it is about. */
void outlook_findings(const struct outlook *o);
void outlook_metrics(const struct outlook *o);
/* Append what the rotation waits for, a phrase. */
void outlook_wait(const struct outlook *o, struct buf *out);

/* One line of result; the table of --status; the JSON object "rotation". */
void outlook_say(const struct outlook *o);
void outlook_table(const struct outlook *o);
/* -1 without memory. */
int outlook_json(const struct outlook *o);

#endif
