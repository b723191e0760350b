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

/* As many mappings as the process may have: each page its own. Return: what is
 * to be unmapped then. */
static char *take_all_mappings(size_t max)
{
	size_t size = 2 * max * PAGE;
	char *base = mmap(NULL, size, PROT_NONE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	cr_assert(base != MAP_FAILED);
	for (size_t at = PAGE; at < size; at += 2 * PAGE)
		if (mprotect(base + at, PAGE, PROT_READ)) {
			cr_assert_eq(errno, ENOMEM);
			return base;
		}
	cr_assert_fail("more than %zu mappings", max);
	return NULL;
}

/* More than some hundred thousand take too long to make. */
static size_t mappings_max_or_skip(void)
{
	FILE *file = fopen("/proc/sys/vm/max_map_count", "re");
	size_t max = 0;

	if (!file || fscanf(file, "%zu", &max) != 1 || max > 200000)
		cr_skip_test("vm.max_map_count is %zu", max);
	fclose(file);
	return max;
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

static unsigned long read_map_count_max(void)
{
	FILE *file = fopen("/proc/sys/vm/max_map_count", "re");
	unsigned long max = 0;

	if (!file)
		return 0;
	if (fscanf(file, "%lu", &max) != 1)
		max = 0;
	fclose(file);
	return max;
}

/*
 * Goal:   a guard that would be one mapping too many is -ENOMEM, not a crash.
 * Method: use up the mappings by changing every second page of a range.
 */
Test(pages, a_guard_without_a_mapping_left_is_enomem, .timeout = 60)
{
	unsigned long max = read_map_count_max();
	char *base = reserve(3);
	char *filler;
	int error;

	if (max == 0 || max > 300000)
		cr_skip_test("vm.max_map_count is unknown or too high");
	lock_or_skip(base, 3 * PAGE);
	filler = reserve(2 * max);
	for (unsigned long i = 0; i < max; i++)
		if (mprotect(filler + 2 * i * PAGE, PAGE, PROT_NONE))
			break;
	error = lend__pages_guard(base + PAGE, PAGE);
	/* Before anything else: now nobody can allocate. */
	lend__pages_unreserve(filler, 2 * max * PAGE);
	cr_expect_eq(error, -ENOMEM);
	cr_expect_eq(lend__pages_guard(base + PAGE, PAGE), 0);
	lend__pages_unreserve(base, 3 * PAGE);
}

/* As the stacks of three actors, of which the second ends first. */
Test(pages, a_hole_that_can_not_be_made_gives_back_the_memory)
{
	size_t max = mappings_max_or_skip();
	char *base = reserve(3), *others = take_all_mappings(max);

	for (size_t i = 0; i < 3; i++)
		base[i * PAGE] = (char)(1 + i);
	/* It stays as it is refused, also by the kernel. */
	cr_assert(munmap(base + PAGE, PAGE) && errno == ENOMEM);
	lend__pages_unreserve(base + PAGE, PAGE);
	cr_expect(!is_resident(base + PAGE));
	cr_expect_eq(base[0], 1);
	cr_expect_eq(base[2 * PAGE], 3);
	cr_assert_eq(munmap(others, 2 * max * PAGE), 0);
	lend__pages_unreserve(base, 3 * PAGE);
}
