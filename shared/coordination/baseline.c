#include "coordination/brake.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/log.h"
#include "coordination/hash.h"

#define BASELINE_KEY "coordkeep:baseline"
#define FILE_MAX 4096

/* "RUN_ID EVICTED ALIVE BEGAN AT", one line in both places. */
static void
format(const struct baseline *b, struct buf *out)
{

	buf_printf(out, "%s %" PRId64 " %" PRId64 " %" PRId64 " %" PRId64, b->run_id,
	    b->evicted_keys, b->alive, b->began, b->at);
}

static bool
parse(struct bytes s, struct baseline *b)
{
	int64_t *const numbers[] = { &b->evicted_keys, &b->alive, &b->began, &b->at };
	size_t at, end, i;
	uint64_t v;

	memset(b, 0, sizeof(*b));
	if (s.n > 0 && s.p[s.n - 1] == '\n')
		s.n--;
	at = bytes_find(s, ' ', 0);
	if (at == 0 || at >= sizeof(b->run_id) || memchr(s.p, '\0', s.n) != NULL)
		return false;
	memcpy(b->run_id, s.p, at);
	for (i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		if (at++ >= s.n)
			return false;
		end = bytes_find(s, ' ', at);
		if (!bytes_to_u64((struct bytes){ s.p + at, end - at }, &v) || v > INT64_MAX)
			return false;
		*numbers[i] = (int64_t)v;
		at = end;
	}
	return at == s.n;
}

/* What the file holds; a file that cannot be used is none. */
static bool
load_file(const char *file, struct baseline *b)
{
	struct error e = { 0 };
	struct buf text = { 0 };
	bool found = false;

	if (file[0] == '\0')
		return false;
	if (file_read(file, FILE_MAX, &text, &e) == 0) {
		found = !text.failed && parse(buf_view(&text), b);
		if (!found)
			log_warn("baseline-damaged", "%s cannot be read as a baseline", file);
	} else if (e.exit != EX_NOINPUT)
		log_warn("baseline-file", "%s", e.text);
	buf_free(&text);
	return found;
}

int
baseline_load(struct client *c, const char *file, struct baseline *b, bool *found,
    struct error *e)
{
	struct baseline local;
	struct reply *r;
	struct bytes s;
	int rc = 0;

	*found = false;
	r = CLIENT_CALL(c, CLIENT_REPEAT, B("GET"), B(BASELINE_KEY));
	if (r == NULL) {
		*e = *client_error(c);
		return -1;
	}
	if (reply_string(r, &s)) {
		*found = parse(s, b);
		if (!*found)
			log_warn("baseline-damaged", "%s cannot be read", BASELINE_KEY);
	} else if (hash_is_wrong_type(r))
		rc = hash_wrong_type(c, B(BASELINE_KEY), "string", e);
	else if (!reply_is_nil(r))
		rc = reply_fail(r, e, "GET %s", BASELINE_KEY);
	reply_free(r);
	if (rc == 0 && load_file(file, &local) && (!*found || local.at > b->at)) {
		*b = local;
		*found = true;
	}
	return rc;
}

static void
save_file(const char *file, struct bytes text)
{
	struct error e = { 0 };

	if (file[0] != '\0' && file_replace(file, 0600, text, &e) != 0)
		log_warn("baseline-file", "%s", e.text);
}

int
baseline_save(struct client *c, const char *file, const struct baseline *b, int64_t keep_ms,
    struct error *e)
{
	struct buf text = { 0 };
	struct reply *r;
	struct bytes ok;
	char keep[24];
	int rc = 0;

	format(b, &text);
	if (text.failed) {
		buf_free(&text);
		return error_set(e, EX_SOFTWARE, "out of memory");
	}
	/* The file first: it is for the day on which Redis fails. */
	buf_char(&text, '\n');
	save_file(file, buf_view(&text));
	r = CLIENT_CALL(c, CLIENT_REPEAT, B("SET"), B(BASELINE_KEY),
	    ((struct bytes){ text.p, text.n - 1 }), B("PX"), bytes_of_int(keep_ms, keep));
	if (r == NULL) {
		*e = *client_error(c);
		rc = -1;
	} else if (!reply_string(r, &ok))
		rc = reply_fail(r, e, "SET %s", BASELINE_KEY);
	reply_free(r);
	buf_free(&text);
	return rc;
}
