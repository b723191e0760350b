/*
 * HTTP/1.1 with keep-alive, the shortest answer there is: what parsing, routing
 * and answering add to an echo.
 */
#include <errno.h>
#include <lend/http.h>
#include <netinet/in.h>
#include <string.h>

#include "lend_bench/generator.h"
#include "lend_bench/subject.h"
#include "lend_bench/workload.h"

static void answer(struct lend_http_request *request,
		   struct lend_http_response *response, void *arg)
{
	struct subject *subject = arg;
	char body[] = HTTP_BODY;

	(void)request;
	if (subject_tampers(subject, TAMPER_LOSE)) {
		lend_sleep(LEND_FOREVER);
		return;
	}
	if (subject_tampers(subject, TAMPER_CORRUPT))
		body[0] ^= 1;
	lend_http_reply(response, 200, "text/plain", body, sizeof(body) - 1);
}

static int serve(void *arg)
{
	struct subject *subject = arg;
	struct lend_http_server *server = subject->own;
	/* -ECANCELED: the runtime stops, as it should. */
	int res = lend_http_serve(server);

	lend_http_server_free(server);
	return res;
}

static int start(struct subject *subject)
{
	struct lend_http_server *server;
	const struct lend_address *address;
	int err = lend_http_server_new(NULL, &server);

	if (err)
		return subject_fail(subject, err, "the HTTP server");
	subject->own = server;
	err = lend_http_route(server, "GET", HTTP_PATH, answer, subject);
	if (!err)
		err = lend_http_listen(server, "127.0.0.1:0");
	if (err) {
		lend_http_server_free(server);
		return subject_fail(subject, err, "listening");
	}
	address = lend_http_address(server, 0);
	subject->shared->port = ntohs(
		((const struct sockaddr_in *)&address->storage)->sin_port);
	err = lend_runtime_spawn(subject->runtime, serve, subject, NULL, NULL);
	return err ? subject_fail(subject, err, "spawning the server") : 0;
}

static void aim(const struct config *config, struct generator_options *options)
{
	(void)config;
	options->conversation.http = true;
}

const struct workload workload_http = {
	.name = "http",
	.summary = "HTTP/1.1 keep-alive, GET /plaintext",
	.defaults = {
		[PARAM_CONNECTIONS] = "64",
		[PARAM_PIPELINE] = "1",
		[PARAM_RATE] = "0",
	},
	.start = start,
	.aim = aim,
};
