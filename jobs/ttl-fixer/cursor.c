#include "cursor.h"

#include <inttypes.h>
#include <string.h>

#define KEEP_MS "604800000" /* 7 d: a run a day is enough to come round */

/* "RUN_ID DB CURSOR" of this server, or 0. */
static uint64_t
parse(struct run *r, struct bytes s)
{
	struct buf here = { 0 };
	uint64_t at = 0;

	buf_printf(&here, "%s %d ", client_server(run_client(r))->run_id, run_db(r));
	if (!here.failed && bytes_starts(s, buf_view(&here)) &&
	    !bytes_to_u64(bytes_from(s, here.n), &at))
		at = 0;
	buf_free(&here);
	return at;
}

int
cursor_load(struct run *r, bool pressure, struct cursor *c, struct error *e)
{
	struct reply *reply;
	struct bytes s;
	int rc = 0;

	memset(c, 0, sizeof(*c));
	c->key = pressure ? "coordkeep:cursor:ttl-fixer:pressure" : "coordkeep:cursor:ttl-fixer";
	reply = CLIENT_CALL(run_client(r), CLIENT_REPEAT, B("GET"), bytes_str(c->key));
	if (reply == NULL) {
		*e = *client_error(run_client(r));
		return -1;
	}
	if (reply_string(reply, &s)) {
		c->found = true;
		c->from = parse(r, s);
	} else if (!reply_is_nil(reply))
		rc = reply_fail(reply, e, "GET %s", c->key);
	reply_free(reply);
	return rc;
}

int
cursor_leave(struct run *r, const struct cursor *c, uint64_t at, struct error *e)
{
	struct client *client = run_client(r);
	struct reply *reply;
	struct error why = { 0 };
	struct buf text = { 0 };
	struct bytes ok;
	int64_t n;

	if (run_dry(r) || (at == 0 && !c->found))
		return 0;
	if (at == 0)
		reply = CLIENT_CALL(client, CLIENT_REPEAT, B("DEL"), bytes_str(c->key));
	else {
		buf_printf(&text, "%s %d %" PRIu64, client_server(client)->run_id, run_db(r), at);
		reply = text.failed ? NULL : CLIENT_CALL(client, CLIENT_REPEAT, B("SET"),
		    bytes_str(c->key), buf_view(&text), B("PX"), B(KEEP_MS));
	}
	if (reply == NULL || (!reply_string(reply, &ok) && !reply_integer(reply, &n))) {
		(void)reply_fail(reply, &why, "%s", c->key);
		log_warn("cursor-not-stored", "%s: the next run begins at the start", why.text);
	}
	reply_free(reply);
	buf_free(&text);
	if (why.exit != EX_NOPERM)
		return 0;
	*e = why;
	return -1;
}
