#include "make.h"

#include <stdio.h>
#include <string.h>

const struct phase_settings make_settings = {
	.soak = HOUR, .drain = 25 * HOUR, .host_timeout = HOUR, .max_age = 90 * 24 * HOUR,
	.tolerance = 5000
};

void
make_fingerprint(char letter, char fp[FINGERPRINT_SIZE])
{
	memset(fp, 0, FINGERPRINT_SIZE);
	if (letter != '-')
		memset(fp, letter, FINGERPRINT_SIZE - 1);
}

struct pair
make_pair(const char *text)
{
	struct pair p;

	make_fingerprint(text[0], p.sign);
	make_fingerprint(text[1], p.other);
	return p;
}

struct state
make_state(const char *text)
{
	struct state s = { 0 };
	struct pair p;

	if (text[0] == '?')
		return s;
	s.known = true;
	s.file = make_pair(text);
	for (text += 2; *text != '\0'; text += 3) {
		p = make_pair(text + 1);
		state_add(&s, &p);
	}
	return s;
}

struct rotation
make_rotation(enum phase phase, const char *pair, size_t hosts)
{
	struct rotation r = { .epoch = 7, .phase = phase, .since = NOW - 10 * MIN,
		.started = NOW - 2 * HOUR };
	struct pair p = make_pair(pair);
	size_t i;

	memset(r.id, '1', 32);
	memcpy(r.sign, p.sign, FINGERPRINT_SIZE);
	memcpy(r.other, p.other, FINGERPRINT_SIZE);
	make_fingerprint('0', r.list);
	r.hosts.n = hosts;
	for (i = 0; i < hosts; i++)
		(void)snprintf(r.hosts.name[i], HOST_SIZE, "h%zu", i);
	return r;
}

struct report
make_report(const struct rotation *r, size_t i, const char *state)
{
	struct report report = { .epoch = r->epoch, .time = NOW - MIN, .copy = r->epoch,
		.state = make_state(state) };

	(void)snprintf(report.host, HOST_SIZE, "h%zu", i);
	make_fingerprint('0', report.list);
	return report;
}
