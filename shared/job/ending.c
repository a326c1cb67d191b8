#include "job/ending.h"

#include <stddef.h>

#include "base/status.h"

int
ending_code(const struct ending *e)
{

	switch (e->early) {
	case 0:
	case EX_FINDINGS:
	case EX_CRITICAL:
	case EX_TEMPFAIL:
		break;
	default:
		return e->early;
	}
	if (e->early == EX_CRITICAL || e->failed > 0 || e->critical > 0)
		return EX_CRITICAL;
	if (e->unwritten)
		return EX_IOERR;
	if (e->early == EX_TEMPFAIL || e->stopped)
		return EX_TEMPFAIL;
	if (e->early == EX_FINDINGS || e->findings > 0)
		return EX_FINDINGS;
	return EX_OK;
}

const char *
ending_name(int code)
{
	static const struct {
		int code;
		const char *name;
	} names[] = {
		{ EX_OK, "ok" }, { EX_FINDINGS, "warning" }, { EX_CRITICAL, "critical" },
		{ EX_USAGE, "usage" }, { EX_UNAVAILABLE, "unavailable" },
		{ EX_SOFTWARE, "internal" },
		{ EX_CANTCREAT, "cannot-create" }, { EX_IOERR, "io" },
		{ EX_TEMPFAIL, "try-again" }, { EX_PROTOCOL, "protocol" },
		{ EX_NOPERM, "permission" }, { EX_CONFIG, "config" },
	};
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (names[i].code == code)
			return names[i].name;
	return "other";
}
