/*
 * What the library tries at its start: bundles. The trial runs as it is, on a
 * kernel without faults that has room, as one that fails means no more than
 * that the library does without; here it has to pass. The calls that it makes
 * are linked in the place of the C library's with the linker's --wrap.
 */
#include <sys/socket.h>

#include "kernel.h"
#include "uring/bundle_test.h"

static bool trying;

bool sim_is_trying(void)
{
	return trying;
}

__typeof__(socketpair) __wrap_socketpair;
int __wrap_socketpair(int family, int type, int protocol, int fds[2])
{
	(void)family;
	(void)type;
	(void)protocol;
	sim_point();
	return sim_socket_pair(fds) ? -1 : 0;
}

__typeof__(shutdown) __wrap_shutdown;
int __wrap_shutdown(int fd, int how)
{
	struct sim_file *file = sim_file_at(fd);

	sim_point();
	return file && !sim_stream_shutdown(file, how) ? 0 : -1;
}

__typeof__(lend__bundles_work) __real_lend__bundles_work;
__typeof__(lend__bundles_work) __wrap_lend__bundles_work;
bool __wrap_lend__bundles_work(void)
{
	struct sim_knobs knobs = sim.knobs;
	bool works;

	/* It takes longer than many a scenario. */
	if (sim.seed % 8)
		return true;
	sim.knobs.fault_chance = 0;
	sim.knobs.short_chance = 0;
	sim.knobs.socket_room = 4096;
	trying = true;
	works = __real_lend__bundles_work();
	trying = false;
	sim.knobs = knobs;
	if (!works)
		sim_fail("bundles pass their trial", "they do not");
	return works;
}
