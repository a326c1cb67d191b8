#ifndef ESCALATE_DEAD_AGAIN_H_
#define ESCALATE_DEAD_AGAIN_H_

#include "escalate.h"

/*
 * --force on one that was handed on before. If it has lived since, it is
 * another death. Else nothing is handed on twice: with nothing left it is
 * refused, and what is left goes to the replacement that has the rest
 * (c->reopen), unless that one is not to be expected any more. -1 with ${e}.
 */
int again_permit(struct coordinator *c, struct error *e);

/* Is the replacement that another process's record names gone itself? What would be handed to it would
 * be handed to nobody. */
bool again_hopeless(const struct coordinator *c);

/* Would what is left of it go to the replacement that has the rest? That one is appended to
 * ${out} in any case, if it is known. */
bool again_same(const struct coordinator *c, struct buf *out);

/* The replacement, for a person. In a dry run an id that would be made from the time of the run itself
 * is not the one that the next run makes. */
struct bytes again_told(const struct coordinator *c);

/* Whom it was handed on to: appended to ${out}, nothing if that is not known. */
void again_replacement(const struct coordinator *c, struct buf *out);

#endif
