/*
 * Files in memory and their names, which are whole paths: nobody asks for what
 * is in a directory.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernel.h"

#define NAMES_MAX 128
#define LINKS_MAX 8 /* symbolic ones, one after the other */

struct name {
	char path[SIM_PATH_MAX];
	struct sim_inode *inode; /* NULL: it is free */
};

static struct name names[NAMES_MAX];

static struct name *find(const char *path)
{
	for (unsigned i = 0; i < NAMES_MAX; i++)
		if (names[i].inode && strcmp(names[i].path, path) == 0)
			return &names[i];
	return NULL;
}

static int add(const char *path, struct sim_inode *inode)
{
	unsigned i = 0;

	while (i < NAMES_MAX && names[i].inode)
		i++;
	if (i == NAMES_MAX)
		return -ENOSPC;
	snprintf(names[i].path, sizeof(names[i].path), "%s", path);
	names[i].inode = inode;
	inode->references++;
	return 0;
}

static void drop(struct name *name)
{
	struct sim_inode *inode = name->inode;

	name->inode = NULL;
	sim_inode_release(inode);
}

/* With its first name. NULL: there are too many. */
static struct sim_inode *make(const char *path)
{
	struct sim_inode *inode = calloc(1, sizeof(*inode));

	if (!inode)
		abort();
	if (!add(path, inode))
		return inode;
	free(inode);
	return NULL;
}

void sim_inode_release(struct sim_inode *inode)
{
	if (--inode->references == 0)
		free(inode);
}

struct sim_inode *sim_inode_find(const char *path, bool create)
{
	for (unsigned i = 0; i < LINKS_MAX; i++) {
		struct name *name = find(path);

		if (!name)
			return create ? make(path) : NULL;
		if (!name->inode->target[0])
			return name->inode;
		path = name->inode->target;
	}
	return NULL;
}

int sim_inode_resize(struct sim_inode *inode, size_t size)
{
	if (size > SIM_FILE_ROOM)
		return -EFBIG;
	if (size < inode->size)
		memset(inode->data + size, 0, inode->size - size);
	inode->size = size;
	return 0;
}

unsigned sim_name_count(const struct sim_inode *inode)
{
	unsigned count = 0;

	for (unsigned i = 0; i < NAMES_MAX; i++)
		count += names[i].inode == inode;
	return count;
}

/* ---- what changes names ---- */

static int make_directory(const char *path)
{
	struct sim_inode *inode;

	if (find(path))
		return -EEXIST;
	inode = make(path);
	if (!inode)
		return -ENOSPC;
	inode->is_directory = true;
	return 0;
}

static int unlink_name(const char *path, unsigned flags)
{
	struct name *name = find(path);
	bool directory = flags & AT_REMOVEDIR;

	if (!name)
		return -ENOENT;
	if (name->inode->is_directory != directory)
		return directory ? -ENOTDIR : -EISDIR;
	drop(name);
	return 0;
}

static int rename_name(const char *from, const char *to, unsigned flags)
{
	struct name *name = find(from), *other = find(to);

	if (!name)
		return -ENOENT;
	if (other && flags & RENAME_NOREPLACE)
		return -EEXIST;
	if (other == name)
		return 0;
	if (other)
		drop(other);
	snprintf(name->path, sizeof(name->path), "%s", to);
	return 0;
}

static int link_name(const char *from, const char *to)
{
	struct name *name = find(from);

	if (!name)
		return -ENOENT;
	if (find(to))
		return -EEXIST;
	return name->inode->is_directory ? -EPERM : add(to, name->inode);
}

static int link_symbolically(const char *target, const char *path)
{
	struct sim_inode *inode;

	if (find(path))
		return -EEXIST;
	inode = make(path);
	if (!inode)
		return -ENOSPC;
	snprintf(inode->target, sizeof(inode->target), "%s", target);
	return 0;
}

int32_t sim_name_attempt(struct sim_req *req)
{
	/* Nothing is done then. */
	if (sim_fault())
		return -EIO;
	switch (req->sqe.opcode) {
	case IORING_OP_MKDIRAT:
		return make_directory(req->path);
	case IORING_OP_UNLINKAT:
		return unlink_name(req->path, req->sqe.unlink_flags);
	case IORING_OP_RENAMEAT:
		return rename_name(req->path, req->path_2,
				   req->sqe.rename_flags);
	case IORING_OP_LINKAT:
		return link_name(req->path, req->path_2);
	default:
		return link_symbolically(req->path, req->path_2);
	}
}
