#include "coordination/journal.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "coordination/journal_prune.h"
#include "coordination/record.h"

struct journal {
	int fd;
	char *path;
	off_t end;           /* of the last whole batch: what is on disk for good */
	bool directory_synced;
	uint64_t intents;    /* that are on disk */
	uint64_t waiting;    /* in the buffer */
	uint64_t undone;     /* intents that came to nothing: their results say so */
	struct buf line;     /* intents of the batch in hand */
	struct buf results;  /* result lines, of batches on disk */
};

/* ${before} ends in the quote of a string that base64 can be put into. */
static void
base64(struct buf *out, const char *before, struct bytes s)
{
	buf_str(out, before);
	buf_base64(out, s);
}

/* A JSON string member behind ${before}: as text where that can be, else base64 under NAME_b64. */
static void
member(struct buf *out, const char *before, const char *name, struct bytes s)
{
	buf_str(out, before);
	buf_str(out, name);
	if (bytes_is_utf8(s)) {
		buf_str(out, "\":");
		record_quote(out, s);
		return;
	}
	base64(out, "_b64\":\"", s);
	buf_char(out, '"');
}

static void
header(struct buf *out, const struct journal_options *o)
{
	char started[40];

	clock_rfc3339(clock_wall_ms(), 0, started, sizeof(started));
	member(out, "{\"schema\":1,\"", "job", bytes_str(o->job));
	member(out, ",\"", "run", bytes_str(o->run));
	buf_printf(out, ",\"db\":%d,\"server_version\":%d", o->db, o->server_version);
	member(out, ",\"", "run_id", bytes_str(o->server_run_id));
	buf_printf(out, ",\"started\":\"%s\"}\n", started);
}

static char *
make_path(const struct journal_options *o)
{
	struct buf path = { 0 };
	time_t now = (time_t)(clock_wall_ms() / 1000);
	struct tm tm;
	char when[32];

	if (gmtime_r(&now, &tm) == NULL || strftime(when, sizeof(when), "%Y%m%dT%H%M%SZ", &tm) == 0)
		return NULL;
	buf_printf(&path, "%s/%s-%s-%s.jsonl", o->dir, o->job, when, o->run);
	if (buf_cstr(&path) == NULL) {
		buf_free(&path);
		return NULL;
	}
	return path.p;
}

static void
discard(struct journal *j)
{

	buf_free(&j->line);
	buf_free(&j->results);
	free(j->path);
	free(j);
}

/* Create the file and put the header in it. */
static int
create(struct journal *j, const struct journal_options *o, struct error *e)
{
	int saved;

	j->fd = open(j->path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (j->fd < 0)
		return error_set(e, EX_CANTCREAT, "%s: %s", j->path, strerror(errno));
	file_give(j->fd, j->path);
	header(&j->line, o);
	if (j->line.failed)
		errno = ENOMEM;
	else if (file_write(j->fd, buf_view(&j->line)) == 0 && fsync(j->fd) == 0) {
		j->end = (off_t)j->line.n;
		buf_reset(&j->line);
		return 0;
	}
	saved = errno;
	(void)unlink(j->path);
	(void)close(j->fd);
	return error_set(e, EX_CANTCREAT, "%s: %s", j->path, strerror(saved));
}

struct journal *
journal_open(const struct journal_options *o, struct error *e)
{
	struct journal *j;

	if (file_make_directory(o->dir, 0700, e) != 0)
		return NULL;
	journal_prune(o);
	if ((j = calloc(1, sizeof(*j))) == NULL)
		goto err0;
	if ((j->path = make_path(o)) == NULL)
		goto err1;
	if (create(j, o, e) != 0) {
		discard(j);
		return NULL;
	}
	return j;

err1:
	discard(j);
err0:
	(void)error_set(e, EX_CANTCREAT, "%s: out of memory", o->dir);
	return NULL;
}

int
journal_intent(struct journal *j, struct bytes key, struct bytes dump, int64_t expiry,
    struct bytes id, const char *verdict, struct error *e)
{
	struct buf *out = &j->line;

	base64(out, "{\"line\":\"intent\",\"key_b64\":\"", key);
	buf_char(out, '"');
	/* For a person who looks for it; the other is what is read back. */
	if (bytes_is_utf8(key))
		member(out, ",\"", "key", key);
	member(out, ",\"", "id", id);
	member(out, ",\"", "verdict", bytes_str(verdict));
	buf_str(out, ",\"expiry\":");
	if (expiry > 0)
		buf_printf(out, "%" PRId64, expiry);
	else
		buf_str(out, "null");
	base64(out, ",\"dump\":\"", dump);
	buf_str(out, "\"}\n");
	if (out->failed)
		return error_set(e, EX_IOERR, "%s: out of memory", j->path);
	j->waiting++;
	return 0;
}

static int
flush(struct journal *j)
{
	size_t n = j->results.n + j->line.n;

	if (j->line.failed || j->results.failed) {
		errno = ENOMEM;
		return -1;
	}
	if (n > 0) {
		/* Results belong to batches before this one. */
		if (file_write(j->fd, buf_view(&j->results)) != 0 ||
		    file_write(j->fd, buf_view(&j->line)) != 0 || fsync(j->fd) != 0)
			return -1;
	}
	if (!j->directory_synced) {
		if (file_sync_directory(j->path) != 0)
			return -1;
		j->directory_synced = true;
	}
	j->end += (off_t)n;
	j->intents += j->waiting;
	buf_reset(&j->results);
	return 0;
}

int
journal_commit(struct journal *j, struct error *e)
{
	int rc, saved;

	if ((rc = flush(j)) != 0) {
		saved = errno;
		/* Half a batch would look like one that may have been deleted. */
		if (ftruncate(j->fd, j->end) == 0)
			(void)lseek(j->fd, j->end, SEEK_SET);
		(void)error_set(e, EX_IOERR, "%s: %s", j->path, strerror(saved));
	}
	buf_reset(&j->line);
	j->waiting = 0;
	return rc;
}

int
journal_result(struct journal *j, struct bytes key, const char *result, struct error *e)
{
	struct buf *out = &j->results;

	base64(out, "{\"line\":\"result\",\"key_b64\":\"", key);
	member(out, "\",\"", "result", bytes_str(result));
	buf_str(out, "}\n");
	if (out->failed)
		return error_set(e, EX_IOERR, "%s: out of memory", j->path);
	if (strcmp(result, "deleted") != 0)
		j->undone++;
	return 0;
}

bool
journal_is_empty(const struct journal *j)
{

	return j->intents <= j->undone;
}

const char *
journal_path(const struct journal *j)
{

	return j->path;
}

int
journal_close(struct journal *j, struct error *e)
{
	int rc = 0;

	if (j == NULL)
		return 0;
	if (j->results.n > 0 || j->line.n > 0)
		rc = journal_commit(j, e);
	if (journal_is_empty(j))
		(void)unlink(j->path);
	if (close(j->fd) != 0 && rc == 0)
		rc = error_set(e, EX_IOERR, "%s: %s", j->path, strerror(errno));
	discard(j);
	return rc;
}
