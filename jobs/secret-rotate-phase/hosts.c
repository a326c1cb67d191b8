#include "hosts.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "coordination/signature.h"

static size_t
label_length(const char *name)
{
	return strcspn(name, ".");
}

bool
host_same(const char *a, const char *b)
{
	size_t la = label_length(a), lb = label_length(b);

	if (strcasecmp(a, b) == 0)
		return true;
	/* Two full names that differ are two hosts. */
	if (a[la] != '\0' && b[lb] != '\0')
		return false;
	return la > 0 && la == lb && strncasecmp(a, b, la) == 0;
}

bool
host_valid(struct bytes name)
{
	size_t i;

	if (name.n == 0 || name.n >= HOST_SIZE || name.p[0] == '.' || name.p[0] == '-')
		return false;
	for (i = 0; i < name.n; i++) {
		if (!isalnum((unsigned char)name.p[i]) && strchr("-_.", name.p[i]) == NULL)
			return false;
	}
	return true;
}

static int
hosts_add(struct hosts *h, struct bytes name, struct error *e)
{
	char copy[HOST_SIZE];
	size_t i;

	if (!host_valid(name))
		return error_set(e, EX_CONFIG,
		    "[secret-rotate-phase] hosts: found \"%.*s\", expected the name of a host",
		    name.n < 80 ? (int)name.n : 80, name.p);
	memcpy(copy, name.p, name.n);
	copy[name.n] = '\0';
	for (i = 0; i < h->n; i++) {
		if (host_same(h->name[i], copy))
			return error_set(e, EX_CONFIG,
			    "[secret-rotate-phase] hosts: \"%.100s\" and \"%.100s\" are the same "
			    "host, expected each once", h->name[i], copy);
	}
	if (h->n == HOSTS_MAX)
		return error_set(e, EX_CONFIG,
		    "[secret-rotate-phase] hosts: found more than %d, expected at most as many",
		    HOSTS_MAX);
	memcpy(h->name[h->n++], copy, name.n + 1);
	return 0;
}

int
hosts_parse(const char *text, struct hosts *h, struct error *e)
{
	static const char separators[] = ", \t\r\n";
	size_t n;

	memset(h, 0, sizeof(*h));
	for (;;) {
		text += strspn(text, separators);
		n = strcspn(text, separators);
		if (n == 0)
			return 0;
		if (hosts_add(h, (struct bytes){ text, n }, e) == -1)
			return -1;
		text += n;
	}
}

void
hosts_format(const struct hosts *h, struct buf *out)
{
	size_t i;

	for (i = 0; i < h->n; i++) {
		if (i > 0)
			buf_char(out, ' ');
		buf_str(out, h->name[i]);
	}
}

size_t
hosts_find(const struct hosts *h, const char *name)
{
	size_t i, found = h->n;

	for (i = 0; i < h->n; i++) {
		if (strcasecmp(h->name[i], name) == 0)
			return i;
		if (!host_same(h->name[i], name))
			continue;
		if (found != h->n)
			return h->n;
		found = i;
	}
	return found;
}

void
hosts_remove(struct hosts *h, size_t i)
{
	if (i >= h->n)
		return;
	memmove(h->name[i], h->name[i + 1], (h->n - i - 1) * sizeof(h->name[0]));
	h->n--;
}

static int
compare_names(const void *a, const void *b)
{
	return strcmp(a, b);
}

/* Can every host of the list be told by its first label? */
static bool
labels_differ(const struct hosts *h)
{
	size_t i, j, length;

	for (i = 0; i < h->n; i++) {
		length = label_length(h->name[i]);
		for (j = 0; j < i; j++) {
			if (length == label_length(h->name[j]) &&
			    strncasecmp(h->name[i], h->name[j], length) == 0)
				return false;
		}
	}
	return true;
}

int
hosts_digest(const struct hosts *h, char out[17])
{
	static const char hex[] = "0123456789abcdef";
	struct hosts sorted = *h;
	struct buf text = { 0 };
	unsigned char mac[32];
	bool by_label = labels_differ(h);
	size_t i;
	char *c;
	int r = -1;

	for (i = 0; i < sorted.n; i++) {
		if (by_label)
			sorted.name[i][label_length(sorted.name[i])] = '\0';
		for (c = sorted.name[i]; *c != '\0'; c++)
			*c = (char)tolower((unsigned char)*c);
	}
	qsort(sorted.name, sorted.n, sizeof(sorted.name[0]), compare_names);
	hosts_format(&sorted, &text);
	if (!text.failed && hmac_sha256(B("coordkeep-hosts"), buf_view(&text), mac) == 0) {
		for (i = 0; i < 8; i++) {
			out[2 * i] = hex[mac[i] >> 4];
			out[2 * i + 1] = hex[mac[i] & 15];
		}
		out[16] = '\0';
		r = 0;
	}
	buf_free(&text);
	return r;
}
