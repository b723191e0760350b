/*
 * A plain program, which knows nothing of the library: the shim must leave it
 * as it is. Exits with 0 if all is well.
 */
#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define NEED(condition)                                                        \
	do {                                                                   \
		if (!(condition)) {                                            \
			printf("%d: %s\n", __LINE__, #condition);              \
			return 1;                                              \
		}                                                              \
	} while (0)

int main(void)
{
	struct timespec brief = { 0, 1000000 };
	struct addrinfo hints = { .ai_flags = AI_NUMERICHOST }, *list;
	struct pollfd polled = { .events = POLLIN };
	char data[8];
	int fds[2], status;
	pid_t child;

	NEED(socketpair(AF_UNIX, SOCK_STREAM, 0, fds) == 0);
	child = fork();
	if (child == 0) {
		usleep(10000);
		_exit(write(fds[1], "abc", 3) != 3);
	}
	polled.fd = fds[0];
	NEED(poll(&polled, 1, -1) == 1);
	NEED(recv(fds[0], data, sizeof(data), 0) == 3);
	NEED(!memcmp(data, "abc", 3));
	NEED(waitpid(child, &status, 0) == child && status == 0);
	NEED(recv(fds[0], data, 1, MSG_DONTWAIT) == -1 && errno == EAGAIN);
	NEED(nanosleep(&brief, NULL) == 0);
	NEED(getaddrinfo("127.0.0.1", "80", &hints, &list) == 0);
	freeaddrinfo(list);
	NEED(close(fds[0]) == 0 && close(fds[0]) == -1 && errno == EBADF);
	puts("plain");
	return 0;
}
