/*
 * Goal:   how idle a worker is told from its last window, and who may help.
 * Method: times that are set by hand, that of the processor too.
 */
#include "rt/load.h"

#include <criterion/criterion.h>

#include "base/cpu.h"

#define WINDOW LEND_LOAD_WINDOW_NS
#define START  LEND_S

static struct lend_load load, other;
static uint64_t used_ns;

__typeof__(lend__cpu_time) __wrap_lend__cpu_time;
uint64_t __wrap_lend__cpu_time(void)
{
	return used_ns;
}

static void setup(void)
{
	used_ns = LEND_S;
	load = (struct lend_load){ .began_ns = START, .used_ns = used_ns };
	other = load;
}

/* A window, of which it is parked for @parked of 256 parts. */
static void spend(struct lend_load *each, uint64_t *now_ns, unsigned parked)
{
	uint64_t began_ns = *now_ns;

	lend__load_park(each, began_ns);
	*now_ns += WINDOW * parked / LEND_LOAD_WHOLE;
	lend__load_unpark(each, *now_ns);
	*now_ns = began_ns + WINDOW;
	lend__load_look(each, *now_ns);
}

Test(load, is_busy_until_it_is_known, .init = setup)
{
	cr_expect(lend__load_is_busy(&load, START));
	lend__load_park(&load, START);
	lend__load_unpark(&load, START + WINDOW - 1);
	cr_expect(lend__load_is_busy(&load, START + WINDOW - 1));
	lend__load_look(&load, START + WINDOW);
	cr_expect(!lend__load_is_busy(&load, START + WINDOW));
}

/* Whatever the one before has used. */
Test(load, is_busy_in_the_first_window_of_a_thread, .init = setup)
{
	uint64_t now_ns = START;

	spend(&load, &now_ns, LEND_LOAD_WHOLE);
	cr_expect_eq(lend__load_idle(&load, now_ns), LEND_LOAD_WHOLE);
	used_ns = 0;
	spend(&load, &now_ns, LEND_LOAD_WHOLE);
	cr_expect_eq(lend__load_idle(&load, now_ns), 0);
	spend(&load, &now_ns, LEND_LOAD_WHOLE);
	cr_expect_eq(lend__load_idle(&load, now_ns), LEND_LOAD_WHOLE);
}

Test(load, is_that_of_the_last_window, .init = setup)
{
	static const unsigned shares[] = { 0, 1, 63, 64, 128, 255, 256, 0 };
	uint64_t now_ns = START;

	for (size_t i = 0; i < sizeof(shares) / sizeof(shares[0]); i++) {
		spend(&load, &now_ns, shares[i]);
		cr_expect_eq(lend__load_idle(&load, now_ns), shares[i], "%zu",
			     i);
		cr_expect_eq(lend__load_is_busy(&load, now_ns), shares[i] < 64);
	}
}

Test(load, several_parks_add_up, .init = setup)
{
	uint64_t now_ns = START;

	for (unsigned i = 0; i < 8; i++) {
		lend__load_park(&load, now_ns);
		now_ns += WINDOW / 32;
		lend__load_unpark(&load, now_ns);
		now_ns += WINDOW / 8 - WINDOW / 32;
	}
	lend__load_look(&load, now_ns);
	cr_expect_eq(lend__load_idle(&load, now_ns), LEND_LOAD_QUARTER);
}

/* What the kernel does in a park is work. */
Test(load, is_no_more_than_its_thread_leaves, .init = setup)
{
	static const unsigned shares[] = { 0, 64, 200, 256, 300 };
	uint64_t now_ns = START;

	for (size_t i = 0; i < sizeof(shares) / sizeof(shares[0]); i++) {
		unsigned left = shares[i] < 256 ? 256 - shares[i] : 0;

		used_ns += WINDOW * shares[i] / LEND_LOAD_WHOLE;
		spend(&load, &now_ns, 255);
		cr_expect_eq(lend__load_idle(&load, now_ns),
			     left < 255 ? left : 255, "%zu", i);
	}
	/* A thread that waits for a processor is busy. */
	spend(&load, &now_ns, 10);
	cr_expect_eq(lend__load_idle(&load, now_ns), 10);
}

/* Whatever it did before, and though it can not say so itself. */
Test(load, is_idle_when_parked_for_a_window, .init = setup)
{
	lend__load_park(&load, START);
	cr_expect_eq(lend__load_idle(&load, START + WINDOW - 1), 0);
	cr_expect_eq(lend__load_idle(&load, START + WINDOW), LEND_LOAD_WHOLE);
	/* Another thread's clock may be behind. */
	cr_expect_eq(lend__load_idle(&load, START - 1), 0);
	lend__load_unpark(&load, START + 5 * WINDOW);
	cr_expect_eq(lend__load_idle(&load, START + 5 * WINDOW),
		     LEND_LOAD_WHOLE);
}

Test(load, who_helps_is_idle_for_a_quarter_more, .init = setup)
{
	static const struct {
		unsigned helper, busy;
		bool may;
	} cases[] = {
		{ 0, 0, false },    { 63, 0, false },	 { 64, 0, true },
		{ 256, 0, true },   { 100, 37, false },	 { 100, 36, true },
		{ 256, 192, true }, { 256, 193, false }, { 256, 256, false },
		{ 36, 100, false },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint64_t now_ns = START, same_ns = START;

		setup();
		spend(&load, &now_ns, cases[i].helper);
		spend(&other, &same_ns, cases[i].busy);
		cr_expect_eq(lend__load_may_help(&load, &other, now_ns),
			     cases[i].may, "%zu", i);
	}
}
