#ifndef SECRET_ROTATE_PHASE_HOSTS_H_
#define SECRET_ROTATE_PHASE_HOSTS_H_

#include <stdbool.h>
#include <stddef.h>

#include "base/bytes.h"
#include "base/status.h"

/*
 * Names of hosts. They are compared without regard to case, and a short name
 * is the same host as a full one whose first label it is: "a" is "A" and
 * "a.example.org", but "a.example.org" is not "a.example.net".
 */
#define HOST_SIZE 256 /* with the NUL; longer than any DNS name */
#define HOSTS_MAX 64

struct hosts {
	size_t n;
	char name[HOSTS_MAX][HOST_SIZE];
};

/* What the heartbeats' hostname, or host, says of where coordinators run. */
struct named {
	bool host[HOSTS_MAX];  /* by index in the list that was asked for */
	char stray[HOST_SIZE]; /* the first that is none of them, "" = there is none */
};

bool host_same(const char *a, const char *b);
/* Letters, digits, "-", "_" and ".", not empty, not too long? */
bool host_valid(struct bytes name);

/* Read names separated by commas and white space. -1 with EX_CONFIG: a name
 * that is none, one that stands there twice (by host_same), too many. An empty
 * list is no error. */
int hosts_parse(const char *text, struct hosts *h, struct error *e);
/* Append the names, separated by single spaces. */
void hosts_format(const struct hosts *h, struct buf *out);
/* The index of the one name that is the same host as ${name}; h->n if there is
 * none, or if more than one could be meant. */
size_t hosts_find(const struct hosts *h, const char *name);
/* Take out the name with index ${i}. */
void hosts_remove(struct hosts *h, size_t i);
/* 16 hex digits that are the same for two lists of the same hosts, whatever
 * their order, and whether written short or in full. -1 if OpenSSL fails. */
int hosts_digest(const struct hosts *h, char out[17]);

#endif
