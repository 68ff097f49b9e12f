/* SPDX-License-Identifier: MIT */
/*
 * Datagrams keep one order apart from the next and are sent or not sent as a whole. Nobody waits: where a worker has
 * not read its orders for long, the sender goes on and says how many it could tell.
 */
#include "orders.h"

#include "log.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

int orders_open(struct host *host)
{
	unsigned workers = host->options->workers;

	host->orders = calloc(workers, sizeof(*host->orders));
	if (host->orders == NULL)
		return -ENOMEM;
	for (unsigned i = 0; i < workers; i++)
		host->orders[i][0] = host->orders[i][1] = -1;
	for (unsigned i = 0; i < workers; i++) {
		if (socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, host->orders[i]) < 0) {
			int result = -errno;

			log_event("cannot connect the workers: %s", strerrordesc_np(-result));
			orders_close(host);
			return result;
		}
	}
	return 0;
}

void orders_close(struct host *host)
{
	for (unsigned i = 0; host->orders != NULL && i < host->options->workers; i++) {
		for (unsigned end = 0; end < 2; end++) {
			if (host->orders[i][end] >= 0)
				close(host->orders[i][end]);
		}
	}
	free(host->orders);
	host->orders = NULL;
}

unsigned orders_send_drop(const struct host *host, unsigned sender, const char *component)
{
	unsigned told = 0;

	for (unsigned i = 0; i < host->options->workers; i++) {
		if (i != sender && send(host->orders[i][1], component, strlen(component), MSG_NOSIGNAL) > 0)
			told++;
	}
	return told;
}

bool orders_receive(const struct host *host, unsigned receiver, char component[SHMQ_NAME_MAX + 1])
{
	ssize_t size = recv(host->orders[receiver][0], component, SHMQ_NAME_MAX, 0);

	if (size <= 0)
		return false;
	component[size] = '\0';
	return true;
}
