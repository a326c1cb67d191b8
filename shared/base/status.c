#include "base/status.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* The definition itself, not what the analyzer is told of it. */
#undef error_set

int
error_set(struct error *e, int exit, const char *fmt, ...)
{
	/* Formatted aside, so that e->text may be one of the arguments. */
	char text[ERROR_TEXT_SIZE];
	int saved = errno;
	va_list ap;

	if (e == NULL)
		return -1;
	va_start(ap, fmt);
	if (vsnprintf(text, sizeof(text), fmt, ap) < 0)
		(void)snprintf(text, sizeof(text), "an error that could not be described");
	va_end(ap);
	e->exit = exit;
	memcpy(e->text, text, sizeof(e->text));
	errno = saved;
	return -1;
}
