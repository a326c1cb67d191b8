#include "job/guard.h"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "job/run_data.h"

/* Under a sanitizer the process has to stay traceable. */
#if defined(__SANITIZE_ADDRESS__)
#define TRACED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(memory_sanitizer)
#define TRACED 1
#endif
#endif
#ifndef TRACED
#define TRACED 0
#endif

void
guard_process(struct run *r)
{
	struct rlimit none;
	int fd;

	do
		fd = open("/dev/null", O_RDONLY);
	while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd > STDERR_FILENO)
		(void)close(fd);
	(void)umask(077);
	if (getrlimit(RLIMIT_CORE, &none) == 0) {
		/* The hard limit stays, so that a child can have the old one again. */
		r->core_limit = none.rlim_cur;
		none.rlim_cur = 0;
		(void)setrlimit(RLIMIT_CORE, &none);
	}
	if (!TRACED)
		(void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	signals_catch();
}

rlim_t
guard_core_limit(const struct run *r)
{
	return r->core_limit;
}
