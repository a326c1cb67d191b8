#include "coordination/journal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <jansson.h>

#include "base/map.h"

/* What became of an intent, by its number in the file. */
enum outcome { OPEN, DELETED, NOT_DELETED };

struct reader {
	const char *path;
	FILE *f;
	char *text;
	size_t cap;
	unsigned long line;  /* of ${text} */
	struct map *latest;  /* key -> number of its last intent */
	unsigned char *outcomes;
	size_t intents, room;
};

static int
damaged(const struct reader *r, struct error *e, const char *what)
{

	return error_set(e, EX_DATAERR, "%s:%lu: %s", r->path, r->line, what);
}

/* The next whole line as JSON: 1, 0 at the end (a line without its newline is one
 * that a crash cut off: its key was not deleted), -1 with ${e}. */
static int
next(struct reader *r, json_t **line, struct error *e)
{
	ssize_t n;

	errno = 0;
	if ((n = getline(&r->text, &r->cap, r->f)) < 0) {
		if (ferror(r->f) || errno == ENOMEM)
			return error_set(e, EX_IOERR, "%s: %s", r->path, strerror(errno));
		return 0;
	}
	if (r->text[n - 1] != '\n')
		return 0;
	r->line++;
	*line = json_loadb(r->text, (size_t)n, JSON_REJECT_DUPLICATES, NULL);
	if (!json_is_object(*line)) {
		json_decref(*line);
		return damaged(r, e, "is no line of a journal");
	}
	return 1;
}

static struct bytes
text_of(const json_t *line, const char *name)
{
	const json_t *v = json_object_get(line, name);

	if (!json_is_string(v))
		return (struct bytes){ NULL, 0 };
	return (struct bytes){ json_string_value(v), json_string_length(v) };
}

static bool
is_line(const json_t *line, const char *kind)
{

	return bytes_equal(text_of(line, "line"), bytes_str(kind));
}

/* Append the bytes of base64 member ${name}; false if there is none. */
static bool
unbase64(const json_t *line, const char *name, struct buf *out)
{

	return json_is_string(json_object_get(line, name)) &&
	    buf_unbase64(out, text_of(line, name)) && !out->failed;
}

static bool
copy_text(const json_t *line, const char *name, char *out, size_t size)
{
	struct bytes s = text_of(line, name);

	if (s.p == NULL || s.n >= size)
		return false;
	memcpy(out, s.p, s.n);
	out[s.n] = '\0';
	return true;
}

static int
read_header(struct reader *r, struct journal_header *h, struct error *e)
{
	json_t *line;
	int rc;

	r->line = 0;
	memset(h, 0, sizeof(*h));
	if ((rc = next(r, &line, e)) <= 0) {
		r->line = 1;
		return rc < 0 ? -1 : damaged(r, e, "has no header");
	}
	if (json_integer_value(json_object_get(line, "schema")) != 1 ||
	    !json_is_integer(json_object_get(line, "db")) ||
	    !json_is_integer(json_object_get(line, "server_version")) ||
	    !copy_text(line, "job", h->job, sizeof(h->job)) ||
	    !copy_text(line, "run", h->run, sizeof(h->run)))
		rc = damaged(r, e, "is no header of a journal that this version reads");
	else {
		h->db = (int)json_integer_value(json_object_get(line, "db"));
		h->server_version =
		    (int)json_integer_value(json_object_get(line, "server_version"));
		rc = 0;
	}
	json_decref(line);
	return rc;
}

static int
note_intent(struct reader *r, struct bytes key)
{
	unsigned char *more;
	size_t *number;

	if (r->intents == r->room) {
		more = realloc(r->outcomes, r->room * 2 + 256);
		if (more == NULL)
			return -1;
		r->outcomes = more;
		r->room = r->room * 2 + 256;
	}
	if ((number = map_put(r->latest, key, NULL)) == NULL)
		return -1;
	*number = r->intents;
	r->outcomes[r->intents++] = OPEN;
	return 0;
}

/* The first pass: what became of each intent. */
static int
note(struct reader *r, const json_t *line, struct buf *key, struct error *e)
{
	const size_t *number;

	if (!unbase64(line, "key_b64", key))
		return damaged(r, e, "has no readable key_b64");
	if (is_line(line, "intent"))
		return note_intent(r, buf_view(key)) == 0 ? 0 :
		    error_set(e, EX_SOFTWARE, "%s: out of memory", r->path);
	if (!is_line(line, "result"))
		return damaged(r, e, "is neither an intent nor a result");
	if ((number = map_find(r->latest, buf_view(key))) == NULL)
		return damaged(r, e, "is the result of nothing");
	r->outcomes[*number] =
	    bytes_equal(text_of(line, "result"), B("deleted")) ? DELETED : NOT_DELETED;
	return 0;
}

/* The parts of an intent; they stay in ${b} and ${line}. */
static int
read_intent(const struct reader *r, const json_t *line, struct buf b[3],
    struct journal_entry *entry, struct error *e)
{
	const json_t *expiry = json_object_get(line, "expiry");

	memset(entry, 0, sizeof(*entry));
	entry->id = text_of(line, "id");
	if (entry->id.p == NULL) {
		if (!unbase64(line, "id_b64", &b[2]))
			return damaged(r, e, "has no readable id");
		entry->id = buf_view(&b[2]);
	}
	if (!unbase64(line, "key_b64", &b[0]) || !unbase64(line, "dump", &b[1]))
		return damaged(r, e, "has no readable key_b64 and dump");
	if (!json_is_null(expiry) && (!json_is_integer(expiry) || json_integer_value(expiry) <= 0))
		return damaged(r, e, "has no readable expiry");
	entry->key = buf_view(&b[0]);
	entry->dump = buf_view(&b[1]);
	entry->expiry = json_integer_value(expiry);
	entry->verdict = text_of(line, "verdict");
	return 0;
}

static int
give(struct reader *r, const json_t *line, size_t number, journal_entry_fn *fn, void *ctx,
    struct error *e)
{
	struct journal_entry entry;
	struct buf b[3] = { 0 };
	int rc;

	if ((rc = read_intent(r, line, b, &entry, e)) == 0) {
		entry.resulted = r->outcomes[number] != OPEN;
		entry.deleted = r->outcomes[number] == DELETED;
		rc = fn(ctx, &entry);
	}
	buf_free(&b[0]);
	buf_free(&b[1]);
	buf_free(&b[2]);
	return rc;
}

static int
first_pass(struct reader *r, struct journal_header *h, struct error *e)
{
	struct buf key = { 0 };
	json_t *line;
	int rc;

	if ((rc = read_header(r, h, e)) != 0)
		return rc;
	while ((rc = next(r, &line, e)) > 0) {
		buf_reset(&key);
		rc = note(r, line, &key, e);
		json_decref(line);
		if (rc != 0)
			break;
	}
	buf_free(&key);
	return rc;
}

static int
second_pass(struct reader *r, journal_entry_fn *fn, void *ctx, struct error *e)
{
	struct journal_header h;
	json_t *line;
	size_t number = 0;
	int rc;

	rewind(r->f);
	if ((rc = read_header(r, &h, e)) != 0)
		return rc;
	while (number < r->intents && (rc = next(r, &line, e)) > 0) {
		rc = 0;
		if (is_line(line, "intent")) {
			if (r->outcomes[number] != NOT_DELETED)
				rc = give(r, line, number, fn, ctx, e);
			number++;
		}
		json_decref(line);
		if (rc != 0)
			break;
	}
	return rc;
}

/* Not blocked by a FIFO, which is refused when its type is seen. */
static FILE *
open_file(const char *path)
{
	FILE *f;
	int fd;

	if ((fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC)) < 0)
		return NULL;
	if ((f = fdopen(fd, "r")) == NULL)
		(void)close(fd);
	return f;
}

int
journal_read(const char *path, struct journal_header *h, journal_entry_fn *fn, void *ctx,
    struct error *e)
{
	struct reader r = { .path = path };
	struct stat st;
	int rc;

	if ((r.f = open_file(path)) == NULL)
		return error_set(e, EX_NOINPUT, "%s: %s", path, strerror(errno));
	if (fstat(fileno(r.f), &st) != 0 || !S_ISREG(st.st_mode))
		rc = error_set(e, EX_DATAERR, "%s: is not a regular file", path);
	else if ((r.latest = map_new(sizeof(size_t))) == NULL)
		rc = error_set(e, EX_SOFTWARE, "%s: out of memory", path);
	else if ((rc = first_pass(&r, h, e)) == 0)
		rc = second_pass(&r, fn, ctx, e);
	map_free(r.latest, NULL);
	free(r.outcomes);
	free(r.text);
	(void)fclose(r.f);
	return rc;
}
