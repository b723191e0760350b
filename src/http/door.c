/*
 * Accepting: an actor for each listening address. It spreads connections over
 * the workers, stops at the limit, and lives through a want of descriptors.
 */
#include <errno.h>
#include <lend/clock.h>
#include <unistd.h>

#include "actor/actor.h"
#include "base/check.h"
#include "base/counter.h"
#include "base/log.h"
#include "http/connection.h"
#include "http/server.h"
#include "rt/current.h"
#include "rt/runtime.h"
#include "rt/suspend.h"
#include "rt/worker.h"

/* Connections taken from the kernel's queue when a drain begins: more than its
 * limit would be new ones. */
#define LAST_MAX 4096

/* When accept fails for want of something: until a connection of ours ends,
 * or this long, as it may be somebody else who has it. */
#define RETRY_NS (50 * LEND_MS)

/* Failures closer than this to each other are one episode: one line. */
#define EPISODE_NS (2 * LEND_S)

struct trouble {
	uint64_t last_ns; /* 0: never */
	uint64_t count;	  /* in this episode */
};

static bool is_full(struct lend_http_server *server)
{
	return server->connections_open >= server->options.connections_max;
}

/* Is there still something to wait for? If so, who leaves says so from here
 * on: looked at and noted in one step, so that no end gets lost. */
static bool must_wait(struct lend__http_door *door, unsigned before,
		      uint64_t deadline)
{
	struct lend_http_server *server = door->server;

	pthread_mutex_lock(&server->lock);
	door->waiting = deadline == LEND_FOREVER ?
				is_full(server) :
				server->connections_open >= before &&
					lend_now() < deadline;
	if (lend__http_phase(server) != LEND__HTTP_OPEN)
		door->waiting = false;
	pthread_mutex_unlock(&server->lock);
	return door->waiting;
}

static void wait_no_more(struct lend__http_door *door)
{
	struct lend_http_server *server = door->server;

	pthread_mutex_lock(&server->lock);
	door->waiting = false;
	pthread_mutex_unlock(&server->lock);
}

/* Wait until a connection ends; with @deadline, until then at most. */
static void wait_for_end(struct lend__http_door *door, uint64_t deadline)
{
	struct lend_http_server *server = door->server;
	struct lend_actor *self = lend__current_actor();
	unsigned before;

	pthread_mutex_lock(&server->lock);
	before = server->connections_open;
	pthread_mutex_unlock(&server->lock);
	/* It may wait itself, and take mail of all kinds: that a connection
	 * has ended, that this actor is cancelled. So look before sleeping. */
	lend_listener_pause(door->listener);
	while (!self->cancelled && must_wait(door, before, deadline))
		lend__suspend_as(self, LEND_WAITS_CONNECTION, -1, deadline);
	wait_no_more(door);
}

static void on_error(struct lend__http_door *door, struct trouble *trouble,
		     int error)
{
	struct lend_runtime *runtime = lend__current_worker()->runtime;
	uint64_t now_ns = lend_now();
	char text[LEND_ADDRESS_TEXT_MAX];

	lend_counter_add(
		&lend__http_local(door->server)->counters.accept_errors, 1);
	/* The client went away, or a signal came: nothing is short. */
	if (error == -ECONNABORTED || error == -EINTR || error == -EAGAIN ||
	    error == -EPROTO)
		return;
	if (!trouble->count || now_ns - trouble->last_ns > EPISODE_NS) {
		lend_address_format(&door->address, text);
		lend__log(&runtime->log, LEND_LOG_WARNING,
			  "%s: can not accept connections: %s; they wait", text,
			  lend_error_text(error));
		trouble->count = 0;
	}
	trouble->count++;
	trouble->last_ns = now_ns;
	wait_for_end(door, lend_after(RETRY_NS));
}

static void on_success(struct lend__http_door *door, struct trouble *trouble)
{
	struct lend_runtime *runtime = lend__current_worker()->runtime;
	char text[LEND_ADDRESS_TEXT_MAX];

	if (lend_likely(!trouble->count) ||
	    lend_now() - trouble->last_ns <= EPISODE_NS)
		return;
	lend_address_format(&door->address, text);
	lend__log(&runtime->log, LEND_LOG_INFO,
		  "%s: accepting again, after %llu failures", text,
		  (unsigned long long)trouble->count);
	trouble->count = 0;
}

static void accept_all(struct lend__http_door *door, struct lend_actor *self)
{
	struct lend_http_server *server = door->server;
	struct trouble trouble = { 0 };

	while (!self->cancelled &&
	       lend__http_phase(server) == LEND__HTTP_OPEN) {
		bool full;
		int fd, err;

		pthread_mutex_lock(&server->lock);
		full = is_full(server);
		pthread_mutex_unlock(&server->lock);
		if (full) {
			wait_for_end(door, LEND_FOREVER);
			continue;
		}
		fd = lend_listener_accept(door->listener, LEND_FOREVER);
		if (fd == -ECANCELED)
			break;
		if (fd < 0) {
			on_error(door, &trouble, fd);
			continue;
		}
		on_success(door, &trouble);
		err = lend__http_connection_open(server, fd);
		if (err) {
			close(fd);
			on_error(door, &trouble, err);
		}
	}
}

/* In a drain: those who connected while the server was open, and whom the
 * kernel still has in its queue, are not turned away with a reset. What they
 * have sent is answered; who has sent nothing yet is told the end. */
static void take_last(struct lend__http_door *door)
{
	struct lend_http_server *server = door->server;

	for (unsigned i = 0; i < LAST_MAX; i++) {
		int fd;

		if (lend__http_phase(server) != LEND__HTTP_DRAINING)
			return;
		fd = lend_listener_accept(door->listener, LEND_NOW);
		if (fd < 0)
			return;
		if (lend__http_connection_open(server, fd))
			close(fd);
	}
}

int lend__http_door_main(void *argument)
{
	struct lend__http_door *door = argument;
	struct lend_http_server *server = door->server;
	struct lend_actor *self = lend__current_actor();

	pthread_mutex_lock(&server->lock);
	door->actor = self;
	pthread_mutex_unlock(&server->lock);
	accept_all(door, self);
	take_last(door);
	door->listener = lend_listener_close(door->listener);
	pthread_mutex_lock(&server->lock);
	door->actor = NULL;
	server->doors_open--;
	if (server->serving)
		lend__actor_signal(server->serving, LEND_SIGNAL_WAKE);
	pthread_mutex_unlock(&server->lock);
	return 0;
}
