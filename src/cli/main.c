/*
 * The program `lend`: which command, then on to it.
 */
#include <lend/base.h>
#include <stdio.h>
#include <string.h>

#include "echo.h"
#include "help.h"
#include "options.h"
#include "say.h"
#include "serve.h"
#include "suggest.h"
#include "trace.h"

static const char *const commands[] = { "serve", "echo", "trace", "help" };
#define COMMANDS_COUNT (sizeof(commands) / sizeof(commands[0]))

/* Standard output may be a full disk or a closed pipe: then it did not work. */
static int print(const char *text)
{
	if (fputs(text, stdout) == EOF || fflush(stdout) == EOF)
		return EXIT_BROKEN;
	return EXIT_DONE;
}

static int command_unknown(const char *name)
{
	for (size_t i = 0; i < COMMANDS_COUNT; i++) {
		if (word_is_near(name, commands[i])) {
			say("unknown command \"%s\"; did you mean `lend %s`?",
			    name, commands[i]);
			return EXIT_USAGE;
		}
	}
	say("unknown command \"%s\"; use serve, echo, trace or help", name);
	return EXIT_USAGE;
}

static int command_help(int argc, char **argv)
{
	if (argc < 2 || strcmp(argv[1], "help") == 0)
		return print(help_general);
	if (strcmp(argv[1], "serve") == 0)
		return print(help_of(SERVICE_SERVE));
	if (strcmp(argv[1], "echo") == 0)
		return print(help_of(SERVICE_ECHO));
	if (strcmp(argv[1], "trace") == 0)
		return print(help_trace);
	return command_unknown(argv[1]);
}

static int command_version(void)
{
	char text[128];

	snprintf(text, sizeof(text), "lend %s\nlicence: BSD-2-Clause\n",
		 lend_version());
	return print(text);
}

static int command_service(enum service service, int argc, char **argv)
{
	struct options options;

	if (!options_read(service, argc, argv, &options))
		return EXIT_USAGE;
	if (options.help)
		return print(help_of(service));
	say_level_set(options.log_level);
	return service == SERVICE_ECHO ? echo_command(&options) :
					 serve_command(&options);
}

int main(int argc, char **argv)
{
	const char *command = argc > 1 ? argv[1] : NULL;

	if (!command) {
		say("no command; use `lend serve`, `lend echo` or `lend help`");
		return EXIT_USAGE;
	}
	if (strcmp(command, "serve") == 0)
		return command_service(SERVICE_SERVE, argc - 1, argv + 1);
	if (strcmp(command, "echo") == 0)
		return command_service(SERVICE_ECHO, argc - 1, argv + 1);
	if (strcmp(command, "trace") == 0)
		return trace_command(argc - 1, argv + 1);
	if (strcmp(command, "help") == 0)
		return command_help(argc - 1, argv + 1);
	if (strcmp(command, "--help") == 0 || strcmp(command, "-h") == 0)
		return print(help_general);
	if (strcmp(command, "--version") == 0)
		return command_version();
	if (command[0] == '-') {
		say("unknown option \"%s\" before a command; use `lend serve`, `lend echo`, --help or --version",
		    command);
		return EXIT_USAGE;
	}
	return command_unknown(command);
}
