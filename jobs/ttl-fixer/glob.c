#include "glob.h"

/* Does the set behind "[" hold ${c}? *at goes behind its "]", or to the end
 * where there is none, as in Redis. */
static bool
set_holds(struct bytes glob, size_t *at, signed char c)
{
	const signed char *p = (const signed char *)glob.p;
	size_t i = *at;
	bool not, found = false;
	signed char low, high;

	if ((not = i < glob.n && p[i] == '^'))
		i++;
	while (i < glob.n && p[i] != ']') {
		if (p[i] == '\\' && glob.n - i >= 2) {
			found |= p[i + 1] == c;
			i += 2;
		} else if (glob.n - i >= 3 && p[i + 1] == '-') {
			low = p[i] < p[i + 2] ? p[i] : p[i + 2];
			high = p[i] < p[i + 2] ? p[i + 2] : p[i];
			found |= low <= c && c <= high;
			i += 3;
		} else
			found |= p[i++] == c;
	}
	*at = i < glob.n ? i + 1 : i;
	return found != not;
}

/* Does the element at *at, which is no "*", match ${c}? *at goes behind it. */
static bool
element_matches(struct bytes glob, size_t *at, char c)
{

	switch (glob.p[*at]) {
	case '?':
		++*at;
		return true;
	case '[':
		++*at;
		return set_holds(glob, at, (signed char)c);
	case '\\':
		if (glob.n - *at >= 2)
			++*at;
		break;
	default:
		break;
	}
	return glob.p[(*at)++] == c;
}

bool
glob_match(struct bytes glob, struct bytes s)
{
	size_t g = 0, i = 0, behind_star = 0, tried = 0, next;
	bool star = false;

	while (i < s.n) {
		if (g < glob.n && glob.p[g] == '*') {
			star = true;
			behind_star = ++g;
			tried = i;
			continue;
		}
		next = g;
		if (g < glob.n && element_matches(glob, &next, s.p[i])) {
			g = next;
			i++;
		} else if (star) {
			/* Only the last star can matter: let it take one more. */
			g = behind_star;
			i = ++tried;
		} else
			return false;
	}
	while (g < glob.n && glob.p[g] == '*')
		g++;
	return g == glob.n;
}
