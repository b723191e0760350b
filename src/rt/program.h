/*
 * Calling functions of the program's from inside of the library.
 */
#ifndef LEND_RT_PROGRAM_H
#define LEND_RT_PROGRAM_H

struct lend_runtime;

/* Log lines go to the program's function from here on, if it has one; inside of
 * it lend_may_suspend() is false. @runtime->options are complete. */
void lend__program_take_log(struct lend_runtime *runtime);

#endif
