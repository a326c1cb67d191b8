#ifndef TTL_FIXER_SUMMARY_H_
#define TTL_FIXER_SUMMARY_H_

#include "fixer.h"

/* Say, count and measure what a pass did. */
void summary_say(const struct fixer *f, const struct scan_result *pass);

#endif
