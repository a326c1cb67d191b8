#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "secret-rotate-phase/envtext.h"

/* Any text of an environment file: it can be read; what an edit makes of it
 * says what was wanted; and editing that again changes nothing more. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
want(struct setting *s, const char *name, const char *value)
{
	*s = (struct setting){ .name = bytes_str(name) };
	buf_str(&s->value, value);
	if (s->value.failed)
		abort();
}

static void
edit(struct bytes text, const char *sign_value, const char *other_value)
{
	struct setting sign, other, sign_read, other_read;
	struct buf once = { 0 }, twice = { 0 };

	want(&sign, "S", sign_value);
	want(&other, "O", other_value);
	want(&sign_read, "S", "");
	want(&other_read, "O", "");
	if (envtext_edit(text, &sign, &other, &once) == ENVTEXT_OK) {
		if (envtext_get(buf_view(&once), &sign_read, &other_read) != ENVTEXT_OK ||
		    !bytes_equal(buf_view(&sign.value), buf_view(&sign_read.value)) ||
		    !bytes_equal(buf_view(&other.value), buf_view(&other_read.value)))
			abort();
		if (envtext_edit(buf_view(&once), &sign, &other, &twice) != ENVTEXT_OK ||
		    !bytes_equal(buf_view(&once), buf_view(&twice)))
			abort();
	} else if (once.n != 0) {
		abort();
	}
	buf_free(&once);
	buf_free(&twice);
	setting_wipe(&sign);
	setting_wipe(&other);
	setting_wipe(&sign_read);
	setting_wipe(&other_read);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes text = { (const char *)data, size };
	struct envtext t;
	size_t i, at = 0;

	if (envtext_parse(text, ENVTEXT_COMMENT_ENDS, &t) == -1)
		abort();
	for (i = 0; i < t.n; i++) {
		const struct assignment *a = &t.assignment[i];

		/* In order, one behind the other, within the text. */
		if (a->line < at || a->from <= a->line || a->end < a->from || a->next < a->end ||
		    a->next > size)
			abort();
		at = a->next;
	}
	envtext_free(&t);
	edit(text, "secret", "second");
	edit(text, "with \"quotes\" $and \\more", "");
	return 0;
}
