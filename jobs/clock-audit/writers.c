#include "writers.h"

#include "base/bytes.h"
#include "base/duration.h"

/* Not before when it can have been written; INT64_MIN: no bound. */
static int64_t
earliest(const struct writing *w)
{
	/* A sight by a clock that has since gone back proves nothing. */
	return w->after > 0 && w->after <= w->read ? w->after : INT64_MIN;
}

struct skew
writer_skew(const struct stamp *stamp, const struct writing *w)
{
	/* A stamp is truncated: the clock can have been up to a unit further. */
	int64_t unit = stamp->seconds ? 1000 : 1;
	int64_t from = earliest(w);
	struct skew s;

	s.low = duration_between(duration_between(stamp->ms, w->read), w->slack);
	s.high = from == INT64_MIN ? INT64_MAX :
	    duration_between(duration_between(stamp->ms, from), -unit - w->slack);
	return s;
}

int64_t
skew_certain(struct skew s)
{
	if (s.low > 0)
		return s.low;
	if (s.high < 0)
		return s.high;
	return 0;
}

static int64_t
size_of(int64_t ms)
{
	return ms < 0 ? duration_between(0, ms) : ms;
}

int64_t
skew_size(struct skew s)
{
	return size_of(skew_certain(s));
}

/* Rounded up where duration_human() rounds down, so that what is said holds the truth. */
static void
duration_above(int64_t ms, char *out, size_t size)
{
	int64_t step = ms >= 86400000 ? 3600000 : ms >= 3600000 ? 60000 : ms >= 1000 ? 1000 : 1;

	if (ms % step != 0 && ms < INT64_MAX - step)
		ms += step - ms % step;
	duration_human(ms, out, size);
}

void
skew_describe(struct skew s, struct buf *out)
{
	int64_t certain = skew_certain(s);
	char near[32], far[32];
	int64_t other = certain > 0 ? s.high : s.low;

	if (certain == 0) {
		buf_str(out, "not certainly off");
		return;
	}
	duration_human(size_of(certain), near, sizeof(near));
	if (other == INT64_MAX || other == INT64_MIN) {
		buf_printf(out, "at least %s", near);
	} else {
		duration_above(size_of(other), far, sizeof(far));
		buf_printf(out, "%s to %s", near, far);
	}
	buf_str(out, certain > 0 ? " ahead" : " behind");
}
