#include <string.h>

#include "base/bytes.h"
#include "base/config_value.h"
#include "base/file.h"
#include "base/map.h"

#define FILE_MAX ((size_t)1024 * 1024)
/* How much of a path and of a name a message shows: a sentence has to fit. */
#define PATH_SHOWN 160
#define NAME_SHOWN 48

/*
 * inih reads the file, but it cuts long lines and long section names, takes
 * what follows a ']' for nothing, joins indented lines to the one before, and
 * lets a comment begin inside a value, all without a word. So every line is
 * looked at here before inih gets it, and the first that would be misread ends
 * the reading.
 */
struct loader {
	const struct config_option *table;
	void *settings;
	const char *path;
	struct bytes text; /* all of the file */
	size_t at;         /* of the next line */
	int line;          /* number of the last line that was given out */
	char section[NAME_SHOWN + 1];
	bool in_section;
	const struct config_option *list; /* the last option, if it is a list ... */
	bool goes_on;                     /* ... and the present line goes on with it */
	struct map *seen;  /* "section\nkey" -> int line */
	struct error *error;
	bool failed;
};

/* The end of a long path says more than its start. */
static const char *
path_shown(const char *path)
{
	size_t n = strlen(path);

	return n <= PATH_SHOWN ? path : path + n - PATH_SHOWN;
}

/* End the reading with "FILE:LINE: [section] key: ${what}". */
static void
refuse(struct loader *l, int status, struct bytes key, const char *what)
{
	struct buf where = { 0 };

	if (l->failed)
		return;
	l->failed = true;
	if (l->in_section)
		buf_printf(&where, "[%s]", l->section);
	if (key.n > 0) {
		buf_str(&where, l->in_section ? " " : "");
		buf_escaped(&where, key, NAME_SHOWN);
	}
	if (where.n > 0)
		buf_str(&where, ": ");
	(void)error_set(l->error, status, "%s:%d: %s%s", path_shown(l->path), l->line,
	    where.failed ? "" : buf_cstr(&where), what);
	buf_free(&where);
}

static struct bytes
trimmed(struct bytes s)
{
	while (s.n > 0 && (s.p[0] == ' ' || s.p[0] == '\t'))
		s = bytes_from(s, 1);
	while (s.n > 0 && (s.p[s.n - 1] == ' ' || s.p[s.n - 1] == '\t'))
		s.n--;
	return s;
}

/* The part of the line before '=' or ':', all of it if there is none. */
static struct bytes
key_of(struct bytes line)
{
	size_t equals = bytes_find(line, '=', 0), colon = bytes_find(line, ':', 0);

	line.n = equals < colon ? equals : colon;
	return trimmed(line);
}

/* What of a line that is no option can be shown: what follows its first word
 * may be a secret. */
static struct bytes
first_word(struct bytes line)
{
	size_t n = 0;

	while (n < line.n && line.p[n] != ' ' && line.p[n] != '\t' && line.p[n] != '=')
		n++;
	line.n = n;
	return line;
}

/* Offset of the ';' behind a blank where inih begins a comment, else line.n. */
static size_t
comment_at(struct bytes line)
{
	size_t i;

	for (i = 1; i < line.n; i++) {
		if (line.p[i] == ';' && (line.p[i - 1] == ' ' || line.p[i - 1] == '\t'))
			return i;
	}
	return line.n;
}

static void
refuse_unknown(struct loader *l, const char *section, const char *key)
{
	struct buf what = { 0 };

	config_unknown(l->table, section, key, &what);
	refuse(l, EX_CONFIG, bytes_str(key), what.failed ? "is unknown" : buf_cstr(&what));
	buf_free(&what);
}

/* A line that begins with '['. */
static void
check_section(struct loader *l, struct bytes line)
{
	size_t end = bytes_find(line, ']', 0);
	struct bytes name = { line.p + 1, end - 1 }, rest;

	l->in_section = false;
	l->list = NULL;
	if (end == line.n) {
		refuse(l, EX_CONFIG, first_word(line), "found a section without \"]\", expected [section]");
		return;
	}
	rest = trimmed(bytes_from(line, end + 1));
	if (rest.n > 0 && rest.p[0] != ';') {
		refuse(l, EX_CONFIG, (struct bytes){ line.p, end + 1 },
		    "found text behind \"]\", expected the end of the line");
		return;
	}
	/* A name that does not fit is longer than any that is known. */
	if (name.n > NAME_SHOWN)
		name.n = NAME_SHOWN;
	if (comment_at(name) < name.n) {
		refuse(l, EX_CONFIG, first_word(line),
		    "found \" ;\" in a section's name, expected [section]");
		return;
	}
	(void)memcpy(l->section, name.p, name.n);
	l->section[name.n] = '\0';
	l->in_section = true;
	if (end - 1 > NAME_SHOWN || !config_has_section(l->table, l->section))
		refuse_unknown(l, l->section, NULL);
}

/* A line that is neither blank, comment nor section. */
static void
check_option(struct loader *l, struct bytes line)
{
	struct bytes key = key_of(line);
	const struct config_option *o;
	char name[CONFIG_LINE_MAX + 1];

	/* "password hunter2=" is no key either. */
	if (key.n == trimmed(line).n || comment_at(line) <= key.n ||
	    first_word(key).n < key.n) {
		refuse(l, EX_CONFIG, first_word(line), "found no \"=\" behind it, expected [section], "
		    "key = value or a comment");
		return;
	}
	if (!l->in_section) {
		refuse(l, EX_CONFIG, key, "found an option before any section, expected "
		    "[section]");
		return;
	}
	(void)memcpy(name, key.p, key.n);
	name[key.n] = '\0';
	o = config_find(l->table, l->section, name);
	l->list = o != NULL && o->list ? o : NULL;
	if (o == NULL)
		refuse_unknown(l, l->section, name);
	else if (o->type == CONFIG_STRING && comment_at(line) < line.n)
		/* Half a shell command would be worse than none. */
		refuse(l, EX_CONFIG, key, "found \" ;\", which would cut the value, expected the "
		    "comment on a line of its own, or \";\" without a blank before it");
}

/* A line with a blank before it: inih joins it to the last option. */
static void
check_indented(struct loader *l, struct bytes line)
{
	const struct bytes key = first_word(key_of(line));

	l->goes_on = l->list != NULL && bytes_find(line, '=', 0) == line.n;
	if (!l->goes_on)
		refuse(l, EX_CONFIG, key, "found an indented line, expected no blank before it "
		    "(it would be joined to the line before)");
	else if (comment_at(trimmed(line)) < trimmed(line).n)
		refuse(l, EX_CONFIG, key, "found \" ;\", expected the comment on a line of its own");
}

/* Look at one line; false if inih has nothing to do with it. */
static bool
check_line(struct loader *l, struct bytes line, size_t longest)
{
	struct bytes inner = trimmed(line), key = first_word(key_of(line));
	struct buf what = { 0 };
	size_t i;

	l->goes_on = false;
	if (inner.n == 0 || inner.p[0] == '#' || inner.p[0] == ';')
		return false;
	for (i = 0; i < line.n; i++) {
		if (((unsigned char)line.p[i] >= 0x20 && line.p[i] != 0x7f) || line.p[i] == '\t')
			continue;
		buf_printf(&what, "found the control character \\x%02x, expected text",
		    (unsigned char)line.p[i]);
		refuse(l, EX_CONFIG, key, what.failed ? "found a control character" :
		    buf_cstr(&what));
		goto done;
	}
	if (line.n > longest) {
		buf_printf(&what, "found a line of %zu characters, expected at most %zu", line.n,
		    longest);
		refuse(l, EX_CONFIG, key, what.failed ? "the line is too long" : buf_cstr(&what));
	} else if (inner.p != line.p) {
		check_indented(l, line);
	} else if (line.p[0] == '[') {
		check_section(l, line);
	} else {
		check_option(l, line);
	}
done:
	buf_free(&what);
	return true;
}

/* Give inih the next line, as fgets() would. */
static char *
next_line(char *out, int size, void *cookie)
{
	struct loader *l = cookie;
	size_t end, longest = CONFIG_LINE_MAX;
	struct bytes line;

	if (l->failed || l->at >= l->text.n)
		return NULL;
	end = bytes_find(l->text, '\n', l->at);
	line = (struct bytes){ l->text.p + l->at, end - l->at };
	/* The library may have been built with another limit than its header. */
	if (size < INI_MAX_LINE)
		longest = size < 3 ? 0 : (size_t)size - 3;
	l->line++;
	l->at = end + 1;
	if (l->line == 1 && bytes_starts(line, B("\xef\xbb\xbf")))
		line = bytes_from(line, 3);
	if (line.n > 0 && line.p[line.n - 1] == '\r')
		line.n--;
	if (!check_line(l, line, longest))
		line.n = 0;
	if (l->failed)
		return NULL;
	(void)memcpy(out, line.p, line.n);
	(void)memcpy(out + line.n, "\n", 2);
	return out;
}

/* Note where the key stands; -1 if it has been there before. */
static int
note(struct loader *l, const char *section, const char *key)
{
	struct buf name = { 0 }, what = { 0 };
	int *line = NULL;
	bool added = false;

	buf_printf(&name, "%s\n%s", section, key);
	if (!name.failed)
		line = map_put(l->seen, buf_view(&name), &added);
	if (line == NULL) {
		refuse(l, EX_SOFTWARE, bytes_str(key), "no memory");
	} else if (added) {
		*line = l->line;
	} else {
		buf_printf(&what, "found it a second time, expected it once (it stands in line "
		    "%d)", *line);
		refuse(l, EX_CONFIG, bytes_str(key), what.failed ? "found it a second time" :
		    buf_cstr(&what));
	}
	buf_free(&name);
	buf_free(&what);
	return l->failed ? -1 : 0;
}

/* inih found an option: 1 = go on. */
static int
take(void *cookie, const char *section, const char *key, const char *value)
{
	struct loader *l = cookie;
	const struct config_option *o = config_find(l->table, section, key);
	struct buf why = { 0 }, all = { 0 };

	if (o == NULL || (!l->goes_on && note(l, section, key) == -1))
		return 0;
	if (l->goes_on) {
		buf_str(&all, *config_string(o, l->settings));
		buf_str(&all, all.n > 0 ? " " : "");
		buf_str(&all, value);
		value = buf_cstr(&all);
	}
	if (all.failed)
		refuse(l, EX_SOFTWARE, bytes_str(key), "no memory");
	else if (config_assign(o, l->settings, key, value, &why) == -1)
		refuse(l, why.failed ? EX_SOFTWARE : EX_CONFIG, bytes_str(key),
		    why.failed ? "no memory" : buf_cstr(&why));
	/* It can have shown the value of a secret to nobody, but held it. */
	buf_wipe(&why);
	buf_free(&all);
	return l->failed ? 0 : 1;
}

static int
parse(struct loader *l)
{
	size_t nul = bytes_find(l->text, '\0', 0), i;
	int r;

	if (nul < l->text.n) {
		for (i = 0; i <= nul; i = bytes_find(l->text, '\n', i) + 1)
			l->line++;
		refuse(l, EX_CONFIG, (struct bytes){ NULL, 0 },
		    "found a NUL byte, expected a text file");
		return -1;
	}
	r = ini_parse_stream(next_line, l, take, l);
	/* Nothing that passed the checks should fail here. */
	if (r > 0 && !l->failed) {
		l->line = r;
		refuse(l, EX_CONFIG, (struct bytes){ NULL, 0 },
		    "found a line that cannot be read, expected key = value");
	} else if (r < 0) {
		refuse(l, EX_SOFTWARE, (struct bytes){ NULL, 0 }, "no memory");
	}
	return l->failed ? -1 : 0;
}

int
config_load(const struct config_option *table, void *settings, const char *path,
    bool must_exist, struct error *e)
{
	struct loader l = { .table = table, .settings = settings, .path = path, .error = e };
	struct buf text = { 0 };
	struct error problem = { 0 };
	int r = -1;

	if (file_read(path, FILE_MAX, &text, &problem) == -1) {
		if (problem.exit == EX_NOINPUT && !must_exist)
			r = 0;
		else
			(void)error_set(e, problem.exit == EX_SOFTWARE ? EX_SOFTWARE : EX_CONFIG,
			    "%s", problem.text);
		goto done;
	}
	l.text = buf_view(&text);
	l.seen = map_new(sizeof(int));
	if (l.seen == NULL)
		(void)error_set(e, EX_SOFTWARE, "%s: no memory to read it", path_shown(path));
	else
		r = parse(&l);
	map_free(l.seen, NULL);
done:
	buf_wipe(&text);
	return r;
}
