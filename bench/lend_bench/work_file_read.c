/*
 * Reads of 4 KiB at random places of a file that the page cache holds: an
 * operation that is over when it is submitted, with data worth checking.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "lend_bench/crew.h"
#include "lend_bench/workload.h"

#define BLOCK_SIZE  4096
#define BLOCK_WORDS (BLOCK_SIZE / sizeof(uint64_t))
#define BLOCKS	    4096 /* 16 MiB */

static uint64_t word_at(uint64_t seed, uint64_t block, uint64_t i)
{
	return ((block * BLOCK_WORDS + i) * 0x9e3779b97f4a7c15u) ^ seed;
}

static void block_write(uint64_t *words, uint64_t seed, uint64_t block)
{
	for (uint64_t i = 0; i < BLOCK_WORDS; i++)
		words[i] = word_at(seed, block, i);
}

static bool block_is_right(const uint64_t *words, uint64_t seed, uint64_t block)
{
	uint64_t wrong = 0;

	for (uint64_t i = 0; i < BLOCK_WORDS; i++)
		wrong |= words[i] ^ word_at(seed, block, i);
	return wrong == 0;
}

/* A file that nobody else sees; it is read back, so it is in the cache. */
static int file_make(uint64_t seed)
{
	const char *folder = getenv("TMPDIR");
	uint64_t words[BLOCK_WORDS];
	char path[512];
	int fd;

	snprintf(path, sizeof(path), "%s/lend-bench-XXXXXX",
		 folder && folder[0] ? folder : "/tmp");
	fd = mkostemp(path, O_CLOEXEC);
	if (fd < 0)
		return -errno;
	unlink(path);
	for (uint64_t block = 0; block < BLOCKS; block++) {
		block_write(words, seed, block);
		if (write(fd, words, BLOCK_SIZE) != BLOCK_SIZE) {
			close(fd);
			return -EIO;
		}
	}
	return fd;
}

static void read_one(struct member *member, int fd, uint64_t *words)
{
	struct subject *subject = member->subject;
	uint64_t block = member_random(member) % BLOCKS;
	ssize_t size;

	member_count(&member->started, 1);
	size = lend_read(fd, words, BLOCK_SIZE, (int64_t)(block * BLOCK_SIZE),
			 LEND_FOREVER);
	if (subject_tampers(subject, TAMPER_LOSE))
		return;
	if (subject_tampers(subject, TAMPER_CORRUPT))
		words[BLOCK_WORDS - 1] ^= 1;
	if (size == BLOCK_SIZE &&
	    block_is_right(words, subject->config->seed, block))
		member_count(&member->finished, 1);
	else
		member_count(&member->errors, 1);
}

static int member_run(void *arg)
{
	struct member *member = arg;
	int fd = *(int *)member->subject->own;
	uint64_t *words = lend_io_alloc(BLOCK_SIZE);
	uint64_t began_ns, now_ns = lend_now();

	if (!words) {
		member_count(&member->errors, 1);
		return 1;
	}
	while (member_goes_on(member)) {
		began_ns = now_ns;
		read_one(member, fd, words);
		now_ns = lend_now();
		member_time(member, began_ns, now_ns);
	}
	lend_io_free(words);
	return 0;
}

static int start(struct subject *subject)
{
	static int fd;

	fd = file_make(subject->config->seed);
	if (fd < 0)
		return subject_fail(subject, fd,
				    "a file of 16 MiB in TMPDIR or /tmp");
	subject->own = &fd;
	return crew_start(subject, subject->config->params[PARAM_ACTORS],
			  PLACE_SPREAD, member_run);
}

const struct workload workload_file_read = {
	.name = "file-read",
	.summary = "4 KiB reads at random places of a cached file",
	.defaults = { [PARAM_ACTORS] = "16" },
	.start = start,
	.stop = crew_stop,
};
