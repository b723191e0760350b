/*
 * Extended attributes of files: a few, of a few bytes each.
 */
#include <errno.h>
#include <string.h>
#include <sys/xattr.h>

#include "kernel.h"

static struct sim_inode *inode_of(const struct sim_req *req)
{
	return req->file ? req->file->inode : sim_inode_find(req->path, false);
}

/* The one of that name; a free one for "". */
static struct sim_attribute *find(struct sim_inode *inode, const char *name)
{
	for (unsigned i = 0; i < SIM_ATTRIBUTES_MAX; i++)
		if (strcmp(inode->attributes[i].name, name) == 0)
			return &inode->attributes[i];
	return NULL;
}

int32_t sim_attribute_set(struct sim_req *req)
{
	struct sim_inode *inode = inode_of(req);
	const struct iovec *value = &req->parts[0];
	struct sim_attribute *attribute;

	if (!inode)
		return -ENOENT;
	if (sim_fault())
		return -EIO;
	attribute = find(inode, req->path_2);
	if (attribute && req->sqe.xattr_flags & XATTR_CREATE)
		return -EEXIST;
	if (!attribute && req->sqe.xattr_flags & XATTR_REPLACE)
		return -ENODATA;
	if (!attribute)
		attribute = find(inode, "");
	if (!attribute || value->iov_len > SIM_VALUE_MAX)
		return -ENOSPC;
	memcpy(attribute->name, req->path_2, SIM_PATH_MAX);
	memcpy(attribute->value, value->iov_base, value->iov_len);
	attribute->size = value->iov_len;
	return 0;
}

int32_t sim_attribute_get(struct sim_req *req)
{
	struct sim_inode *inode = inode_of(req);
	const struct iovec *value = &req->parts[0];
	const struct sim_attribute *attribute;

	if (!inode)
		return -ENOENT;
	if (sim_fault())
		return -EIO;
	attribute = find(inode, req->path_2);
	if (!attribute)
		return -ENODATA;
	if (value->iov_len && value->iov_len < attribute->size)
		return -ERANGE;
	if (value->iov_len)
		memcpy(value->iov_base, attribute->value, attribute->size);
	return (int32_t)attribute->size;
}
