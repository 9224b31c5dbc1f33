/* SPDX-License-Identifier: Apache-2.0 */
/* peers.c: which resolvers talk to the server that we talk to.
 *
 * The kernel's list of Unix-domain sockets tells for each which one it is connected to, and by which path that one was
 * listened for; its list of TCP connections tells the port. So a server is known by the peer of one of our sockets, and a resolver
 * is one that has a socket with the same peer: by path if both go by path, else by port. Processes of others cannot be looked into; they
 * are then not known.
 */
#include "bench/usage.h"

#include <dirent.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <linux/unix_diag.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct peer {
	unsigned inode, peer; /* peer 0: the path is that of the other end */
	char path[108];       /* of the socket; of TCP ":5432", the other end's port */
};

struct peers {
	struct peer *list;
	size_t count, limit;
};

static void push(struct peers *peers, struct peer peer)
{
	if (peers->count == peers->limit) {
		size_t limit = peers->limit == 0 ? 256 : 2 * peers->limit;
		struct peer *list = realloc(peers->list, limit * sizeof *list);
		if (list == NULL)
			return;
		peers->list = list;
		peers->limit = limit;
	}
	peers->list[peers->count++] = peer;
}

static void add(struct peers *peers, const struct nlmsghdr *header)
{
	const struct unix_diag_msg *message = NLMSG_DATA(header);
	struct peer peer = { .inode = message->udiag_ino };
	int rest = (int)header->nlmsg_len - (int)NLMSG_LENGTH(sizeof *message);
	for (struct rtattr *a = (struct rtattr *)(message + 1); RTA_OK(a, rest); a = RTA_NEXT(a, rest)) {
		if (a->rta_type == UNIX_DIAG_PEER)
			memcpy(&peer.peer, RTA_DATA(a), sizeof peer.peer);
		else if (a->rta_type == UNIX_DIAG_NAME && RTA_PAYLOAD(a) < sizeof peer.path)
			memcpy(peer.path, RTA_DATA(a), RTA_PAYLOAD(a));
	}
	push(peers, peer);
}

static void list_unix(struct peers *peers)
{
	struct {
		struct nlmsghdr header;
		struct unix_diag_req request;
	} ask = { { .nlmsg_len = sizeof ask,
				  .nlmsg_type = SOCK_DIAG_BY_FAMILY,
				  .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP },
		{ .sdiag_family = AF_UNIX, .udiag_states = ~0u, .udiag_show = UDIAG_SHOW_NAME | UDIAG_SHOW_PEER } };
	_Alignas(struct nlmsghdr) char answer[16384];
	int door = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
	if (door < 0)
		return;
	bool more = send(door, &ask, sizeof ask, 0) == (ssize_t)sizeof ask;
	while (more) {
		ssize_t got = recv(door, answer, sizeof answer, 0);
		int size = (int)got;
		more = got > 0;
		for (struct nlmsghdr *h = (struct nlmsghdr *)answer; more && NLMSG_OK(h, (unsigned)size);
			 h = NLMSG_NEXT(h, size)) {
			if (h->nlmsg_type == NLMSG_DONE || h->nlmsg_type == NLMSG_ERROR)
				more = false;
			else
				add(peers, h);
		}
	}
	close(door);
}

static void list_tcp(struct peers *peers, const char *name)
{
	char line[512];
	FILE *file = fopen(name, "r");
	while (file != NULL && fgets(line, sizeof line, file) != NULL) {
		struct peer peer = { 0 };
		unsigned port;
		if (sscanf(line, " %*u: %*[0-9A-F]:%*x %*[0-9A-F]:%x %*x %*x:%*x %*x:%*x %*x %*u %*u %u", &port,
				&peer.inode) != 2)
			continue;
		snprintf(peer.path, sizeof peer.path, ":%u", port);
		push(peers, peer);
	}
	if (file != NULL)
		fclose(file);
}

static const struct peer *find(const struct peers *peers, unsigned inode)
{
	for (size_t i = 0; i < peers->count; i++)
		if (peers->list[i].inode == inode)
			return &peers->list[i];
	return NULL;
}

/* Calls back with the path behind each of a process's sockets until that says false. */
static void each_path(
	const struct peers *peers, const char *pid, bool (*on_path)(const char *path, void *arg), void *arg)
{
	char folder[300], name[600], link[64];
	snprintf(folder, sizeof folder, "/proc/%s/fd", pid);
	DIR *files = opendir(folder);
	if (files == NULL)
		return;
	for (struct dirent *file; (file = readdir(files)) != NULL;) {
		unsigned inode;
		snprintf(name, sizeof name, "%s/%s", folder, file->d_name);
		ssize_t size = readlink(name, link, sizeof link - 1);
		link[size > 0 ? size : 0] = '\0';
		if (sscanf(link, "socket:[%u]", &inode) != 1)
			continue;
		const struct peer *own = find(peers, inode);
		const struct peer *other = own == NULL || own->peer == 0 ? own : find(peers, own->peer);
		if (other != NULL && !on_path(other->path, arg))
			break;
	}
	closedir(files);
}

static bool take_path(const char *path, void *arg)
{
	if (path[0] != ':' && strstr(path, "/.s.PGSQL.") == NULL)
		return true;
	snprintf(arg, sizeof(struct peer){ 0 }.path, "%s", path);
	return false;
}

static bool is_same_server(const char *a, const char *b)
{
	if (a[0] == '/' && b[0] == '/')
		return strcmp(a, b) == 0;
	const char *a_port = strrchr(a, a[0] == ':' ? ':' : '.'), *b_port = strrchr(b, b[0] == ':' ? ':' : '.');
	return a_port != NULL && b_port != NULL && strcmp(a_port + 1, b_port + 1) == 0;
}

struct search {
	const char *path;
	bool found;
};

static bool compare_path(const char *path, void *arg)
{
	struct search *search = arg;
	search->found = is_same_server(path, search->path);
	return !search->found;
}

static bool is_resolver(const char *pid)
{
	char path[300], name[32] = "";
	snprintf(path, sizeof path, "/proc/%s/comm", pid);
	FILE *file = fopen(path, "r");
	if (file == NULL)
		return false;
	char *got = fgets(name, sizeof name, file);
	fclose(file);
	return got != NULL && strncmp(name, "verdict-resolve", 15) == 0; /* the kernel keeps 15 bytes of a name */
}

int vd_usage_resolvers(pid_t resolvers[VD_USAGE_RESOLVERS])
{
	struct peers peers = { 0 };
	char path[sizeof(struct peer){ 0 }.path] = "";
	int count = 0;
	list_unix(&peers);
	list_tcp(&peers, "/proc/net/tcp");
	list_tcp(&peers, "/proc/net/tcp6");
	each_path(&peers, "self", take_path, path);
	DIR *processes = path[0] != '\0' ? opendir("/proc") : NULL;
	for (struct dirent *p;
		 processes != NULL && count < VD_USAGE_RESOLVERS && (p = readdir(processes)) != NULL;) {
		struct search search = { .path = path };
		if (p->d_name[0] < '1' || p->d_name[0] > '9' || !is_resolver(p->d_name))
			continue;
		each_path(&peers, p->d_name, compare_path, &search);
		if (search.found)
			resolvers[count++] = (pid_t)atoi(p->d_name);
	}
	if (processes != NULL)
		closedir(processes);
	free(peers.list);
	return count;
}
