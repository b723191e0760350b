/*
 * `lend trace`: a recorded run, as a timeline.
 */
#ifndef LEND_CLI_TRACE_H
#define LEND_CLI_TRACE_H

/* argv[0] is "trace". Return: an exit status. */
int trace_command(int argc, char **argv);

#endif
