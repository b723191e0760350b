/*
 * Which file a request means, and what is answered if it is none: see files.h.
 * file_send.c does the sending.
 *
 * Note [containment]: the kernel decides what is inside the root, not us.
 * openat2() with RESOLVE_BENEATH refuses every step that would leave it, by
 * ".." or by a link, also one that somebody puts there while we look. What we
 * check ourselves (names that begin with a dot) is policy, not safety.
 */
#include "files.h"

#include <errno.h>
#include <fcntl.h>
#include <lend/io.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "file_send.h"
#include "mime.h"
#include "say.h"

#define INDEX	       "index.html"
#define OPEN_AGAIN_MAX 8

bool files_open(struct files *files, const char *root, bool allow_links)
{
	const char *remedy = "give a folder that exists";

	files->allow_links = allow_links;
	files->root_fd = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (files->root_fd >= 0)
		return true;
	if (errno == EACCES)
		remedy =
			"make it readable for this user, or give another folder";
	else if (errno == EMFILE || errno == ENFILE)
		remedy = "raise the limit on open files (ulimit -n)";
	say("--root: cannot open \"%s\": %s; %s", root, strerror(errno),
	    remedy);
	return false;
}

void files_close(struct files *files)
{
	if (files->root_fd >= 0)
		close(files->root_fd);
	files->root_fd = -1;
}

/* ---- names ---- */

/* What begins with a dot is usually not meant for the public (.git, .htpasswd),
 * but RFC 8615 has /.well-known/ for it. */
static bool name_is_hidden(const char *name)
{
	if (name[0] == '.' && strncmp(name, ".well-known/", 12) != 0)
		return true;
	return strstr(name, "/.") != NULL;
}

/* The path below the root, without its first slashes. Nothing valid is longer
 * than PATH_MAX; room for the index is kept. False: there is no such file. */
static bool name_make(struct lend_http_text path, char *name, size_t room)
{
	while (path.size && path.data[0] == '/') {
		path.data++;
		path.size--;
	}
	if (path.size + sizeof(INDEX) > room ||
	    memchr(path.data, '\0', path.size))
		return false;
	memcpy(name, path.data, path.size);
	name[path.size] = '\0';
	return !name_is_hidden(name);
}

/* ---- opening ---- */

static unsigned status_of(int err)
{
	switch (err) {
	case -ENOENT:
	case -ENOTDIR:
	case -ENAMETOOLONG:
	case -ELOOP:
		return 404;
	case -EACCES:
	case -EPERM:
	case -EXDEV: /* out of the root */
	case -ENXIO: /* a socket, or a device without a driver */
	case -ENODEV:
		return 403;
	case -EAGAIN:
	case -EMFILE:
	case -ENFILE:
	case -ENOMEM:
	case -ECANCELED:
		return 503;
	default:
		return 500;
	}
}

static int name_open(const struct files *files, const char *name)
{
	uint64_t resolve = RESOLVE_NO_MAGICLINKS;
	int fd;

	if (!files->allow_links)
		resolve |= RESOLVE_BENEATH;
	/* -EAGAIN: something was renamed while the kernel looked. A FIFO
	 * without a writer would make us wait but for O_NONBLOCK. */
	for (int i = 0; i < OPEN_AGAIN_MAX; i++) {
		fd = lend_openat2(files->root_fd, name[0] ? name : ".",
				  O_RDONLY | O_NONBLOCK | O_NOCTTY, 0, resolve,
				  LEND_FOREVER);
		if (fd != -EAGAIN)
			break;
	}
	return fd;
}

/*
 * Open a file that can be sent.
 *
 * fstat() is called directly: right after an open the kernel has what it asks
 * for, while a statx through the ring always takes a detour over a kernel
 * thread.
 *
 * Return: a descriptor, or a negative errno; -EISDIR: it is a folder.
 */
static int file_open(const struct files *files, const char *name,
		     struct stat *ret_stat)
{
	int fd = name_open(files, name);
	int err = 0;

	if (fd < 0)
		return fd;
	if (fstat(fd, ret_stat))
		err = -errno;
	else if (S_ISDIR(ret_stat->st_mode))
		err = -EISDIR;
	else if (!S_ISREG(ret_stat->st_mode))
		err = -EACCES;
	/* Of a regular file that cannot be read without waiting, io_uring
	 * would otherwise say so instead of waiting. */
	else if (fcntl(fd, F_SETFL, O_RDONLY))
		err = -errno;
	if (!err)
		return fd;
	lend_close(fd);
	return err;
}

/* ---- answers that are not files ---- */

static void refuse(struct lend_http_response *response, unsigned status)
{
	const char *text = status == 403 ? "403 Forbidden\n" :
			   status == 404 ? "404 Not Found\n" :
			   status == 503 ? "503 Service Unavailable\n" :
					   "500 Internal Server Error\n";

	lend_http_reply(response, status, "text/plain; charset=utf-8", text,
			strlen(text));
}

/* A byte that may stand in a path as it is (RFC 3986, unreserved and some of
 * the delimiters); everything else is encoded. */
static bool is_plain(unsigned char byte)
{
	return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') ||
	       (byte >= '0' && byte <= '9') || strchr("-._~/!$&'()*+,=@", byte);
}

/*
 * Send the client to the name with a slash. The location is made of the name
 * that was opened, not of what the client sent: "//host/" would otherwise lead
 * to another host.
 */
static void redirect(const struct lend_http_request *request,
		     struct lend_http_response *response, const char *name)
{
	struct lend_http_text query = lend_http_query(request);
	char location[3584];
	size_t size = 0;

	location[size++] = '/';
	for (; *name && size < sizeof(location) - 8; name++) {
		if (is_plain((unsigned char)*name))
			location[size++] = *name;
		else
			size += (size_t)sprintf(location + size, "%%%02X",
						(unsigned char)*name);
	}
	if (*name || query.size + size + 3 > sizeof(location)) {
		refuse(response, 404);
		return;
	}
	location[size++] = '/';
	if (query.data) {
		location[size++] = '?';
		memcpy(location + size, query.data, query.size);
		size += query.size;
	}
	location[size] = '\0';
	if (lend_http_add_header(response, "Location", location))
		refuse(response, 404);
	else
		lend_http_reply(response, 301, "text/plain; charset=utf-8",
				"301 Moved Permanently\n", 22);
}

void files_handle(struct lend_http_request *request,
		  struct lend_http_response *response, void *arg)
{
	const struct files *files = arg;
	char name[PATH_MAX];
	struct stat stat;
	size_t size;
	bool is_folder;
	int fd;

	if (!name_make(lend_http_path(request), name, sizeof(name))) {
		refuse(response, 404);
		return;
	}
	size = strlen(name);
	is_folder = !size || name[size - 1] == '/';
	if (is_folder)
		memcpy(name + size, INDEX, sizeof(INDEX));
	fd = file_open(files, name, &stat);
	if (fd == -ENOENT && is_folder) {
		/* Is the index missing, or the folder as well? */
		name[size] = '\0';
		fd = file_open(files, name, &stat);
	}
	if (fd >= 0) {
		file_send(request, response, fd, &stat, mime_of(name));
		lend_close(fd);
	} else if (fd != -EISDIR) {
		refuse(response, status_of(fd));
	} else if (is_folder) {
		refuse(response, 403);
	} else {
		redirect(request, response, name);
	}
}
