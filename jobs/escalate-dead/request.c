#include "request.h"

#include "coordination/hash.h"
#include "coordination/keys.h"
#include "fields.h"
#include "store.h"

int
request_expect(struct coordinator *c, bool now, bool *seen, struct error *e)
{
	struct escalate *x = c->job;
	const struct sight sight = { .now = run_now(x->run), .heartbeat_pttl = TTL_NONE };
	struct bytes id = buf_view(&c->ledger.new_id);
	struct roster_entry *entry = roster_find(&x->roster, id);

	if (entry == NULL && (entry = roster_observe(&x->roster, id, &sight)) == NULL)
		return error_set(e, EX_SOFTWARE, "out of memory");
	*seen = entry->last_seen != 0 || entry->last_life != 0;
	if (!*seen && (entry->state == ROSTER_KNOWN || (now && entry->state == ROSTER_AWAITED)))
		roster_set_state(entry, ROSTER_AWAITED, run_now(x->run));
	entry->changed = true;
	entry->removed = false;
	return 0;
}

static void
no_request(struct call *k)
{

	result_finding(k->c->job->result, "spawn-unreadable", SEVERITY_WARNING,
	    buf_view(&k->spawn_key), "this is no spawn request: %.*s is not handed on while it is there",
	    (int)k->c->id.n, k->c->id.p);
}

int
request_possible(struct coordinator *c, bool *possible, struct error *e)
{
	struct call k = { .c = c };
	struct reply *r;
	struct bytes value;
	int rc = 0;

	*possible = true;
	key_make(&k.spawn_key, FAMILY_SPAWN, buf_view(&c->ledger.new_id));
	if (k.spawn_key.failed)
		return error_set(e, EX_SOFTWARE, "out of memory");
	r = CLIENT_CALL(c->job->client, CLIENT_REPEAT, B("GET"), buf_view(&k.spawn_key));
	if (r == NULL) {
		*e = *client_error(c->job->client);
		rc = -1;
	} else if (hash_is_wrong_type(r) ||
	    (reply_string(r, &value) && !ledger_is_request(value, buf_view(&c->ledger.new_id)))) {
		*possible = false;
		no_request(&k);
	} else if (!reply_is_nil(r) && !reply_string(r, &value))
		rc = reply_fail(r, e, "GET %.*s", (int)k.spawn_key.n, k.spawn_key.p);
	reply_free(r);
	buf_free(&k.spawn_key);
	return rc;
}

static int
make_request(struct call *k, const struct buf *record, const struct buf *request,
    enum store_end *end, struct error *e)
{
	struct coordinator *c = k->c;
	const struct field *own = &c->fields[FIELD_SPAWN];
	struct buf own_key = { 0 };
	struct store_life life;
	int rc;

	store_life(c, &life);
	fields_key(c, FIELD_SPAWN, &own_key);
	if (life.key.failed || own_key.failed)
		rc = error_set(e, EX_SOFTWARE, "out of memory");
	else
		rc = store_spawn(c->job, &(struct store_request){
		    .record = buf_view(&k->record_key), .old = buf_view(&c->ledger.value),
		    .new_value = buf_view(record), .spawn_key = buf_view(&k->spawn_key),
		    .spawn = buf_view(request), .own_key = buf_view(&own_key),
		    /* What was taken by now is not pending and stays. */
		    .own = own->there && ledger_spawn_pending(buf_view(&own->value)) ?
		        buf_view(&own->value) : B(""),
		    .life = &life }, c->job->settings->escalate_dead.escalation_ttl, end, e);
	buf_free(&life.key);
	buf_free(&own_key);
	return rc;
}

int
request_ask(struct call *k, int64_t moved, enum store_end *end, struct error *e)
{
	struct coordinator *c = k->c;
	struct escalate *x = c->job;
	struct buf record = { 0 }, request = { 0 };
	bool seen = false;
	int rc = 0;

	*end = STORE_SET;
	if (request_expect(c, true, &seen, e) != 0)
		return -1;
	buf_str(&k->spawn_key, "coordinator:spawn:");
	buf_bytes(&k->spawn_key, buf_view(&c->ledger.new_id));
	if (!seen)
		ledger_spawn_request(&k->facts, moved, &request);
	if (!ledger_spawned(buf_view(&c->ledger.value), k->facts.now, &record) ||
	    request.failed || k->spawn_key.failed)
		rc = error_set(e, EX_SOFTWARE, "out of memory");
	else if (!run_dry(x->run))
		rc = make_request(k, &record, &request, end, e);
	if (rc == 0 && *end == STORE_SET)
		ledger_parse(c->id, buf_view(&record), &c->ledger);
	else if (rc == 0 && *end == STORE_FAILED)
		rc = call_failed(c, e);
	else if (rc == 0 && *end == STORE_SPAWN)
		no_request(k);
	else if (rc == 0 && *end == STORE_OTHER)
		rc = call_reread(c, e); /* another run was faster */
	buf_free(&record);
	buf_free(&request);
	return rc;
}
