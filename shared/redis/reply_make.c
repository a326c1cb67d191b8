#include <stdalign.h>
#include <stdlib.h>
#include <string.h>

#include "redis/reply.h"

/*
 * Replies as the parser makes them. A page of SCAN is hundreds of elements, and most replies are
 * one number: a whole reply has few allocations, and is freed by freeing those.
 */
struct chunk {
	struct chunk *next;
	alignas(max_align_t) char room[];
};

struct root {
	struct reply reply; /* first: a pointer to it is one to the root */
	struct chunk *chunks;
	char *at;           /* the room that is left in the first of them */
	size_t left;
};

/* Strings and lists of one reply share chunks of this size. */
#define CHUNK 4096

#if HIREDIS_MAJOR >= 1
typedef size_t list_length;
#else
typedef int list_length;
#endif

static bool
add_chunk(struct root *root, size_t size)
{
	struct chunk *c = malloc(sizeof(*c) + size);

	if (c == NULL)
		return false;
	c->next = root->chunks;
	root->chunks = c;
	root->at = c->room;
	root->left = size;
	return true;
}

static void *
take(struct root *root, size_t size, size_t alignment)
{
	size_t gap = (alignment - (uintptr_t)root->at % alignment) % alignment;
	char *p;

	if (size > SIZE_MAX / 2)
		return NULL;
	if (root->left < gap + size) {
		if (!add_chunk(root, root->chunks != NULL && size < CHUNK ? CHUNK : size))
			return NULL;
		gap = 0;
	}
	p = root->at + gap;
	root->at = p + size;
	root->left -= gap + size;
	return p;
}

/* The reply that ${task} is about, zeroed, and in *root where its memory comes from. */
static struct reply *
make(const redisReadTask *task, struct root **root)
{
	const redisReadTask *top = task;
	struct reply *r;

	while (top->parent != NULL)
		top = top->parent;
	if (task != top) {
		*root = top->obj;
		r = &((struct reply *)task->parent->obj)->list.v[task->idx];
	} else {
		if ((*root = malloc(sizeof(**root))) == NULL)
			return NULL;
		**root = (struct root){ .chunks = NULL };
		r = &(*root)->reply;
	}
	r->type = task->type;
	return r;
}

static void
unmake(void *reply)
{
	struct root *root = reply;
	struct chunk *c, *next;

	if (root == NULL)
		return;
	for (c = root->chunks; c != NULL; c = next) {
		next = c->next;
		free(c);
	}
	free(root);
}

void
reply_free(struct reply *r)
{

	unmake(r);
}

/* Nothing came of ${task}: what the parser has of it goes with the whole reply. */
static void *
failed(const redisReadTask *task, struct root *root)
{

	if (task->parent == NULL)
		unmake(root);
	return NULL;
}

static void *
make_string(const redisReadTask *task, char *s, size_t n)
{
	struct root *root;
	struct reply *r = make(task, &root);
	char *p;

	if (r == NULL)
		return NULL;
	if ((p = take(root, n + 1, 1)) == NULL)
		return failed(task, root);
	memcpy(p, s, n);
	p[n] = '\0';
	r->string = (struct bytes){ p, n };
	return r;
}

static void *
make_list(const redisReadTask *task, list_length length)
{
	const size_t n = (size_t)length;
	bool *too_long = task->privdata;
	const redisReadTask *t;
	struct root *root;
	struct reply *r;
	int depth = 0;

	for (t = task; t != NULL; t = t->parent)
		depth++;
	if (n > REPLY_LIST_MAX || depth > REPLY_DEPTH_MAX) {
		*too_long = true;
		return NULL;
	}
	if ((r = make(task, &root)) == NULL)
		return NULL;
	if (n == 0)
		return r;
	if ((r->list.v = take(root, n * sizeof(*r->list.v), alignof(struct reply))) == NULL)
		return failed(task, root);
	memset(r->list.v, 0, n * sizeof(*r->list.v));
	r->list.n = n;
	return r;
}

static void *
make_integer(const redisReadTask *task, long long v)
{
	struct root *root;
	struct reply *r = make(task, &root);

	if (r != NULL)
		r->integer = v;
	return r;
}

/* ${task} is about the string or the list that it is not. */
static void *
make_nil(const redisReadTask *task)
{
	struct root *root;
	struct reply *r = make(task, &root);

	if (r != NULL)
		r->type = REDIS_REPLY_NIL;
	return r;
}

#if HIREDIS_MAJOR >= 1
/* RESP3, which nobody has asked for: of a type that nobody here knows. */
static void *
make_double(const redisReadTask *task, double v, char *s, size_t n)
{
	struct root *root;

	(void)v;
	(void)s;
	(void)n;
	return make(task, &root);
}

static void *
make_bool(const redisReadTask *task, int v)
{
	struct root *root;

	(void)v;
	return make(task, &root);
}
#endif

redisReader *
reply_reader(bool *too_long)
{
	static redisReplyObjectFunctions functions = {
		.createString = make_string,
		.createArray = make_list,
		.createInteger = make_integer,
		.createNil = make_nil,
#if HIREDIS_MAJOR >= 1
		.createDouble = make_double,
		.createBool = make_bool,
#endif
		.freeObject = unmake,
	};
	redisReader *reader = redisReaderCreateWithFunctions(&functions);

	if (reader != NULL)
		reader->privdata = too_long;
	*too_long = false;
	return reader;
}
