/*
 * The short form of a fuzz target: calls it with every file of a folder and
 * then with random mutations of them, and needs no fuzzer. It finds what comes
 * back, not what is new; for that there is libFuzzer (see doc/http.md).
 *
 * Usage: fuzz-<target> FOLDER [SEED [COUNT]]
 */
#include "fuzz.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define FILES_MAX   256
#define INPUT_MAX   4096
#define COUNT	    100000
#define DURATION_NS INT64_C(5000000000)

struct input {
	uint8_t *data;
	size_t size;
};

static struct input inputs[FILES_MAX];
static unsigned input_count;
static uint64_t state;

/* Bytes that grammars turn on, which random ones would seldom hit. */
static const char *const words[] = {
	"\r\n",
	"\r",
	"\n",
	" ",
	"\t",
	":",
	";",
	",",
	"\"",
	"\\",
	"=",
	"0",
	"%",
	"%2e",
	"%2f",
	"%00",
	"/",
	"..",
	"/../",
	"?",
	"&",
	"HTTP/1.1",
	"GET ",
	"ffff",
	"chunked",
	"Host: x\r\n",
	"\r\n\r\n",
	"0\r\n",
	"\xff",
	"\r\n0\r\n",
	"http://",
	"Content-Length: 1\r\n",
	"Transfer-Encoding: chunked\r\n",
};

/* xorshift64*: the same on every machine. */
static uint64_t random_next(void)
{
	state ^= state >> 12;
	state ^= state << 25;
	state ^= state >> 27;
	return state * UINT64_C(2685821657736338717);
}

static size_t random_below(size_t bound)
{
	return bound ? (size_t)(random_next() >> 11) % bound : 0;
}

/* Put @size bytes into the @total at @data, at @at. */
static size_t insert(uint8_t *data, size_t total, size_t at, const void *bytes,
		     size_t size)
{
	if (total + size > INPUT_MAX)
		return total;
	memmove(data + at + size, data + at, total - at);
	memcpy(data + at, bytes, size);
	return total + size;
}

static size_t mutate(uint8_t *data, size_t size)
{
	size_t at = random_below(size), count = random_below(size - at);
	const struct input *other;
	const char *word;
	uint8_t copy[64];

	switch (random_below(6)) {
	case 0:
		if (size)
			data[at] ^= (uint8_t)(1u << random_below(8));
		return size;
	case 1:
		if (size)
			data[at] = (uint8_t)random_next();
		return size;
	case 2:
		if (count > 16)
			count = random_below(16);
		memmove(data + at, data + at + count, size - at - count);
		return size - count;
	case 3:
		word = words[random_below(sizeof(words) / sizeof(words[0]))];
		return insert(data, size, at, word, strlen(word));
	case 4:
		if (count > sizeof(copy))
			count = random_below(sizeof(copy));
		memcpy(copy, data + at, count);
		return insert(data, size, random_below(size), copy, count);
	default:
		other = &inputs[random_below(input_count)];
		count = random_below(other->size);
		return insert(data, size, at, other->data + count,
			      random_below(other->size - count));
	}
}

static void run(const uint8_t *data, size_t size)
{
	/* At the end of an allocation, where a sanitizer sees it being left. */
	uint8_t *copy = malloc(size ? size : 1);

	if (!copy)
		abort();
	if (size)
		memcpy(copy, data, size);
	LLVMFuzzerTestOneInput(copy, size);
	free(copy);
}

static void load(const char *folder)
{
	struct dirent **names;
	int count = scandir(folder, &names, NULL, alphasort);
	char path[4096];
	FILE *file;

	for (int i = 0; i < count; i++) {
		snprintf(path, sizeof(path), "%s/%s", folder, names[i]->d_name);
		file = names[i]->d_name[0] == '.' ? NULL : fopen(path, "rb");
		if (file && input_count < FILES_MAX) {
			struct input *input = &inputs[input_count++];

			input->data = malloc(INPUT_MAX);
			if (!input->data)
				abort();
			input->size = fread(input->data, 1, INPUT_MAX, file);
		}
		if (file)
			fclose(file);
		free(names[i]);
	}
	if (count >= 0)
		free(names);
}

static int64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

int main(int argc, char **argv)
{
	static uint8_t data[INPUT_MAX];
	unsigned long count = argc > 3 ? strtoul(argv[3], NULL, 0) : COUNT;
	uint64_t seed = argc > 2 ? strtoull(argv[2], NULL, 0) : 1;
	int64_t end = now_ns() + DURATION_NS;
	unsigned long done = 0;

	if (argc > 1)
		load(argv[1]);
	if (input_count == 0) {
		fprintf(stderr, "usage: %s FOLDER [SEED [COUNT]]\n", argv[0]);
		return 2;
	}
	printf("%u files, seed %llu\n", input_count, (unsigned long long)seed);
	fflush(stdout);
	for (unsigned i = 0; i < input_count; i++)
		run(inputs[i].data, inputs[i].size);
	/* The state of the generator may not be 0. */
	state = seed * UINT64_C(0x9e3779b97f4a7c15) | 1;
	for (; done < count && (argc > 3 || now_ns() < end); done++) {
		const struct input *input = &inputs[random_below(input_count)];
		size_t size = input->size;

		memcpy(data, input->data, size);
		for (size_t n = 1 + random_below(4); n > 0; n--)
			size = mutate(data, size);
		run(data, size);
	}
	printf("%lu mutations\n", done);
	for (unsigned i = 0; i < input_count; i++)
		free(inputs[i].data);
	return 0;
}
