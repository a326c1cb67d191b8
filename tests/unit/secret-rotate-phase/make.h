#ifndef TESTS_UNIT_SECRET_ROTATE_PHASE_MAKE_H_
#define TESTS_UNIT_SECRET_ROTATE_PHASE_MAKE_H_

#include "secret-rotate-phase/phase.h"

/* Records and reports from short texts, for the tables. A secret is one letter
 * of a..f; its "fingerprint" is that letter sixteen times; "-" is none. */
#define NOW INT64_C(1700000000000)
#define MIN INT64_C(60000)
#define HOUR (60 * MIN)

extern const struct phase_settings make_settings;

void make_fingerprint(char letter, char fp[FINGERPRINT_SIZE]);
/* "ab" is (signs a, other b), "a-" is (a, -). */
struct pair make_pair(const char *text);
/* "ab:ab,a-" is a file of (a, b) and two processes; "ab" has none; "?" could not be looked at. */
struct state make_state(const char *text);
/* A record in ${phase} at epoch 7 with (sign, other) ${pair}, of hosts h0, h1, ... */
struct rotation make_rotation(enum phase phase, const char *pair, size_t hosts);
/* A report of host h${i} under ${r}, a minute old, with a copy of it. */
struct report make_report(const struct rotation *r, size_t i, const char *state);

#endif
