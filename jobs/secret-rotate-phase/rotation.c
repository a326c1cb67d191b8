#include "rotation.h"

#include <assert.h>
#include <string.h>

static const char *const phase_names[] = {
	[PHASE_IDLE] = "idle",
	[PHASE_DISTRIBUTE] = "distribute",
	[PHASE_PROMOTE] = "promote",
	[PHASE_DRAIN] = "drain",
	[PHASE_RETIRE] = "retire",
	[PHASE_HOLD] = "hold",
};
static_assert(sizeof(phase_names) / sizeof(phase_names[0]) == PHASE_COUNT,
    "every phase has a name");

const char *
phase_name(enum phase p)
{
	return phase_names[p];
}

bool
phase_parse(struct bytes s, enum phase *p)
{
	size_t i;

	for (i = 0; i < PHASE_COUNT; i++) {
		if (bytes_equal(s, bytes_str(phase_names[i]))) {
			*p = (enum phase)i;
			return true;
		}
	}
	return false;
}

bool
pair_same(const struct pair *a, const struct pair *b)
{
	return strcmp(a->sign, b->sign) == 0 && strcmp(a->other, b->other) == 0;
}

bool
pair_accepts(const struct pair *p, const char *fp)
{
	return fp[0] != '\0' && (strcmp(p->sign, fp) == 0 || strcmp(p->other, fp) == 0);
}

bool
fingerprint_valid(struct bytes s)
{
	size_t i;

	if (s.n != FINGERPRINT_SIZE - 1)
		return false;
	for (i = 0; i < s.n; i++) {
		if (memchr("0123456789abcdef", s.p[i], 16) == NULL)
			return false;
	}
	return true;
}

bool
rotation_retired(const struct rotation *r, const char *fp)
{
	size_t i;

	for (i = 0; i < r->retired_n; i++) {
		if (strcmp(r->retired[i], fp) == 0)
			return true;
	}
	return false;
}

bool
rotation_knows(const struct rotation *r, const char *fp)
{
	return fp[0] != '\0' && (strcmp(r->sign, fp) == 0 || strcmp(r->other, fp) == 0 ||
	    rotation_retired(r, fp));
}

void
rotation_retire(struct rotation *r, const char *fp)
{
	if (fp[0] == '\0' || rotation_retired(r, fp))
		return;
	if (r->retired_n == RETIRED_MAX) {
		memmove(r->retired[0], r->retired[1],
		    (RETIRED_MAX - 1) * sizeof(r->retired[0]));
		r->retired_n--;
	}
	memcpy(r->retired[r->retired_n++], fp, FINGERPRINT_SIZE);
}

void
rotation_bind(struct rotation *r)
{
	if (r->fleet[0] == '\0')
		memcpy(r->fleet, r->id, sizeof(r->fleet));
}

bool
rotation_foreign(const struct rotation *a, const struct rotation *b)
{
	return a->fleet[0] != '\0' && b->fleet[0] != '\0' && strcmp(a->fleet, b->fleet) != 0;
}

bool
rotation_same(const struct rotation *a, const struct rotation *b)
{
	return strcmp(a->id, b->id) == 0 && a->phase == b->phase && a->then == b->then &&
	    a->confirm == b->confirm && a->skip_drain == b->skip_drain &&
	    strcmp(a->sign, b->sign) == 0 && strcmp(a->other, b->other) == 0;
}

void
state_add(struct state *s, const struct pair *p)
{
	size_t i;

	s->processes++;
	for (i = 0; i < s->pairs && i < PAIRS_MAX; i++) {
		if (pair_same(&s->pair[i], p))
			return;
	}
	if (s->pairs < PAIRS_MAX)
		s->pair[s->pairs++] = *p;
	else
		s->pairs = PAIRS_MAX + 1;
}

static const char *
unknown_of(const struct rotation *r, const struct pair *p)
{
	return !rotation_knows(r, p->sign) ? p->sign :
	    p->other[0] != '\0' && !rotation_knows(r, p->other) ? p->other : NULL;
}

bool
state_stranger(const struct rotation *r, const struct state *s, const char **fp)
{
	size_t i;

	if ((*fp = unknown_of(r, &s->file)) != NULL)
		return false;
	for (i = 0; i < s->pairs && i < PAIRS_MAX && *fp == NULL; i++)
		*fp = unknown_of(r, &s->pair[i]);
	return *fp != NULL;
}

bool
state_signs(const struct state *s, const char *fp)
{
	size_t i;

	if (!s->known || fp[0] == '\0')
		return false;
	for (i = 0; i < s->pairs && i < PAIRS_MAX; i++) {
		if (strcmp(s->pair[i].sign, fp) == 0)
			return true;
	}
	return strcmp(s->file.sign, fp) == 0;
}

const struct report *
reports_find(const struct reports *r, const char *host)
{
	const struct report *found = NULL;
	size_t i;

	for (i = 0; i < r->n; i++) {
		if (host_same(r->report[i].host, host) &&
		    (found == NULL || r->report[i].time > found->time))
			found = &r->report[i];
	}
	return found;
}
