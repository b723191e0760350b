/*
 * The word that was probably meant: see suggest.h.
 */
#include "suggest.h"

#include <string.h>

#define WORD_MAX 31

static unsigned min(unsigned a, unsigned b)
{
	return a < b ? a : b;
}

unsigned word_distance(const char *a, const char *b)
{
	/* rows[i % 3][j]: the distance of a's first i and b's first j letters;
	 * a swap looks two rows back. */
	unsigned rows[3][WORD_MAX + 1];
	size_t a_size = strnlen(a, WORD_MAX), b_size = strnlen(b, WORD_MAX);

	for (size_t j = 0; j <= b_size; j++)
		rows[0][j] = (unsigned)j;
	for (size_t i = 1; i <= a_size; i++) {
		unsigned *row = rows[i % 3];
		const unsigned *above = rows[(i - 1) % 3];

		row[0] = (unsigned)i;
		for (size_t j = 1; j <= b_size; j++) {
			row[j] = min(above[j - 1] + (a[i - 1] != b[j - 1]),
				     min(above[j], row[j - 1]) + 1);
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] &&
			    a[i - 2] == b[j - 1])
				row[j] = min(row[j],
					     rows[(i - 2) % 3][j - 2] + 1);
		}
	}
	return rows[a_size % 3][b_size];
}

int word_is_near(const char *typed, const char *known)
{
	return word_distance(typed, known) <= (strlen(known) > 5 ? 2 : 1);
}
