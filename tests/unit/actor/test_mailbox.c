/*
 * Goal:   mail is taken in the order of each sender, once; of all who wake a
 *         suspended owner one is told so, and no wake-up is lost.
 * Method: the states by hand; then threads that push while the owner goes to
 *         sleep as often as it can.
 */
#include "actor/mailbox.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <sched.h>
#include <stdint.h>

/* The owner's; any does. */
#define GENERATION 7

Test(mailbox, first_in_first_out)
{
	struct lend_mailbox box = { NULL };
	struct lend_mail mail[5], *taken;

	cr_expect_null(lend__mailbox_take(&box));
	for (int i = 0; i < 5; i++)
		cr_expect(!lend__mailbox_push(&box, &mail[i]),
			  "the owner is awake");
	taken = lend__mailbox_take(&box);
	for (int i = 0; i < 5; i++) {
		cr_assert_eq(taken, &mail[i]);
		taken = taken->next;
	}
	cr_expect_null(taken);
	cr_expect(!lend__mailbox_has_mail(&box));
}

Test(mailbox, one_of_the_wakers_is_told)
{
	struct lend_mailbox box = { NULL };
	struct lend_mail mail[3], *taken;

	cr_assert(lend__mailbox_idle(&box, GENERATION));
	cr_expect(lend__mailbox_push(&box, &mail[0]));
	cr_expect(!lend__mailbox_push(&box, &mail[1]));
	cr_expect(!lend__mailbox_idle(&box, GENERATION),
		  "went to sleep over its mail");
	taken = lend__mailbox_take(&box);
	cr_assert_eq(taken, &mail[0]);
	cr_assert_eq(taken->next, &mail[1]);
	cr_expect_null(taken->next->next);
	cr_expect(lend__mailbox_idle(&box, GENERATION));
}

Test(mailbox, roused_once_and_without_mail)
{
	struct lend_mailbox box = { NULL };
	struct lend_mail mail[2], *taken;

	cr_expect(!lend__mailbox_rouse(&box), "it was awake");
	cr_assert(lend__mailbox_idle(&box, GENERATION));
	cr_expect(lend__mailbox_rouse(&box));
	cr_expect(!lend__mailbox_rouse(&box), "roused twice");
	cr_expect(!lend__mailbox_push(&box, &mail[0]), "woken twice");
	cr_expect(!lend__mailbox_rouse(&box));
	taken = lend__mailbox_take(&box);
	cr_assert_eq(taken, &mail[0]);
	cr_expect_null(taken->next);
	cr_assert(lend__mailbox_idle(&box, GENERATION));
	/* What wakes it is first, and there once. */
	cr_expect(lend__mailbox_push(&box, &mail[1]));
	cr_expect(!lend__mailbox_rouse(&box));
	cr_assert_eq(lend__mailbox_take(&box), &mail[1]);
	cr_expect_null(mail[1].next);
	cr_expect_null(lend__mailbox_take(&box));
}

/* Note [idle]: a reference to who had the place before wakes nobody. */
Test(mailbox, who_is_meant_is_roused)
{
	struct lend_mailbox box = { NULL };
	struct lend_mail mail;

	cr_expect(!lend__mailbox_rouse_whom(&box, GENERATION), "it was awake");
	cr_assert(lend__mailbox_idle(&box, GENERATION));
	cr_expect(lend__mailbox_is_idle(&box));
	cr_expect(!lend__mailbox_rouse_whom(&box, GENERATION - 1));
	cr_expect(!lend__mailbox_rouse_whom(&box, GENERATION + 1));
	cr_expect(lend__mailbox_is_idle(&box), "a stranger was meant");
	cr_expect(lend__mailbox_rouse_whom(&box, GENERATION));
	cr_expect(!lend__mailbox_is_idle(&box));
	cr_expect(!lend__mailbox_rouse_whom(&box, GENERATION), "roused twice");
	/* Any generation, and whoever means nobody in particular. */
	cr_assert(lend__mailbox_idle(&box, UINT32_MAX));
	cr_expect(!lend__mailbox_rouse_whom(&box, UINT32_MAX >> 1));
	cr_expect(lend__mailbox_rouse_whom(&box, UINT32_MAX));
	cr_assert(lend__mailbox_idle(&box, UINT32_MAX));
	cr_expect(lend__mailbox_rouse(&box));
	cr_assert(lend__mailbox_idle(&box, UINT32_MAX));
	cr_expect(lend__mailbox_push(&box, &mail));
	cr_expect(!lend__mailbox_rouse_whom(&box, UINT32_MAX));
	cr_expect_eq(lend__mailbox_take(&box), &mail);
}

#define SENDERS 3
#define EACH	100000

struct letter {
	struct lend_mail mail;
	unsigned sender;
	unsigned number;
};

static struct lend_mailbox box;
static struct letter letters[SENDERS][EACH];
static atomic_uint wakes;

static void *send_all(void *arg)
{
	unsigned sender = (unsigned)(uintptr_t)arg;

	for (unsigned i = 0; i < EACH; i++) {
		struct letter *letter = &letters[sender][i];

		letter->sender = sender;
		letter->number = i;
		if (lend__mailbox_push(&box, &letter->mail))
			atomic_fetch_add(&wakes, 1);
	}
	return NULL;
}

Test(mailbox, no_wake_is_lost, .timeout = 60)
{
	unsigned next[SENDERS] = { 0 }, taken = 0, sleeps = 0;
	pthread_t threads[SENDERS];

	for (uintptr_t i = 0; i < SENDERS; i++)
		pthread_create(&threads[i], NULL, send_all, (void *)i);
	while (taken < SENDERS * EACH) {
		struct lend_mail *mail = lend__mailbox_take(&box);

		for (; mail; mail = mail->next, taken++) {
			struct letter *letter = (struct letter *)mail;

			cr_assert_eq(letter->number, next[letter->sender]++);
		}
		if (taken == SENDERS * EACH ||
		    !lend__mailbox_idle(&box, GENERATION))
			continue;
		/* Asleep: exactly one sender wakes us. */
		sleeps++;
		while (atomic_load(&wakes) < sleeps)
			sched_yield();
		cr_assert_eq(atomic_load(&wakes), sleeps);
	}
	for (unsigned i = 0; i < SENDERS; i++)
		pthread_join(threads[i], NULL);
}
