/*
 * Names of functions: see symbol.h. dladdr(3) knows only what a module exports,
 * and what gets stuck is mostly static; so the module's own symbol table is
 * searched, each time anew. Called when there is something to complain about,
 * so it may cost milliseconds, and keeps nothing.
 */
#include "base/symbol.h"

#include <dlfcn.h>
#include <elf.h>
#include <fcntl.h>
#include <link.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* A file in memory. */
struct image {
	const char *data;
	size_t size;
};

/* What was found out about an address. */
struct place {
	Dl_info info;
	const struct link_map *map;
};

static bool find_place(const void *address, struct place *ret_place)
{
	void *map = NULL;

	if (!dladdr1(address, &ret_place->info, &map, RTLD_DL_LINKMAP) || !map)
		return false;
	ret_place->map = map;
	return true;
}

static bool open_image(const char *path, struct image *ret_image)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat status;
	void *data = MAP_FAILED;

	if (fd < 0)
		return false;
	if (!fstat(fd, &status) && status.st_size > 0)
		data = mmap(NULL, (size_t)status.st_size, PROT_READ,
			    MAP_PRIVATE, fd, 0);
	close(fd);
	if (data == MAP_FAILED)
		return false;
	*ret_image = (struct image){ data, (size_t)status.st_size };
	return true;
}

/* @count records of @size bytes at @offset; NULL: the file has not so much. */
static const void *table_at(const struct image *image, uint64_t offset,
			    uint64_t count, uint64_t size)
{
	if (offset > image->size || offset % 8 ||
	    count > (image->size - offset) / size)
		return NULL;
	return image->data + offset;
}

static const ElfW(Shdr) *
	find_section(const ElfW(Shdr) * sections, unsigned count, unsigned type)
{
	for (unsigned i = 0; i < count; i++)
		if (sections[i].sh_type == type)
			return &sections[i];
	return NULL;
}

/* The function of the table that @value is in. */
static const ElfW(Sym) *
	find_function(const ElfW(Sym) * symbols, uint64_t count, uint64_t value)
{
	for (uint64_t i = 0; i < count; i++)
		if (ELF64_ST_TYPE(symbols[i].st_info) == STT_FUNC &&
		    symbols[i].st_shndx != SHN_UNDEF &&
		    value >= symbols[i].st_value &&
		    value - symbols[i].st_value < symbols[i].st_size)
			return &symbols[i];
	return NULL;
}

/* Search the symbol table of the file; false: it has none, or not this. */
static bool search(const struct image *image, uint64_t value, char *name,
		   size_t size, uint64_t *ret_offset)
{
	const ElfW(Ehdr) *header = table_at(image, 0, 1, sizeof(*header));
	const ElfW(Shdr) * sections, *table, *texts;
	const ElfW(Sym) * symbols, *found;
	uint64_t count;

	if (!header || memcmp(header->e_ident, ELFMAG, SELFMAG) != 0 ||
	    header->e_shentsize != sizeof(*sections))
		return false;
	sections = table_at(image, header->e_shoff, header->e_shnum,
			    sizeof(*sections));
	if (!sections)
		return false;
	table = find_section(sections, header->e_shnum, SHT_SYMTAB);
	if (!table || table->sh_link >= header->e_shnum)
		return false;
	texts = &sections[table->sh_link];
	count = table->sh_size / sizeof(*symbols);
	symbols = table_at(image, table->sh_offset, count, sizeof(*symbols));
	if (!symbols || texts->sh_offset > image->size ||
	    texts->sh_size > image->size - texts->sh_offset)
		return false;
	found = find_function(symbols, count, value);
	if (!found || found->st_name >= texts->sh_size)
		return false;
	*ret_offset = value - found->st_value;
	snprintf(name, size, "%.*s", (int)(texts->sh_size - found->st_name),
		 image->data + texts->sh_offset + found->st_name);
	return true;
}

static bool find_name(const struct place *place, const void *address,
		      char *name, size_t size, uint64_t *ret_offset)
{
	/* The program itself is the one without a name. */
	const char *path = place->map->l_name[0] ? place->map->l_name :
						   "/proc/self/exe";
	uint64_t value = (uint64_t)(uintptr_t)address - place->map->l_addr;
	struct image image;
	bool found = false;

	if (open_image(path, &image)) {
		found = search(&image, value, name, size, ret_offset);
		munmap((void *)image.data, image.size);
	}
	if (found || !place->info.dli_sname)
		return found;
	snprintf(name, size, "%s", place->info.dli_sname);
	*ret_offset = (uint64_t)((const char *)address -
				 (const char *)place->info.dli_saddr);
	return true;
}

void lend__symbol_print(const void *address, char *text, size_t size)
{
	struct place place;
	const char *module, *slash;
	uint64_t offset;
	char name[128];

	if (!find_place(address, &place)) {
		snprintf(text, size, "%p", address);
		return;
	}
	module = place.info.dli_fname ? place.info.dli_fname : "?";
	slash = strrchr(module, '/');
	module = slash ? slash + 1 : module;
	if (find_name(&place, address, name, sizeof(name), &offset))
		snprintf(text, size, "%s+0x%llx (%s+0x%llx)", name,
			 (unsigned long long)offset, module,
			 (unsigned long long)((uintptr_t)address -
					      place.map->l_addr));
	else
		snprintf(text, size, "%s+0x%llx", module,
			 (unsigned long long)((uintptr_t)address -
					      place.map->l_addr));
}

/* Is @offset in a part of the module that can be run? */
static int is_in_code(struct dl_phdr_info *info, size_t size, void *arg)
{
	uintptr_t address = (uintptr_t) * (const void **)arg;

	(void)size;
	for (unsigned i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *part = &info->dlpi_phdr[i];

		if (part->p_type == PT_LOAD && part->p_flags & PF_X &&
		    part->p_flags & PF_R &&
		    address - info->dlpi_addr - part->p_vaddr < part->p_memsz)
			return 1;
	}
	return 0;
}

bool lend__symbol_is_code(const void *address)
{
	return dl_iterate_phdr(is_in_code, (void *)&address);
}
