#ifndef JOB_URL_H_
#define JOB_URL_H_

#include <stdbool.h>

#include "base/status.h"
#include "job/settings.h"

/* redis_url_parse that also tells whether the URL named a db. */
int url_parse(const char *url, struct redis_target *t, bool *has_db, struct error *e);
/* Set t->shown from the other fields. -1 without memory. */
int url_show(struct redis_target *t, struct error *e);

#endif
