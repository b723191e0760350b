/*
 * A library that knows nothing of actors: libcurl's easy interface, unchanged.
 *
 * You learn: that under liblend-posix plain blocking code suspends its actor
 *and nothing else, so that a thousand requests wait at once on two workers;
 *that actors which run such code are spawned pinned (it may keep the address of
 * errno), and need a larger stack.
 *
 *	./06_curl URL COUNT
 *	./06_curl http://127.0.0.1:8080/sleep?ms=1000 1000
 *
 * To be linked with liblend-posix and libcurl: doc/guide.md, "Code that
 *blocks".
 */
#include <curl/curl.h>
#include <lend/lend.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

struct job {
	const char *url;
	unsigned count;
};

static size_t ignore(char *data, size_t size, size_t count, void *arg)
{
	(void)data;
	(void)arg;
	return size * count;
}

/* As it would be on a thread of its own. */
static int fetch(void *arg)
{
	CURL *curl = curl_easy_init();
	CURLcode result;
	long status = 0;

	if (!curl)
		return -1;
	curl_easy_setopt(curl, CURLOPT_URL, (const char *)arg);
	curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, ignore);
	curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
	result = curl_easy_perform(curl);
	if (result != CURLE_OK)
		fprintf(stderr, "%s\n", curl_easy_strerror(result));
	curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
	curl_easy_cleanup(curl);
	return result == CURLE_OK && status == 200 ? 0 : -1;
}

static int fetch_all(void *arg)
{
	const struct lend_spawn_options options = {
		.joinable = true,
		.pinned = true, /* and so spread over the workers */
	};
	struct job *job = arg;
	lend_ref *actors = calloc(job->count, sizeof(*actors));
	uint64_t begun = lend_now();
	unsigned good = 0;
	int value;

	/* One that could not be spawned is nobody, and nobody is joined. */
	for (unsigned i = 0; actors && i < job->count; i++)
		if (lend_spawn(fetch, (void *)job->url, &options, &actors[i]))
			fprintf(stderr, "no actor\n");
	for (unsigned i = 0; actors && i < job->count; i++)
		if (!lend_join(actors[i], LEND_FOREVER, &value) && !value)
			good++;
	printf("%u of %u requests, %.2f s\n", good, job->count,
	       (double)(lend_now() - begun) / LEND_S);
	free(actors);
	return good != job->count;
}

int main(int argc, char **argv)
{
	struct job job = { .url = argc > 1 ? argv[1] : "http://127.0.0.1:8080",
			   .count = argc > 2 ? (unsigned)atoi(argv[2]) : 1 };
	const struct lend_options options = {
		.workers = 2,
		.stack_size = 256 << 10,
	};
	struct rlimit limit;
	int res;

	/* Some descriptors for each of them. */
	if (!getrlimit(RLIMIT_NOFILE, &limit)) {
		limit.rlim_cur = limit.rlim_max;
		setrlimit(RLIMIT_NOFILE, &limit);
	}
	curl_global_init(CURL_GLOBAL_DEFAULT);
	res = lend_run(&options, fetch_all, &job);
	curl_global_cleanup();
	return res != 0;
}
