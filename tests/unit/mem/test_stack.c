/*
 * Goal:   a slot's lowest page faults and the fault's address names the slot;
 *         trimming gives memory back; addresses and slots map to each other;
 *         the tops of stacks are pages of all sets; sizes out of range are
 *         refused; the same of a stack in no slot.
 * Method: real faults, caught on another stack; mincore(2) for what is there.
 */
#include "mem/stack.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>

#include <criterion/criterion.h>

#define PAGE ((size_t)LEND_PAGE_SIZE)
#define SLOT ((size_t)64 * 1024)

static struct lend_stacks stacks;
static sigjmp_buf after_fault;
static void *volatile fault_address;

static void open_stacks(void)
{
	cr_assert_eq(lend__stacks_init(&stacks, 4, SLOT), 0);
}

static void close_stacks(void)
{
	lend__stacks_fini(&stacks);
}

TestSuite(stack, .init = open_stacks, .fini = close_stacks, .timeout = 60);

static void catch_fault(int number, siginfo_t *info, void *context)
{
	(void)number;
	(void)context;
	fault_address = info->si_addr;
	siglongjmp(after_fault, 1);
}

/* The address that a write to @address faulted at, or NULL. */
static void *fault_of_write(char *address)
{
	struct sigaction action = {
		.sa_sigaction = catch_fault,
		.sa_flags = SA_SIGINFO,
	};

	fault_address = NULL;
	cr_assert_eq(sigaction(SIGSEGV, &action, NULL), 0);
	if (!sigsetjmp(after_fault, 1))
		*(volatile char *)address = 1;
	return fault_address;
}

static bool is_in_guard(unsigned index, const void *address)
{
	struct lend_stack stack = lend__stacks_at(&stacks, index);

	return lend__stack_guards(&stack, address);
}

Test(stack, every_guard_faults_and_names_its_slot)
{
	for (unsigned i = 0; i < 4; i++) {
		char *low = lend__stacks_low(&stacks, i);

		cr_assert_eq(lend__stacks_prepare(&stacks, i), 0);
		cr_expect_null(fault_of_write(low));
		cr_expect_null(fault_of_write(
			(char *)lend__stacks_high(&stacks, i) - 1));
		cr_expect_eq(fault_of_write(low - 1), low - 1);
		cr_expect(is_in_guard(i, fault_address));
		cr_expect_eq(fault_of_write(low - PAGE), low - PAGE);
		cr_expect(is_in_guard(i, fault_address));
		cr_expect_not(is_in_guard(i, low));
		cr_expect_not(is_in_guard(i, low - PAGE - 1));
	}
}

Test(stack, an_overflow_is_a_segmentation_fault, .signal = SIGSEGV)
{
	/* AddressSanitizer has a handler that would turn it into a report. */
	signal(SIGSEGV, SIG_DFL);
	cr_assert_eq(lend__stacks_prepare(&stacks, 1), 0);
	*((volatile char *)lend__stacks_low(&stacks, 1) - 1) = 1;
}

Test(stack, an_unprepared_slot_has_no_guard)
{
	char *low = lend__stacks_low(&stacks, 2);

	cr_expect_null(fault_of_write(low - 1));
}

Test(stack, preparing_twice_changes_nothing)
{
	char *low = lend__stacks_low(&stacks, 0);

	cr_assert_eq(lend__stacks_prepare(&stacks, 0), 0);
	*low = 'x';
	cr_assert_eq(lend__stacks_prepare(&stacks, 0), 0);
	cr_expect_eq(*low, 'x');
	cr_expect_eq(fault_of_write(low - 1), low - 1);
}

static size_t resident_pages(unsigned index)
{
	unsigned char states[SLOT / LEND_PAGE_SIZE + 1];
	size_t pages = 0;

	cr_assert_eq(mincore((char *)lend__stacks_low(&stacks, index) - PAGE,
			     sizeof(states) * PAGE, states),
		     0);
	for (size_t i = 0; i < sizeof(states); i++)
		pages += states[i] & 1;
	return pages;
}

Test(stack, trimming_gives_memory_back_and_keeps_the_guard)
{
	char *low = lend__stacks_low(&stacks, 1);
	char *high = lend__stacks_high(&stacks, 1);

	cr_assert_eq(lend__stacks_prepare(&stacks, 1), 0);
	memset(low, 'x', (size_t)(high - low));
	memset(lend__stacks_low(&stacks, 2), 'y', PAGE);
	cr_assert_eq(resident_pages(1), SLOT / PAGE);

	lend__stacks_trim(&stacks, 1, high - 2 * PAGE + 100);
	cr_expect_eq(resident_pages(1), 2, "the page that is used in part too");
	cr_expect_eq(high[-1], 'x');
	cr_expect_eq(high[-2 * (long)PAGE], 'x');
	cr_expect_eq(high[-2 * (long)PAGE - 1], 0);
	cr_expect_eq(fault_of_write(low - 1), low - 1);

	lend__stacks_trim(&stacks, 1, low + 1);
	cr_expect_eq(high[-1], 'x', "nothing below: nothing given back");
	lend__stacks_trim(&stacks, 1, high);
	cr_expect_eq(resident_pages(1), 0);
	cr_expect_eq(*(char *)lend__stacks_low(&stacks, 2), 'y');
}

Test(stack, trimming_to_another_slot_is_a_panic, .signal = SIGABRT)
{
	lend__stacks_trim(&stacks, 1,
			  (char *)lend__stacks_high(&stacks, 1) + 1);
}

Test(stack, an_address_names_its_slot)
{
	char *base = (char *)lend__stacks_low(&stacks, 0) - PAGE;

	for (unsigned i = 0; i < 4; i++) {
		char *low = lend__stacks_low(&stacks, i);
		char *high = lend__stacks_high(&stacks, i);

		cr_expect_eq(high - low, (ptrdiff_t)SLOT);
		cr_expect_eq(lend__stacks_index(&stacks, low - PAGE), (int)i);
		cr_expect_eq(lend__stacks_index(&stacks, low), (int)i);
		cr_expect_eq(lend__stacks_index(&stacks, high - 1), (int)i);
	}
	cr_expect_eq(lend__stacks_index(&stacks, base - 1), -1);
	cr_expect_eq(lend__stacks_index(&stacks, base + 4 * (SLOT + PAGE)), -1);
	cr_expect_eq(lend__stacks_index(&stacks, NULL), -1);
	cr_expect_eq(lend__stacks_index(&stacks, (void *)UINTPTR_MAX), -1);
}

/* Note [apart]: which of 128 sets a page is in, as far as its number says. */
static void expect_all_sets(size_t size)
{
	struct lend_stacks other;
	bool seen[128] = { false };

	cr_assert_eq(lend__stacks_init(&other, 128, size), 0);
	for (unsigned i = 0; i < 128; i++) {
		char *high = lend__stacks_high(&other, i);
		unsigned set = (uintptr_t)(high - 1) / PAGE % 128;

		cr_expect_not(seen[set], "slot %u of %zu bytes", i, size);
		seen[set] = true;
	}
	lend__stacks_fini(&other);
}

Test(stack, tops_of_neighbours_are_in_different_sets)
{
	expect_all_sets(LEND_STACK_SIZE_MIN);
	expect_all_sets(SLOT);
	expect_all_sets(LEND_STACK_SIZE_MAX);
}

Test(stack, refuses_sizes_out_of_range)
{
	struct lend_stacks other = { 0 };

	cr_expect_eq(lend__stacks_init(&other, 0, SLOT), -EINVAL);
	cr_expect_eq(lend__stacks_init(&other, LEND_STACK_SLOTS_MAX + 1, SLOT),
		     -EINVAL);
	cr_expect_eq(lend__stacks_init(&other, 1, 0), -EINVAL);
	cr_expect_eq(lend__stacks_init(&other, 1, SLOT + PAGE), -EINVAL);
	cr_expect_eq(lend__stacks_init(&other, 1, LEND_STACK_SIZE_MIN / 2),
		     -EINVAL);
	cr_expect_eq(lend__stacks_init(&other, 1, LEND_STACK_SIZE_MAX * 2),
		     -EINVAL);
	cr_expect_null(other.base);
}

static void expect_last_slot(unsigned slots, size_t slot_size)
{
	struct lend_stacks other;
	char *low;

	cr_assert_eq(lend__stacks_init(&other, slots, slot_size), 0);
	low = lend__stacks_low(&other, slots - 1);
	cr_expect_eq(lend__stacks_prepare(&other, slots - 1), 0);
	*low = 1;
	cr_expect_eq(lend__stacks_index(&other, low), (int)slots - 1);
	cr_expect_eq(fault_of_write(low - 1), low - 1);
	lend__stacks_fini(&other);
}

Test(stack, the_smallest_and_the_largest_sizes_work)
{
	expect_last_slot(1, LEND_STACK_SIZE_MIN);
	expect_last_slot(2, LEND_STACK_SIZE_MAX);
	expect_last_slot(LEND_STACK_SLOTS_MAX, LEND_STACK_SIZE_MIN);
}

/* ---- in no slot ---- */

Test(stack, one_in_no_slot_has_a_guard_and_all_its_bytes)
{
	struct lend_stack stack;

	cr_assert_eq(lend__stack_map(20 * PAGE - 5, &stack), 0);
	cr_expect_eq(stack.high - stack.low, (ptrdiff_t)(20 * PAGE));
	cr_expect_null(fault_of_write(stack.low));
	cr_expect_null(fault_of_write(stack.high - 1));
	cr_expect_eq(fault_of_write(stack.low - 1), stack.low - 1);
	cr_expect(lend__stack_guards(&stack, fault_address));
	cr_expect_eq(fault_of_write(stack.low - PAGE), stack.low - PAGE);
	cr_expect(lend__stack_guards(&stack, fault_address));
	cr_expect_not(lend__stack_guards(&stack, stack.low));
	cr_expect_not(lend__stack_guards(&stack, stack.low - PAGE - 1));
	cr_expect_not(lend__stack_guards(&stack, NULL));
	lend__stack_unmap(&stack);
	cr_expect_eq(lend__stack_touched(&stack), 0, "of one that is no more");
	cr_expect_not_null(fault_of_write(stack.high - 1));
}

Test(stack, what_is_touched_is_told_and_trimmed)
{
	const size_t size = 500 * PAGE; /* more than one look's */
	struct lend_stack stack;

	cr_assert_eq(lend__stack_map(size, &stack), 0);
	cr_expect_eq(lend__stack_touched(&stack), 0);
	stack.high[-1] = 'x';
	stack.high[-10 * (long)PAGE] = 'x';
	cr_expect_eq(lend__stack_touched(&stack), 10 * PAGE);
	cr_expect_eq(lend__stack_resident(&stack), 2 * PAGE);
	memset(stack.low, 'y', size);
	cr_expect_eq(lend__stack_touched(&stack), size);
	cr_expect_eq(lend__stack_resident(&stack), size);
	lend__stack_trim(&stack, stack.high - PAGE - 1);
	cr_expect_eq(lend__stack_resident(&stack), 2 * PAGE);
	cr_expect_eq(stack.high[-1], 'y');
	cr_expect_eq(fault_of_write(stack.low - 1), stack.low - 1);
	lend__stack_unmap(&stack);
}

Test(stack, sizes_of_one_in_no_slot)
{
	struct lend_stack stack = { NULL, NULL };

	cr_expect_eq(lend__stack_map(0, &stack), -EINVAL);
	cr_expect_eq(lend__stack_map(LEND_STACK_OWN_SIZE_MAX + 1, &stack),
		     -EINVAL);
	cr_expect_null(stack.low);
	cr_assert_eq(lend__stack_map(1, &stack), 0);
	cr_expect_eq(stack.high - stack.low, (ptrdiff_t)PAGE);
	lend__stack_unmap(&stack);
	cr_assert_eq(lend__stack_map(LEND_STACK_OWN_SIZE_MAX, &stack), 0);
	cr_expect_null(fault_of_write(stack.low));
	lend__stack_unmap(&stack);
}

/* An array that nobody has filled, with frames below it. */
Test(stack, what_is_touched_below_what_is_not_is_told)
{
	const size_t size = (size_t)9 << 20;
	struct lend_stack stack;

	cr_assert_eq(lend__stack_map(size, &stack), 0);
	stack.high[-1] = 'x';
	stack.high[-(long)(PAGE + ((size_t)7 << 20))] = 'x';
	cr_expect_eq(lend__stack_touched(&stack), PAGE + ((size_t)7 << 20));
	cr_expect_eq(lend__stack_resident(&stack), 2 * PAGE);
	lend__stack_unmap(&stack);
}
