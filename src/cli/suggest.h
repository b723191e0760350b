/*
 * The word that was probably meant.
 */
#ifndef LEND_CLI_SUGGEST_H
#define LEND_CLI_SUGGEST_H

#include <stddef.h>

/* How many letters have to be added, taken away, changed or swapped with
 * their neighbour to make @b of @a. Words longer than 31 letters are cut. */
unsigned word_distance(const char *a, const char *b);

/* Is it so near that a slip of the fingers explains it? */
int word_is_near(const char *typed, const char *known);

#endif
