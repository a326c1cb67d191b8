#include "rotation.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* An empty fingerprint is written as "-", so that no value is empty. */
static void
put_fingerprint(struct buf *out, const char *fp)
{
	buf_str(out, fp[0] == '\0' ? "-" : fp);
}

static bool
get_fingerprint(struct bytes s, char fp[FINGERPRINT_SIZE])
{
	memset(fp, 0, FINGERPRINT_SIZE);
	if (bytes_equal(s, B("-")))
		return true;
	if (!fingerprint_valid(s))
		return false;
	memcpy(fp, s.p, s.n);
	return true;
}

static bool
get_time(struct bytes s, int64_t *t)
{
	uint64_t v;

	if (!bytes_to_u64(s, &v) || v > INT64_MAX / 2)
		return false;
	*t = (int64_t)v;
	return true;
}

static bool
get_signed(struct bytes s, int64_t *t)
{
	const bool below = s.n > 0 && s.p[0] == '-';

	if (!get_time(below ? bytes_from(s, 1) : s, t))
		return false;
	*t = below ? -*t : *t;
	return true;
}

/* Words are separated by single spaces; false at the end. */
static bool
next_word(struct bytes *rest, struct bytes *word)
{
	size_t end = bytes_find(*rest, ' ', 0);

	if (rest->n == 0)
		return false;
	*word = (struct bytes){ rest->p, end };
	*rest = bytes_from(*rest, end + 1);
	return word->n > 0;
}

/* ---- the record ---- */

enum {
	F_ID, F_EPOCH, F_PHASE, F_THEN, F_CONFIRM, F_SKIP, F_SIGN, F_OTHER, F_SINCE, F_STARTED,
	F_ROTATED, F_HOSTS, F_LIST, F_TURN, F_TURN_SINCE, F_RETIRED, F_BY, F_FORMAT, F_FLEET,
	F_PROMOTED,
	F_COUNT
};
_Static_assert(F_COUNT == ROTATION_FIELDS, "every field has a name");

static const char *const field_names[] = {
	[F_ID] = "id", [F_EPOCH] = "epoch", [F_PHASE] = "phase", [F_THEN] = "then",
	[F_CONFIRM] = "confirm", [F_SKIP] = "skip_drain", [F_SIGN] = "sign",
	[F_OTHER] = "other", [F_SINCE] = "since", [F_STARTED] = "started",
	[F_ROTATED] = "rotated", [F_HOSTS] = "hosts", [F_LIST] = "list", [F_TURN] = "turn",
	[F_TURN_SINCE] = "turn_since", [F_RETIRED] = "retired", [F_BY] = "by",
	[F_FORMAT] = "format", [F_FLEET] = "fleet", [F_PROMOTED] = "promoted",
};

int
rotation_format(const struct rotation *r, struct field f[ROTATION_FIELDS])
{
	size_t i;

	for (i = 0; i < ROTATION_FIELDS; i++)
		f[i] = (struct field){ .name = field_names[i] };
	buf_str(&f[F_ID].value, r->id);
	buf_printf(&f[F_EPOCH].value, "%" PRIu64, r->epoch);
	buf_str(&f[F_PHASE].value, phase_name(r->phase));
	buf_str(&f[F_THEN].value, phase_name(r->then));
	buf_char(&f[F_CONFIRM].value, r->confirm ? '1' : '0');
	buf_char(&f[F_SKIP].value, r->skip_drain ? '1' : '0');
	put_fingerprint(&f[F_SIGN].value, r->sign);
	put_fingerprint(&f[F_OTHER].value, r->other);
	buf_printf(&f[F_SINCE].value, "%" PRId64, r->since);
	buf_printf(&f[F_STARTED].value, "%" PRId64, r->started);
	buf_printf(&f[F_ROTATED].value, "%" PRId64, r->rotated);
	hosts_format(&r->hosts, &f[F_HOSTS].value);
	put_fingerprint(&f[F_LIST].value, r->list);
	buf_str(&f[F_TURN].value, r->turn);
	buf_printf(&f[F_TURN_SINCE].value, "%" PRId64, r->turn_since);
	for (i = 0; i < r->retired_n; i++)
		buf_printf(&f[F_RETIRED].value, "%s%s", i > 0 ? " " : "", r->retired[i]);
	buf_str(&f[F_BY].value, r->by);
	buf_char(&f[F_FORMAT].value, '1');
	buf_str(&f[F_FLEET].value, r->fleet);
	buf_printf(&f[F_PROMOTED].value, "%" PRId64, r->promoted);
	for (i = 0; i < ROTATION_FIELDS; i++) {
		if (f[i].value.failed) {
			rotation_fields_free(f);
			return -1;
		}
	}
	return 0;
}

void
rotation_fields_free(struct field f[ROTATION_FIELDS])
{
	size_t i;

	for (i = 0; i < ROTATION_FIELDS; i++)
		buf_free(&f[i].value);
}

/* Hex digits of exactly ${n}, or (${empty}) none at all. */
static bool
get_hex(struct bytes s, char *out, size_t n, bool empty)
{
	size_t i;

	if (s.n != n && !(empty && s.n == 0))
		return false;
	for (i = 0; i < s.n; i++) {
		if (memchr("0123456789abcdef", s.p[i], 16) == NULL)
			return false;
	}
	memcpy(out, s.p == NULL ? "" : s.p, s.n);
	out[s.n] = '\0';
	return true;
}

static bool
get_flag(struct bytes s, bool *v)
{
	*v = bytes_equal(s, B("1"));
	return *v || bytes_equal(s, B("0"));
}

static bool
get_hosts(struct bytes s, struct hosts *h)
{
	char text[HOSTS_MAX * HOST_SIZE];

	if (s.n >= sizeof(text) || memchr(s.p == NULL ? "" : s.p, '\0', s.n) != NULL)
		return false;
	memcpy(text, s.p == NULL ? "" : s.p, s.n);
	text[s.n] = '\0';
	return hosts_parse(text, h, NULL) == 0;
}

static bool
get_turn(struct bytes s, char turn[HOST_SIZE])
{
	if (s.n > 0 && !host_valid(s))
		return false;
	memcpy(turn, s.p == NULL ? "" : s.p, s.n);
	turn[s.n] = '\0';
	return true;
}

static bool
get_retired(struct bytes s, struct rotation *r)
{
	char fp[FINGERPRINT_SIZE];
	struct bytes word;

	r->retired_n = 0;
	while (next_word(&s, &word)) {
		if (!fingerprint_valid(word) || !get_fingerprint(word, fp))
			return false;
		rotation_retire(r, fp);
	}
	return s.n == 0;
}

static bool
get_by(struct bytes s, char by[17])
{
	size_t i;

	if (s.n > 16)
		return false;
	for (i = 0; i < s.n; i++) {
		if (!isalnum((unsigned char)s.p[i]))
			return false;
	}
	memcpy(by, s.p == NULL ? "" : s.p, s.n);
	by[s.n] = '\0';
	return true;
}

bool
rotation_enter(struct rotation *r, struct bytes name, struct bytes value)
{
	size_t i = 0;

	while (i < F_COUNT && !bytes_equal(name, bytes_str(field_names[i])))
		i++;
	switch (i) {
	case F_ID:
		return get_hex(value, r->id, 32, true);
	case F_EPOCH:
		return bytes_to_u64(value, &r->epoch) && r->epoch < INT64_MAX / 2;
	case F_PHASE:
		return phase_parse(value, &r->phase);
	case F_THEN:
		return phase_parse(value, &r->then);
	case F_CONFIRM:
		return get_flag(value, &r->confirm);
	case F_SKIP:
		return get_flag(value, &r->skip_drain);
	case F_SIGN:
		return get_fingerprint(value, r->sign);
	case F_OTHER:
		return get_fingerprint(value, r->other);
	case F_SINCE:
		return get_time(value, &r->since);
	case F_STARTED:
		return get_time(value, &r->started);
	case F_ROTATED:
		return get_time(value, &r->rotated);
	case F_HOSTS:
		return get_hosts(value, &r->hosts);
	case F_LIST:
		return get_fingerprint(value, r->list);
	case F_TURN:
		return get_turn(value, r->turn);
	case F_TURN_SINCE:
		return get_time(value, &r->turn_since);
	case F_RETIRED:
		return get_retired(value, r);
	case F_BY:
		return get_by(value, r->by);
	case F_FORMAT:
		return bytes_equal(value, B("1"));
	case F_FLEET:
		return get_hex(value, r->fleet, 32, true);
	case F_PROMOTED:
		return get_signed(value, &r->promoted);
	default:
		return true;
	}
}

bool
rotation_field_optional(const char *name)
{
	return strcmp(name, field_names[F_FLEET]) == 0 ||
	    strcmp(name, field_names[F_PROMOTED]) == 0;
}

bool
rotation_whole(const struct rotation *r)
{
	if (r->epoch == 0)
		return r->phase == PHASE_IDLE && r->hosts.n == 0;
	if (r->id[0] == '\0' || r->hosts.n == 0 || r->sign[0] == '\0')
		return false;
	if (r->phase == PHASE_HOLD && r->then != PHASE_RETIRE && r->then != PHASE_PROMOTE)
		return false;
	return r->phase == PHASE_IDLE ||
	    (r->other[0] != '\0' && strcmp(r->sign, r->other) != 0);
}

/* ---- a report ---- */

void
report_format(const struct report *r, struct buf *out)
{
	size_t i;

	buf_printf(out, "2 %" PRIu64 " %" PRId64 " %" PRIu64 " %s %s %" PRId64 " ", r->epoch, r->time,
	    r->copy, r->machine[0] == '\0' ? "-" : r->machine, r->boot[0] == '\0' ? "-" : r->boot,
	    r->rival);
	put_fingerprint(out, r->list);
	buf_printf(out, " %s ", r->state.known ? "known" : "unknown");
	put_fingerprint(out, r->state.file.sign);
	buf_char(out, ' ');
	put_fingerprint(out, r->state.file.other);
	buf_printf(out, " %zu %zu", r->state.processes, r->state.pairs);
	for (i = 0; i < r->state.pairs && i < PAIRS_MAX; i++) {
		buf_char(out, ' ');
		put_fingerprint(out, r->state.pair[i].sign);
		buf_char(out, ' ');
		put_fingerprint(out, r->state.pair[i].other);
	}
}

static bool
word_is(struct bytes *rest, struct bytes wanted)
{
	struct bytes word;

	return next_word(rest, &word) && bytes_equal(word, wanted);
}

static bool
word_number(struct bytes *rest, uint64_t *v)
{
	struct bytes word;

	return next_word(rest, &word) && bytes_to_u64(word, v) && *v < INT64_MAX / 2;
}

static bool
word_fingerprint(struct bytes *rest, char fp[FINGERPRINT_SIZE])
{
	struct bytes word;

	return next_word(rest, &word) && get_fingerprint(word, fp);
}

/* Which machine made it. */
static bool
report_machine(struct bytes *rest, struct report *r)
{
	struct bytes machine, boot;
	uint64_t rival;

	if (!next_word(rest, &machine) || !next_word(rest, &boot) || !word_number(rest, &rival))
		return false;
	if (bytes_equal(machine, B("-")))
		machine = B("");
	else if (!host_valid(machine))
		return false;
	if (!get_hex(bytes_equal(boot, B("-")) ? B("") : boot, r->boot, 32, true))
		return false;
	memset(r->machine, 0, sizeof(r->machine));
	memcpy(r->machine, machine.p, machine.n);
	r->rival = (int64_t)rival;
	return true;
}

bool
report_parse(struct bytes s, struct report *r)
{
	uint64_t time, processes, pairs;
	struct bytes word;
	size_t i;

	if (!word_is(&s, B("2")) || !word_number(&s, &r->epoch) || !word_number(&s, &time) ||
	    !word_number(&s, &r->copy) || !report_machine(&s, r) ||
	    !word_fingerprint(&s, r->list) || !next_word(&s, &word))
		return false;
	r->time = (int64_t)time;
	r->state.known = bytes_equal(word, B("known"));
	if (!r->state.known && !bytes_equal(word, B("unknown")))
		return false;
	if (!word_fingerprint(&s, r->state.file.sign) ||
	    !word_fingerprint(&s, r->state.file.other) || !word_number(&s, &processes) ||
	    !word_number(&s, &pairs) || pairs > PAIRS_MAX + 1 || pairs > processes ||
	    (pairs == 0) != (processes == 0))
		return false;
	r->state.processes = (size_t)processes;
	r->state.pairs = (size_t)pairs;
	for (i = 0; i < pairs && i < PAIRS_MAX; i++) {
		if (!word_fingerprint(&s, r->state.pair[i].sign) ||
		    !word_fingerprint(&s, r->state.pair[i].other))
			return false;
	}
	return s.n == 0;
}
