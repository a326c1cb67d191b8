#include "coordination/journal_prune.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"

/* One journal on disk. */
struct old {
	char *name;
	int64_t at; /* of its last write, wall ms */
	int64_t size;
};

/* JOB-YYYYmmddTHHMMSSZ-RUN.jsonl, and nothing that merely looks like it: another
 * job's whose name goes on, or a copy that somebody put aside. */
static bool
is_ours(const char *name, const char *job)
{
	static const char form[] = "-ddddddddTddddddZ-";
	size_t n = strlen(job), i;

	if (strncmp(name, job, n) != 0)
		return false;
	name += n;
	for (i = 0; form[i] != '\0'; i++)
		if (form[i] == 'd' ? !isdigit((unsigned char)name[i]) : name[i] != form[i])
			return false;
	name += i;
	n = strcspn(name, ".-");
	return n > 0 && strcmp(name + n, ".jsonl") == 0;
}

static int
oldest_first(const void *a, const void *b)
{
	const struct old *x = a, *y = b;

	if (x->at != y->at)
		return x->at < y->at ? -1 : 1;
	return strcmp(x->name, y->name);
}

static void
drop(int fd, const struct journal_options *o, const struct old *f)
{

	if (unlinkat(fd, f->name, 0) != 0 && errno != ENOENT)
		log_warn("journal-prune", "%s/%s: %s", o->dir, f->name, strerror(errno));
}

/* The journals of this job in ${d}. Less than all without memory: what is not
 * listed stays until the next run. */
static struct old *
list(DIR *d, const char *job, size_t *count)
{
	struct old *files = NULL, *more;
	struct dirent *entry;
	struct stat st;
	size_t n = 0, cap = 0;

	while ((entry = readdir(d)) != NULL) {
		if (!is_ours(entry->d_name, job) ||
		    fstatat(dirfd(d), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) != 0 ||
		    !S_ISREG(st.st_mode))
			continue;
		if (n == cap) {
			more = reallocarray(files, cap + 64, sizeof(*files));
			if (more == NULL)
				break;
			files = more;
			cap += 64;
		}
		if ((files[n].name = strdup(entry->d_name)) == NULL)
			break;
		files[n].at = (int64_t)st.st_mtim.tv_sec * 1000 + st.st_mtim.tv_nsec / 1000000;
		files[n++].size = (int64_t)st.st_size;
	}
	*count = n;
	return files;
}

void
journal_prune(const struct journal_options *o)
{
	struct old *files;
	int64_t total = 0, before = clock_wall_ms() - o->keep_ms;
	size_t n, i;
	DIR *d;

	if ((d = opendir(o->dir)) == NULL) {
		log_warn("journal-prune", "%s: %s", o->dir, strerror(errno));
		return;
	}
	files = list(d, o->job, &n);
	if (n > 1)
		qsort(files, n, sizeof(*files), oldest_first);
	for (i = 0; i < n; i++)
		total += files[i].size;
	for (i = 0; i < n; i++) {
		if (files[i].at < before || (o->max_bytes > 0 && total > o->max_bytes)) {
			drop(dirfd(d), o, &files[i]);
			total -= files[i].size;
		}
		free(files[i].name);
	}
	free(files);
	(void)closedir(d);
}
