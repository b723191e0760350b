/*
 * Goal:   reserved pages cost nothing until touched, released ones read as
 *         zeros, guard pages fault, with and without MADV_GUARD_INSTALL.
 * Method: mincore(2) tells what is resident. The kernel tells whether a page
 *         may be read, by EFAULT, so no signal is needed; test_stack.c lets one
 *         happen. Locked memory refuses the mark, which leads to the mapping.
 */
#include "mem/pages.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "base/bits.h"

#define PAGE ((size_t)LEND_PAGE_SIZE)

static char *reserve(size_t pages)
{
	void *address;

	cr_assert_eq(lend__pages_reserve(pages * PAGE, &address), 0);
	return address;
}

static bool is_resident(char *page)
{
	unsigned char state;

	cr_assert_eq(mincore(page, PAGE, &state), 0);
	return state & 1;
}

/* By hand: under a sanitizer mlock(3) does nothing. */
static void lock_or_skip(char *base, size_t size)
{
	if (syscall(SYS_mlock, base, size))
		cr_skip_test("no locked memory allowed (RLIMIT_MEMLOCK)");
}

static bool is_readable(const char *page)
{
	ssize_t count;
	int fds[2];

	cr_assert_eq(pipe(fds), 0);
	count = write(fds[1], page, 1);
	cr_assert(count == 1 || errno == EFAULT);
	close(fds[0]);
	close(fds[1]);
	return count == 1;
}

Test(pages, cost_nothing_until_touched_one_at_a_time)
{
	/* 4 MiB have room for an aligned huge page, were they allowed. */
	size_t pages = 1024;
	char *base = reserve(pages);
	size_t resident = 0;

	base[512 * PAGE] = 1;
	for (size_t i = 0; i < pages; i++)
		resident += is_resident(base + i * PAGE);
	cr_expect_eq(resident, 1);
	lend__pages_unreserve(base, pages * PAGE);
}

Test(pages, released_ones_are_gone_and_read_as_zeros)
{
	char *base = reserve(3);

	for (unsigned i = 0; i < 3; i++)
		base[i * PAGE] = 'x';
	lend__pages_release(base + PAGE, PAGE);
	lend__pages_release(base, 0);
	cr_expect(is_resident(base));
	cr_expect_not(is_resident(base + PAGE));
	cr_expect(is_resident(base + 2 * PAGE));
	cr_expect_eq(base[0], 'x');
	cr_expect_eq(base[PAGE], 0);
	cr_expect_eq(base[2 * PAGE], 'x');
	lend__pages_unreserve(base, 3 * PAGE);
}

Test(pages, refuses_sizes_that_are_not_pages)
{
	void *address = &address;

	cr_expect_eq(lend__pages_reserve(0, &address), -EINVAL);
	cr_expect_eq(lend__pages_reserve(PAGE + 1, &address), -EINVAL);
	cr_expect_eq(lend__pages_reserve((size_t)1 << 60, &address), -ENOMEM);
	cr_expect_eq(address, &address, "written on success only");
	lend__pages_unreserve(NULL, PAGE);
}

static void expect_guard_between(char *base)
{
	cr_expect_eq(lend__pages_guard(base + PAGE, PAGE), 0);
	cr_expect(is_readable(base));
	cr_expect_not(is_readable(base + PAGE));
	cr_expect(is_readable(base + 2 * PAGE));
	cr_expect_eq(lend__pages_guard(base + PAGE, PAGE), 0, "once more");
	cr_expect_not(is_readable(base + PAGE));
}

Test(pages, a_guard_keeps_off_and_survives_a_release)
{
	char *base = reserve(3);

	base[PAGE] = 'x';
	expect_guard_between(base);
	lend__pages_release(base, 3 * PAGE);
	cr_expect_not(is_readable(base + PAGE));
	lend__pages_unreserve(base, 3 * PAGE);
}

Test(pages, a_guard_in_locked_memory_is_a_mapping)
{
	char *base = reserve(3);

	lock_or_skip(base, 3 * PAGE);
	expect_guard_between(base);
	lend__pages_unreserve(base, 3 * PAGE);
}

static size_t read_map_count_max(void)
{
	FILE *file = fopen("/proc/sys/vm/max_map_count", "re");
	size_t max = 0;

	if (!file)
		return 0;
	if (fscanf(file, "%zu", &max) != 1)
		max = 0;
	fclose(file);
	return max;
}

/* What uses up the mappings: a range of which every second page is changed. */
struct filler {
	char *base;
	size_t pages;
};

static struct filler reserve_filler_or_skip(void)
{
	size_t max = read_map_count_max();

	if (max == 0 || max > 300000)
		cr_skip_test("vm.max_map_count is unknown or too high");
	return (struct filler){ reserve(2 * max), 2 * max };
}

/* From here to unfill() nobody can allocate. */
static void fill(const struct filler *filler)
{
	for (size_t i = 0; i < filler->pages; i += 2)
		if (mprotect(filler->base + i * PAGE, PAGE, PROT_NONE))
			break;
}

static void unfill(const struct filler *filler)
{
	lend__pages_unreserve(filler->base, filler->pages * PAGE);
}

/* Goal: a guard that would be one mapping too many is -ENOMEM, not a crash. */
Test(pages, a_guard_without_a_mapping_left_is_enomem, .timeout = 60)
{
	struct filler filler = reserve_filler_or_skip();
	char *base = reserve(3);
	int error;

	lock_or_skip(base, 3 * PAGE);
	fill(&filler);
	error = lend__pages_guard(base + PAGE, PAGE);
	unfill(&filler);
	cr_expect_eq(error, -ENOMEM);
	cr_expect_eq(lend__pages_guard(base + PAGE, PAGE), 0);
	lend__pages_unreserve(base, 3 * PAGE);
}

/*
 * Goal:   so is a hole: the memory goes back, the addresses stay.
 * Method: three pages are as the stacks of three actors, of which the second
 *         ends first.
 */
Test(pages, a_hole_without_a_mapping_left_gives_back_the_memory, .timeout = 60)
{
	struct filler filler = reserve_filler_or_skip();
	char *base = reserve(3);
	bool refused;

	for (size_t i = 0; i < 3; i++)
		base[i * PAGE] = (char)(1 + i);
	fill(&filler);
	refused = munmap(base + PAGE, PAGE) && errno == ENOMEM;
	if (refused)
		lend__pages_unreserve(base + PAGE, PAGE);
	unfill(&filler);
	cr_assert(refused);
	cr_expect(!is_resident(base + PAGE));
	cr_expect_eq(base[0], 1);
	cr_expect_eq(base[2 * PAGE], 3);
	lend__pages_unreserve(base, 3 * PAGE);
}
