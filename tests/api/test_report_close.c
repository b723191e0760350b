/*
 * Goal:   a report says of who is in lend_close() that the descriptor is in
 *         use, and which one it is.
 * Method: the door to the kernel is wrapped by the linker, and what another
 *         actor does with the descriptor is not cancelled until the report has
 *         been read.
 */
#include <errno.h>
#include <liburing.h>
#include <stdatomic.h>

#include "reported.h"
#include "uring/sys.h"

static _Atomic bool is_deaf;

int __real_lend__sys_register(int fd, unsigned opcode, void *argument,
			      unsigned count);
int __wrap_lend__sys_register(int fd, unsigned opcode, void *argument,
			      unsigned count);

/* As if it could not be interrupted: then nobody asks in another way. */
int __wrap_lend__sys_register(int fd, unsigned opcode, void *argument,
			      unsigned count)
{
	if (opcode == IORING_REGISTER_SYNC_CANCEL && atomic_load(&is_deaf))
		return -EALREADY;
	return __real_lend__sys_register(fd, opcode, argument, count);
}

static int use_it(void *arg)
{
	char byte;

	return lend_recv((int)(intptr_t)arg, &byte, 1, 0, LEND_FOREVER);
}

static int close_it(void *arg)
{
	return lend_close((int)(intptr_t)arg);
}

static int who_closes_waits_for_who_uses_it(void *arg)
{
	lend_ref user, closer;
	char text[64];
	int fds[2];

	(void)arg;
	test_pair(fds);
	user = spawn_named(use_it, (void *)(intptr_t)fds[0], "user");
	wait_for_line("actor user #", "waits for recv on descriptor ");
	atomic_store(&is_deaf, true);
	closer = spawn_named(close_it, (void *)(intptr_t)fds[0], "closer");
	snprintf(text, sizeof(text),
		 "closes descriptor %d, which is in use, for ", fds[0]);
	wait_for_line("actor closer #", text);
	atomic_store(&is_deaf, false);
	CHECK_EQ(test_join(closer), 0);
	CHECK_EQ(test_join(user), -ECANCELED);
	return lend_close(fds[1]);
}

int main(int argc, char **argv)
{
	test_init(argc, argv, 60);
	test_actor("who closes waits for who uses it",
		   who_closes_waits_for_who_uses_it);
	return test_finish();
}
