/*
 * Goal:   no byte of an answer can be wrong without being noticed, and however
 *         the network cuts right answers, they are understood.
 * Method: each byte of an answer changed, one at a time; answers cut at each
 *         place; answers that nobody asked for, or of somebody else.
 */
#include "lend_bench/conversation.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

#define FRAME_SIZE 100 /* not a multiple of a word */

static struct head_seen head;
static struct conversation frames = { .frame_size = FRAME_SIZE, .seed = 7 };
static struct conversation http = { .http = true, .head = &head };

static const char answer[] = "HTTP/1.1 200 OK\r\n"
			     "Server: lend\r\n"
			     "Date: Sun, 22 Nov 2026 07:00:00 GMT\r\n"
			     "Content-Type: text/plain\r\n"
			     "Content-Length: 13\r\n\r\n" HTTP_BODY;
#define ANSWER_SIZE (sizeof(answer) - 1)

static struct speaker speaker;

static void speak_frames(void)
{
	speaker_init(&speaker, &frames, 3, 0);
}

static void speak_http(void)
{
	memset(&head, 0, sizeof(head));
	speaker_init(&speaker, &http, 3, 0);
}

static void fini(void)
{
	speaker_fini(&speaker);
}

static void ask(unsigned count, char *bytes)
{
	for (unsigned i = 0; i < count; i++)
		speaker_ask(&speaker, bytes + i * FRAME_SIZE);
}

Test(conversation, each_byte_of_a_frame_counts, .fini = fini)
{
	for (size_t i = 0; i < FRAME_SIZE; i++) {
		char bytes[FRAME_SIZE];

		speak_frames();
		ask(1, bytes);
		bytes[i] ^= 0x40;
		cr_assert_eq(speaker_hear(&speaker, bytes, FRAME_SIZE),
			     -EBADMSG, "byte %zu", i);
	}
}

Test(conversation, frames_may_be_cut_anywhere, .fini = fini)
{
	for (size_t cut = 0; cut <= 3 * FRAME_SIZE; cut++) {
		char bytes[3 * FRAME_SIZE];
		ssize_t first, second;

		speak_frames();
		ask(3, bytes);
		first = speaker_hear(&speaker, bytes, cut);
		second = speaker_hear(&speaker, bytes + cut,
				      sizeof(bytes) - cut);
		cr_assert_eq(first, (ssize_t)(cut / FRAME_SIZE));
		cr_assert_eq(first + second, 3, "cut at %zu", cut);
	}
}

Test(conversation, frames_of_others_are_wrong, .init = speak_frames,
     .fini = fini)
{
	char mine[2 * FRAME_SIZE], theirs[FRAME_SIZE];
	struct speaker stranger;

	speaker_init(&stranger, &frames, 4, 0);
	speaker_ask(&stranger, theirs);
	ask(2, mine);
	/* Another connection's, and the second before the first. */
	cr_expect_eq(speaker_hear(&speaker, theirs, FRAME_SIZE), -EBADMSG);
	speak_frames();
	ask(2, mine);
	cr_expect_eq(speaker_hear(&speaker, mine + FRAME_SIZE, FRAME_SIZE),
		     -EBADMSG);
	speaker_fini(&stranger);
}

Test(conversation, nobody_asked, .init = speak_frames, .fini = fini)
{
	char bytes[FRAME_SIZE];

	ask(1, bytes);
	cr_expect_eq(speaker_hear(&speaker, bytes, FRAME_SIZE), 1);
	cr_expect_eq(speaker_hear(&speaker, bytes, 1), -EBADMSG);
}

/* ---- HTTP ---- */

static ssize_t hear_second(const char *bytes, size_t size)
{
	char request[256];

	speak_http();
	speaker_ask(&speaker, request);
	speaker_ask(&speaker, request);
	cr_assert_eq(speaker_hear(&speaker, answer, ANSWER_SIZE), 1);
	return speaker_hear(&speaker, bytes, size);
}

Test(conversation, each_byte_of_an_answer_counts_but_the_date, .fini = fini)
{
	const char *date = strstr(answer, "Sun");
	size_t date_at = (size_t)(date - answer);
	size_t date_end = date_at + strlen("Sun, 22 Nov 2026 07:00:00 GMT");

	for (size_t i = 0; i < ANSWER_SIZE; i++) {
		char bytes[ANSWER_SIZE];
		ssize_t res;

		memcpy(bytes, answer, ANSWER_SIZE);
		bytes[i] ^= 1;
		res = hear_second(bytes, ANSWER_SIZE);
		/* A damaged end of the head or a smaller length has the answer
		 * go on: then nothing is complete, and it will be missed. */
		if (i >= date_at && i < date_end)
			cr_expect_eq(res, 1, "byte %zu", i);
		else
			cr_expect_leq(res, 0, "byte %zu", i);
		fini();
	}
}

Test(conversation, answers_may_be_cut_anywhere, .fini = fini)
{
	char bytes[2 * ANSWER_SIZE];
	char request[256];

	memcpy(bytes, answer, ANSWER_SIZE);
	memcpy(bytes + ANSWER_SIZE, answer, ANSWER_SIZE);
	for (size_t cut = 0; cut <= sizeof(bytes); cut++) {
		ssize_t first, second;

		speak_http();
		speaker_ask(&speaker, request);
		speaker_ask(&speaker, request);
		first = speaker_hear(&speaker, bytes, cut);
		second = speaker_hear(&speaker, bytes + cut,
				      sizeof(bytes) - cut);
		cr_assert_eq(first, (ssize_t)(cut / ANSWER_SIZE));
		cr_assert_eq(first + second, 2, "cut at %zu", cut);
		fini();
	}
}

Test(conversation, an_answer_that_nobody_asked_for, .init = speak_http,
     .fini = fini)
{
	cr_expect_eq(speaker_hear(&speaker, answer, ANSWER_SIZE), -EBADMSG);
}
