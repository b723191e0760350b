/*
 * The handler of faults: see overflow.h.
 */
#include "rt/overflow.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "rt/current.h"
#include "rt/runtime.h"
#include "rt/worker.h"

#define SIGNAL_STACK_SIZE 32768

static int describe(const struct lend_registry *registry,
		    const struct lend_actor *actor, const void *address,
		    char *line, size_t room)
{
	const char *quote = actor->name[0] ? "\"" : "";
	const char *space = actor->name[0] ? " " : "";
	int owner = lend__heap_range_owner(&registry->heaps, address);
	struct lend_stack stack = lend__registry_stack(registry, actor->index);
	bool is_own = registry->entries[actor->index].has_own_stack;

	if (lend__stack_guards(&stack, address))
		return snprintf(
			line, room,
			"lend: panic: stack overflow in actor %u%s%s%s%s: its %zu bytes are used up; give %s a bigger stack_size\n",
			actor->index, space, quote, actor->name, quote,
			is_own ? (size_t)(stack.high - stack.low) :
				 registry->stacks.size,
			is_own ? "it" : "it, or the runtime,");
	/* Nothing else closes pages there. */
	if (owner >= 0)
		return snprintf(
			line, room,
			"lend: panic: actor %u%s%s%s%s used I/O memory of actor %d at %p while an operation works on it; wait for the operation's end first\n",
			actor->index, space, quote, actor->name, quote, owner,
			address);
	return 0;
}

static void say_who(const struct lend_worker *worker, const void *address)
{
	const struct lend_actor *actor = worker->running;
	char line[256];
	int size;

	if (!actor)
		return;
	size = describe(&worker->runtime->registry, actor, address, line,
			sizeof(line));
	if (size && write(STDERR_FILENO, line, (size_t)size) < 0) {
		/* Nothing is left to tell anyone with. */
	}
}

static void handle(int signal_number, siginfo_t *info, void *context)
{
	struct lend_worker *worker = lend__current_worker();

	(void)context;
	if (worker)
		say_who(worker, info->si_addr);
	/* Fault again, the usual way: with a core dump, and a debugger that
	 * sees the frames. */
	signal(signal_number, SIG_DFL);
}

static void install(void)
{
	struct sigaction action, old;

	memset(&action, 0, sizeof(action));
	action.sa_sigaction = handle;
	action.sa_flags = SA_SIGINFO | SA_ONSTACK;
	sigemptyset(&action.sa_mask);
	if (sigaction(SIGSEGV, NULL, &old) || old.sa_handler != SIG_DFL)
		return;
	sigaction(SIGSEGV, &action, NULL);
}

void lend__overflow_install(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, install);
}

void lend__overflow_thread_start(void)
{
	stack_t stack = { .ss_size = SIGNAL_STACK_SIZE }, old;

	/* A sanitizer may have given the thread one. */
	if (sigaltstack(NULL, &old) || !(old.ss_flags & SS_DISABLE))
		return;
	stack.ss_sp = mmap(NULL, stack.ss_size, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (stack.ss_sp != MAP_FAILED)
		sigaltstack(&stack, NULL);
}

void lend__overflow_thread_stop(void)
{
	stack_t off = { .ss_flags = SS_DISABLE }, old;

	if (sigaltstack(NULL, &old) || old.ss_flags & SS_DISABLE ||
	    old.ss_size != SIGNAL_STACK_SIZE)
		return;
	sigaltstack(&off, NULL);
	munmap(old.ss_sp, old.ss_size);
}
