#include "cursor.h"

#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"

#define KEEP_MS INT64_C(604800000) /* 7 d: a run a day is enough to come round */
#define KEEP_PRESSURE_MS INT64_C(600000)
/* Two runs' views of one clock. */
#define AHEAD_MS 5000
#define FILE_MOST 256

/* "RUN_ID DB CURSOR" of this server, and in the file " TIME", or 0. */
static uint64_t
parse(struct run *r, struct bytes s, bool dated, int64_t keep)
{
	struct buf here = { 0 };
	uint64_t at = 0, when = 0;
	int64_t age;
	size_t end;

	buf_printf(&here, "%s %d ", client_server(run_client(r))->run_id, run_db(r));
	if (here.failed || !bytes_starts(s, buf_view(&here))) {
		buf_free(&here);
		return 0;
	}
	s = bytes_from(s, here.n);
	buf_free(&here);
	end = dated ? bytes_find(s, ' ', 0) : s.n;
	if (!bytes_to_u64((struct bytes){ s.p, end }, &at))
		return 0;
	if (!dated)
		return at;
	if (!bytes_to_u64(bytes_from(s, end + 1), &when) || when > INT64_MAX)
		return 0;
	age = run_now(r) - (int64_t)when;
	return age > keep || age < -AHEAD_MS ? 0 : at;
}

static void
load_file(struct run *r, struct cursor *c)
{
	struct buf text = { 0 };
	struct error e = { 0 };
	uint64_t at;

	if (c->path.n == 0)
		return;
	if (file_read(buf_cstr(&c->path), FILE_MOST, &text, &e) == 0) {
		c->filed = true;
		at = parse(r, buf_view(&text), true, c->keep);
		if (c->from == 0)
			c->from = at;
	} else if (e.exit != EX_NOINPUT)
		log_debug("cursor-file", "%s", e.text);
	buf_free(&text);
}

int
cursor_load(struct run *r, bool pressure, struct cursor *c, struct error *e)
{
	struct reply *reply;
	const char *error;
	struct bytes s;
	int rc = 0;

	memset(c, 0, sizeof(*c));
	c->key = pressure ? "coordkeep:cursor:ttl-fixer:pressure" : "coordkeep:cursor:ttl-fixer";
	c->keep = pressure ? KEEP_PRESSURE_MS : KEEP_MS;
	if (run_state_path(r, pressure ? "cursor-pressure" : "cursor", &c->path) != 0)
		return error_set(e, EX_SOFTWARE, "out of memory");
	reply = CLIENT_CALL(run_client(r), CLIENT_REPEAT, B("GET"), bytes_str(c->key));
	if (reply == NULL) {
		*e = *client_error(run_client(r));
		return -1;
	}
	error = reply_error(reply);
	if (reply_string(reply, &s)) {
		c->found = true;
		c->from = parse(r, s, false, c->keep);
	} else if (error != NULL && strncmp(error, "WRONGTYPE", 9) == 0)
		c->found = true; /* it is ours: overwritten or deleted at the end */
	else if (!reply_is_nil(reply))
		rc = reply_fail(reply, e, "GET %s", c->key);
	reply_free(reply);
	if (rc == 0)
		load_file(r, c);
	return rc;
}

/* Delete (${text} empty) or set the key. */
static int
store(struct run *r, const struct cursor *c, struct bytes text, struct error *why)
{
	struct client *client = run_client(r);
	struct reply *reply;
	struct bytes ok;
	char ms[24];
	int64_t n;
	int rc = 0;

	if (text.n == 0)
		reply = CLIENT_CALL(client, CLIENT_REPEAT, B("DEL"), bytes_str(c->key));
	else
		reply = CLIENT_CALL(client, CLIENT_REPEAT, B("SET"), bytes_str(c->key), text, B("PX"),
		    bytes_of_int(c->keep, ms));
	if (reply == NULL || (!reply_string(reply, &ok) && !reply_integer(reply, &n)))
		rc = reply_fail(reply, why, "%s", c->key);
	reply_free(reply);
	return rc;
}

/* The server refused it: ${why}. An older place there would go before the file's. */
static void
leave_in_file(struct run *r, struct cursor *c, struct buf *text, const struct error *why)
{
	struct error e = *why, ignored = { 0 };

	if (c->found)
		(void)store(r, c, B(""), &ignored);
	buf_printf(text, " %" PRId64, run_now(r));
	if (c->path.n > 0 && !text->failed &&
	    file_replace(buf_cstr(&c->path), 0600, buf_view(text), &e) == 0) {
		c->left = true;
		log_info("cursor-in-file", "%s: the place is kept in %s, and a run on this host goes "
		    "on there", why->text, buf_cstr(&c->path));
	} else
		log_warn("cursor-not-stored", "%s: the next run begins at the start", e.text);
}

int
cursor_leave(struct run *r, struct cursor *c, uint64_t at, struct error *e)
{
	struct error why = { 0 };
	struct buf text = { 0 };

	if (run_dry(r))
		return 0;
	if (at != 0)
		buf_printf(&text, "%s %d %" PRIu64, client_server(run_client(r))->run_id, run_db(r),
		    at);
	if (text.failed)
		(void)error_set(&why, EX_SOFTWARE, "out of memory");
	else if (at != 0 || c->found)
		(void)store(r, c, buf_view(&text), &why);
	if (why.exit == 0) {
		c->left = at != 0;
		if (c->filed)
			(void)unlink(buf_cstr(&c->path));
	} else if (at != 0)
		leave_in_file(r, c, &text, &why);
	else
		log_warn("cursor-not-removed", "%s: the next run goes on in mid-pass", why.text);
	buf_free(&text);
	if (why.exit != EX_NOPERM)
		return 0;
	*e = why;
	return -1;
}

void
cursor_free(struct cursor *c)
{

	buf_free(&c->path);
}
