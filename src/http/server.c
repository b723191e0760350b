/*
 * The server: making it, serving, draining, and the list of its connections.
 *
 * The lock is taken when a connection comes or goes, never for a request.
 */
#include "http/server.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "actor/actor.h"
#include "base/check.h"
#include "base/counter.h"
#include "http/connection.h"
#include "http/sheet.h"
#include "rt/current.h"
#include "rt/misuse.h"
#include "rt/runtime.h"
#include "rt/suspend.h"
#include "rt/worker.h"

static uint64_t or_default(uint64_t value, uint64_t otherwise)
{
	return value ? value : otherwise;
}

static void resolve(struct lend_http_server *server)
{
	struct lend_http_options *options = &server->options;
	struct lend__http_limits *limits = &server->limits;

	options->connections_max = (unsigned)or_default(
		options->connections_max, 65536);
	options->header_timeout_ns = or_default(options->header_timeout_ns,
						10 * LEND_S);
	options->body_timeout_ns = or_default(options->body_timeout_ns,
					      30 * LEND_S);
	options->write_timeout_ns = or_default(options->write_timeout_ns,
					       30 * LEND_S);
	options->idle_timeout_ns = or_default(options->idle_timeout_ns,
					      60 * LEND_S);
	options->body_max = or_default(options->body_max, 1u << 20);
	limits->request_line_max = options->request_line_max;
	limits->head_max = options->header_bytes_max;
	limits->field_count_max = options->header_count_max;
	limits->length_required = options->length_required;
	/* Each route has its own: it is checked when that is known. */
	limits->body_max = UINT64_MAX;
	lend__http_limits_resolve(limits);
}

static int set_name(struct lend_http_server *server)
{
	const char *name = server->options.server_name;

	if (!name)
		name = "lend/" LEND_VERSION;
	server->name_size = strlen(name);
	if (server->name_size > LEND__HTTP_NAME_MAX)
		return -EINVAL;
	for (size_t i = 0; i < server->name_size; i++)
		if (name[i] < ' ' || name[i] > '~')
			return -EINVAL;
	memcpy(server->name, name, server->name_size);
	server->options.server_name = NULL;
	return 0;
}

int lend_http_server_new(const struct lend_http_options *options,
			 struct lend_http_server **ret_server)
{
	struct lend_http_server *server = calloc(1, sizeof(*server));
	int err;

	if (!server)
		return -ENOMEM;
	if (options)
		server->options = *options;
	lend_list_init(&server->connections);
	pthread_mutex_init(&server->lock, NULL);
	err = set_name(server);
	if (err)
		goto fail_free;
	resolve(server);
	server->locals_memory = calloc(LEND_WORKERS_MAX + 1,
				       sizeof(*server->locals));
	if (!server->locals_memory) {
		err = -ENOMEM;
		goto fail_free;
	}
	server->locals = (void *)lend_align_up((uintptr_t)server->locals_memory,
					       LEND_CACHE_LINE);
	*ret_server = server;
	return 0;

fail_free:
	lend_http_server_free(server);
	return err;
}

struct lend_http_server *lend_http_server_free(struct lend_http_server *server)
{
	if (!server)
		return NULL;
	lend_assert(!server->serving);
	for (unsigned i = 0; i < server->doors_count; i++) {
		if (server->doors[i]->listener)
			lend_listener_close(server->doors[i]->listener);
		free(server->doors[i]);
	}
	free(server->doors);
	lend__http_router_fini(&server->router);
	for (unsigned i = 0; server->locals && i < LEND_WORKERS_MAX; i++)
		lend__http_sheet_fini(&server->locals[i]);
	free(server->locals_memory);
	pthread_mutex_destroy(&server->lock);
	free(server);
	return NULL;
}

static bool is_serving(struct lend_http_server *server)
{
	bool serving;

	pthread_mutex_lock(&server->lock);
	serving = server->serving;
	pthread_mutex_unlock(&server->lock);
	return serving;
}

int lend_http_route(struct lend_http_server *server, const char *method,
		    const char *path, lend_http_handler handler, void *arg)
{
	if (is_serving(server))
		return -EBUSY;
	if (!path || !handler)
		return -EINVAL;
	return lend__http_router_add(&server->router, method, path, handler,
				     arg);
}

int lend_http_route_body_max(struct lend_http_server *server, const char *path,
			     uint64_t body_max)
{
	struct lend__http_place *place;

	if (is_serving(server))
		return -EBUSY;
	place = lend__http_router_place(&server->router, path);
	if (!place)
		return -ENOENT;
	place->body_max = body_max;
	place->has_body_max = true;
	return 0;
}

int lend_http_listen(struct lend_http_server *server, const char *address)
{
	struct lend__http_door *door, **doors;
	int err;

	if (is_serving(server))
		return -EBUSY;
	doors = realloc(server->doors, (server->doors_count +
					1) * sizeof(struct lend__http_door *));
	if (!doors)
		return -ENOMEM;
	server->doors = doors;
	door = calloc(1, sizeof(*door));
	if (!door)
		return -ENOMEM;
	err = lend_listener_open(address, 0, &door->listener);
	if (err) {
		free(door);
		return err;
	}
	door->server = server;
	door->address = *lend_listener_address(door->listener);
	doors[server->doors_count++] = door;
	return 0;
}

const struct lend_address *
lend_http_address(const struct lend_http_server *server, unsigned i)
{
	return i < server->doors_count ? &server->doors[i]->address : NULL;
}

/* ---- connections ---- */

/* The worker with the fewest; of equals the one whose turn it is. */
static unsigned choose_worker_locked(struct lend_http_server *server)
{
	/* They come and go: one that has left is as good, as it sends on. */
	unsigned workers = lend_runtime_workers(lend_runtime_current());
	unsigned start = server->next_worker++ % workers;
	unsigned best = start;

	for (unsigned i = 1; i < workers; i++) {
		unsigned worker = (start + i) % workers;

		if (server->locals[worker].load < server->locals[best].load)
			best = worker;
	}
	return best;
}

void lend__http_server_add(struct lend_http_server *server,
			   struct lend__http_connection *connection)
{
	lend_counter_add(&lend__http_local(server)->counters.accepted, 1);
	pthread_mutex_lock(&server->lock);
	connection->worker = choose_worker_locked(server);
	server->locals[connection->worker].load++;
	lend_list_push_back(&server->connections, &connection->link);
	server->connections_open++;
	pthread_mutex_unlock(&server->lock);
}

void lend__http_server_enter(struct lend_http_server *server,
			     struct lend__http_connection *connection,
			     struct lend_actor *actor)
{
	pthread_mutex_lock(&server->lock);
	connection->actor = actor;
	if (lend__http_phase(server) == LEND__HTTP_ENDING)
		lend__actor_signal(actor, LEND_SIGNAL_CANCEL);
	pthread_mutex_unlock(&server->lock);
}

void lend__http_server_leave(struct lend_http_server *server,
			     struct lend__http_connection *connection)
{
	pthread_mutex_lock(&server->lock);
	lend_list_remove(&connection->link);
	server->locals[connection->worker].load--;
	server->connections_open--;
	for (unsigned i = 0; i < server->doors_count; i++) {
		struct lend__http_door *door = server->doors[i];

		if (door->waiting)
			lend__actor_signal(door->actor, LEND_SIGNAL_WAKE);
	}
	if (!server->connections_open && server->serving)
		lend__actor_signal(server->serving, LEND_SIGNAL_WAKE);
	pthread_mutex_unlock(&server->lock);
}

/* ---- serving ---- */

static void signal_all_locked(struct lend_http_server *server, uint32_t signal)
{
	lend_list_for_each (link, &server->connections) {
		struct lend__http_connection *connection = lend_container_of(
			link, struct lend__http_connection, link);

		if (connection->actor)
			lend__actor_signal(connection->actor, signal);
	}
}

/* Go on to @phase: who waits is told, who comes later sees it. */
static void enter_phase(struct lend_http_server *server,
			enum lend__http_phase phase)
{
	pthread_mutex_lock(&server->lock);
	if (lend__http_phase(server) < phase)
		atomic_store_explicit(&server->phase, phase,
				      memory_order_relaxed);
	for (unsigned i = 0; i < server->doors_count; i++)
		if (server->doors[i]->actor)
			lend__actor_signal(server->doors[i]->actor,
					   LEND_SIGNAL_CANCEL);
	signal_all_locked(server, phase == LEND__HTTP_ENDING ?
					  LEND_SIGNAL_CANCEL :
					  LEND_SIGNAL_WAKE);
	pthread_mutex_unlock(&server->lock);
}

static bool is_over(struct lend_http_server *server, uint64_t *ret_deadline)
{
	bool over;

	pthread_mutex_lock(&server->lock);
	over = !server->connections_open && !server->doors_open;
	*ret_deadline = server->drain_deadline;
	pthread_mutex_unlock(&server->lock);
	return over;
}

static int serve(struct lend_http_server *server, struct lend_actor *self)
{
	enum lend__http_phase phase = LEND__HTTP_OPEN;
	uint64_t deadline = LEND_FOREVER;

	while (lend__http_phase(server) == LEND__HTTP_OPEN && !self->cancelled)
		lend__suspend_as(self, LEND_WAITS_SERVER, -1, LEND_FOREVER);
	if (!self->cancelled)
		enter_phase(server, LEND__HTTP_DRAINING);
	while (!is_over(server, &deadline)) {
		if (phase != LEND__HTTP_ENDING &&
		    (self->cancelled || lend_now() >= deadline)) {
			phase = LEND__HTTP_ENDING;
			enter_phase(server, phase);
			continue;
		}
		lend__suspend_as(self, LEND_WAITS_SERVER, -1,
				 phase == LEND__HTTP_ENDING ? LEND_FOREVER :
							      deadline);
	}
	return self->cancelled ? -ECANCELED : 0;
}

static int open_doors(struct lend_http_server *server)
{
	const struct lend_spawn_options options = { .name = "http accept" };

	for (unsigned i = 0; i < server->doors_count; i++) {
		int err;

		if (!server->doors[i]->listener)
			continue;
		pthread_mutex_lock(&server->lock);
		server->doors_open++;
		pthread_mutex_unlock(&server->lock);
		err = lend_spawn(lend__http_door_main, server->doors[i],
				 &options, NULL);
		if (err) {
			pthread_mutex_lock(&server->lock);
			server->doors_open--;
			pthread_mutex_unlock(&server->lock);
			return err;
		}
	}
	return server->doors_open ? 0 : -EINVAL;
}

/* One at a time: its doors are one actor's each. */
static int begin_serving(struct lend_http_server *server,
			 struct lend_actor *self)
{
	int err = -EBUSY;

	pthread_mutex_lock(&server->lock);
	if (!server->serving) {
		server->serving = self;
		err = 0;
	}
	pthread_mutex_unlock(&server->lock);
	return err;
}

int lend_http_serve(struct lend_http_server *server)
{
	struct lend_actor *self = lend__current_actor();
	int err, result;

	lend_assert_actor(self);
	err = begin_serving(server, self);
	if (err)
		return err;
	err = lend__http_router_seal(&server->router);
	if (!err)
		err = open_doors(server);
	if (err)
		lend_http_stop(server);
	result = serve(server, self);
	pthread_mutex_lock(&server->lock);
	server->serving = NULL;
	atomic_store_explicit(&server->phase, LEND__HTTP_OPEN,
			      memory_order_relaxed);
	pthread_mutex_unlock(&server->lock);
	return err ? err : result;
}

void lend_http_drain(struct lend_http_server *server, uint64_t deadline)
{
	pthread_mutex_lock(&server->lock);
	server->drain_deadline = deadline;
	if (lend__http_phase(server) == LEND__HTTP_OPEN)
		atomic_store_explicit(&server->phase, LEND__HTTP_DRAINING,
				      memory_order_relaxed);
	if (server->serving)
		lend__actor_signal(server->serving, LEND_SIGNAL_WAKE);
	pthread_mutex_unlock(&server->lock);
}

void lend_http_stop(struct lend_http_server *server)
{
	lend_http_drain(server, LEND_NOW);
}

void lend_http_stats_read(const struct lend_http_server *server,
			  struct lend_http_stats *ret_stats)
{
	uint64_t ended = 0;

	memset(ret_stats, 0, sizeof(*ret_stats));
	for (unsigned i = 0; i < LEND_WORKERS_MAX; i++) {
		const struct lend__http_counters *counters =
			&server->locals[i].counters;

		ended += counters->ended;
		ret_stats->connections_accepted += counters->accepted;
		for (unsigned class = 0; class < 6; class ++) {
			uint64_t responses = counters->responses[class];

			ret_stats->requests += responses;
			if (class)
				ret_stats->responses[class] += responses;
		}
		ret_stats->bytes_received += counters->received;
		ret_stats->bytes_sent += counters->sent;
		ret_stats->accept_errors += counters->accept_errors;
	}
	ret_stats->connections_open = ret_stats->connections_accepted - ended;
}
