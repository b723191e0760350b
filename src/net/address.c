/*
 * Addresses as text: see include/lend/net.h.
 */
#include <lend/net.h>

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

static int parse_unix(const char *path, struct lend_address *address)
{
	struct sockaddr_un *un = (struct sockaddr_un *)&address->storage;
	size_t size = strlen(path);

	if (!size)
		return -EINVAL;
	if (size >= sizeof(un->sun_path))
		return -ENAMETOOLONG;
	un->sun_family = AF_UNIX;
	memcpy(un->sun_path, path, size + 1);
	address->size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) +
				    size + 1);
	return 0;
}

static int parse_port(const char *text, in_port_t *ret_port)
{
	unsigned port = 0;

	if (!*text || strlen(text) > 5)
		return -EINVAL;
	for (; *text; text++) {
		if (*text < '0' || *text > '9')
			return -EINVAL;
		port = port * 10 + (unsigned)(*text - '0');
	}
	if (port > 65535)
		return -EINVAL;
	*ret_port = htons((uint16_t)port);
	return 0;
}

static int parse_ip(const char *text, struct lend_address *address)
{
	struct sockaddr_in *in = (struct sockaddr_in *)&address->storage;
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&address->storage;
	const char *colon = strrchr(text, ':');
	char host[INET6_ADDRSTRLEN + 1];
	bool bracketed = text[0] == '[';
	size_t size;

	if (!colon)
		return -EINVAL;
	size = (size_t)(colon - text);
	if (bracketed) {
		if (size < 2 || colon[-1] != ']')
			return -EINVAL;
		text++;
		size -= 2;
	}
	if (size >= sizeof(host))
		return -EINVAL;
	memcpy(host, text, size);
	host[size] = '\0';
	if (bracketed) {
		in6->sin6_family = AF_INET6;
		address->size = sizeof(*in6);
		if (inet_pton(AF_INET6, host, &in6->sin6_addr) != 1)
			return -EINVAL;
		return parse_port(colon + 1, &in6->sin6_port);
	}
	in->sin_family = AF_INET;
	address->size = sizeof(*in);
	if (inet_pton(AF_INET, host, &in->sin_addr) != 1)
		return -EINVAL;
	return parse_port(colon + 1, &in->sin_port);
}

int lend_address_parse(const char *text, struct lend_address *ret_address)
{
	struct lend_address address;
	int err;

	if (!text)
		return -EINVAL;
	memset(&address, 0, sizeof(address));
	if (strncmp(text, "unix:", 5) == 0)
		err = parse_unix(text + 5, &address);
	else
		err = parse_ip(text, &address);
	if (!err)
		*ret_address = address;
	return err;
}

void lend_address_format(const struct lend_address *address, char *text)
{
	const struct sockaddr_in *in =
		(const struct sockaddr_in *)&address->storage;
	const struct sockaddr_in6 *in6 =
		(const struct sockaddr_in6 *)&address->storage;
	const struct sockaddr_un *un =
		(const struct sockaddr_un *)&address->storage;
	char host[INET6_ADDRSTRLEN];

	switch (address->storage.ss_family) {
	case AF_INET:
		inet_ntop(AF_INET, &in->sin_addr, host, sizeof(host));
		snprintf(text, LEND_ADDRESS_TEXT_MAX, "%s:%u", host,
			 ntohs(in->sin_port));
		return;
	case AF_INET6:
		inet_ntop(AF_INET6, &in6->sin6_addr, host, sizeof(host));
		snprintf(text, LEND_ADDRESS_TEXT_MAX, "[%s]:%u", host,
			 ntohs(in6->sin6_port));
		return;
	case AF_UNIX:
		/* A peer's unix socket usually has no name. */
		snprintf(text, LEND_ADDRESS_TEXT_MAX, "unix:%s",
			 address->size > offsetof(struct sockaddr_un,
						  sun_path) ?
				 un->sun_path :
				 "");
		return;
	default:
		snprintf(text, LEND_ADDRESS_TEXT_MAX, "?");
	}
}
