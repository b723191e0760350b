/*
 * Actors and messages.
 *
 * You learn: how a program starts (lend_run), that an actor is a function,
 * how to send it a message, wait for the answer and for its end.
 *
 *	cc 01_hello.c $(pkg-config --cflags --libs lend) -o 01_hello
 *	./01_hello [WORKERS]
 */
#include <lend/lend.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NAME = 1, GREETING, GOODBYE };

/* Greets whoever writes to it, until it gets GOODBYE; then its result, which
 * lend_join() hands over, is how many it has greeted. */
static int greeter(void *arg)
{
	const char *word = arg;
	int greeted = 0;

	for (;;) {
		struct lend_msg *msg;
		char text[64];
		uint32_t type;
		int err = lend_receive(LEND_FOREVER, &msg);

		if (err)
			return err;
		type = lend_msg_type(msg);
		if (type == NAME) {
			snprintf(text, sizeof(text), "%s, %.*s!", word,
				 (int)lend_msg_size(msg),
				 (const char *)lend_msg_data(msg));
			err = lend_tell(lend_msg_sender(msg), GREETING, text,
					strlen(text));
			greeted++;
		}
		lend_msg_free(msg);
		if (err)
			return err;
		if (type == GOODBYE)
			return greeted;
	}
}

static int program(void *arg)
{
	static const char *const names[] = { "Ada", "Grace", "Barbara" };
	static char word[] = "Hello";
	const struct lend_spawn_options options = {
		.name = "greeter",
		.joinable = true,
	};
	lend_ref friend;
	int greeted, err;

	(void)arg;
	err = lend_spawn(greeter, word, &options, &friend);
	for (size_t i = 0; !err && i < sizeof(names) / sizeof(names[0]); i++) {
		struct lend_msg *msg;

		err = lend_tell(friend, NAME, names[i], strlen(names[i]));
		if (!err)
			err = lend_receive(lend_after(5 * LEND_S), &msg);
		if (err)
			break;
		printf("%.*s\n", (int)lend_msg_size(msg),
		       (const char *)lend_msg_data(msg));
		lend_msg_free(msg);
	}
	if (!err)
		err = lend_tell(friend, GOODBYE, NULL, 0);
	if (!err)
		err = lend_join(friend, LEND_FOREVER, &greeted);
	if (!err)
		printf("greeted %d\n", greeted);
	return err;
}

int main(int argc, char **argv)
{
	const struct lend_options options = {
		.workers = argc > 1 ? (unsigned)atoi(argv[1]) : 0,
		.actors_max = 64,
	};
	int err = lend_run(&options, program, NULL);

	if (err)
		fprintf(stderr, "01_hello: %s\n", lend_error_text(err));
	return err != 0;
}
