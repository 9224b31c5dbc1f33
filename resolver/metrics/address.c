/* SPDX-License-Identifier: Apache-2.0 */
/* address.c: see address.h. */
#include "resolver/metrics/address.h"

#include "common/base/codes.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

static bool parse_port(const char *text, in_port_t *port)
{
	unsigned number = 0;
	size_t digits = 0;
	for (; text[digits] >= '0' && text[digits] <= '9' && digits < 5; digits++)
		number = number * 10 + (unsigned)(text[digits] - '0');
	*port = htons((in_port_t)number);
	return digits > 0 && text[digits] == '\0' && number <= 65535;
}

/* Host without its brackets, if it had any. */
static bool parse_host(const char *host, bool is_bracketed, in_port_t port, struct vd_address *address)
{
	struct sockaddr_in *four = (struct sockaddr_in *)&address->socket;
	struct sockaddr_in6 *six = (struct sockaddr_in6 *)&address->socket;
	memset(address, 0, sizeof *address);
	if (!is_bracketed && inet_pton(AF_INET, host, &four->sin_addr) == 1) {
		four->sin_family = AF_INET;
		four->sin_port = port;
		address->size = sizeof *four;
		return true;
	}
	if (is_bracketed && inet_pton(AF_INET6, host, &six->sin6_addr) == 1) {
		six->sin6_family = AF_INET6;
		six->sin6_port = port;
		address->size = sizeof *six;
		return true;
	}
	return false;
}

static bool parse(const char *text, struct vd_address *address)
{
	char host[INET6_ADDRSTRLEN + 1] = "127.0.0.1";
	in_port_t port;
	const char *colon = strrchr(text, ':');
	if (!parse_port(colon == NULL ? text : colon + 1, &port))
		return false;
	if (colon == NULL)
		return parse_host(host, false, port, address);
	bool is_bracketed = text[0] == '[' && colon > text && colon[-1] == ']';
	const char *begin = text + is_bracketed;
	size_t size = (size_t)(colon - begin) - is_bracketed;
	if (size == 0 || size >= sizeof host)
		return false;
	memcpy(host, begin, size);
	host[size] = '\0';
	return parse_host(strcmp(host, "localhost") == 0 ? "127.0.0.1" : host, is_bracketed, port, address);
}

int vd_address_parse(const char *text, struct vd_address *address, struct vd_error *error)
{
	if (parse(text, address))
		return 0;
	vd_error_set(error, VD_CODE_INVALID_OPTION_VALUE, "http-listen \"%s\" is not an address", text);
	vd_error_hint(
		error, "a port (9464: on this machine alone), or an address and a port: 10.0.0.5:9464, [::]:9464");
	return error->code;
}

struct vd_address_text vd_address_text_of(const struct sockaddr_storage *socket)
{
	struct vd_address_text out = { "" };
	char host[INET6_ADDRSTRLEN] = "";
	if (socket->ss_family == AF_INET) {
		const struct sockaddr_in *four = (const struct sockaddr_in *)socket;
		inet_ntop(AF_INET, &four->sin_addr, host, sizeof host);
		snprintf(out.text, sizeof out.text, "%s:%u", host, (unsigned)ntohs(four->sin_port));
	} else if (socket->ss_family == AF_INET6) {
		const struct sockaddr_in6 *six = (const struct sockaddr_in6 *)socket;
		inet_ntop(AF_INET6, &six->sin6_addr, host, sizeof host);
		snprintf(out.text, sizeof out.text, "[%s]:%u", host, (unsigned)ntohs(six->sin6_port));
	}
	return out;
}
