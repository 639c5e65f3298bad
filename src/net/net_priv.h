/* SPDX-License-Identifier: MIT */
/* net/net_priv: what fetch and the WebSocket client share: how a curl handle is made and its failures told. */
#ifndef NET_PRIV_H
#define NET_PRIV_H

#include <curl/curl.h>

#include "net/fetch.h"

#define NET_IDLE_MS 50 /* between two questions whether to go on */

enum err net__easy(const struct fetch_spec *s, CURL **out, struct error *e);
enum err net__failed(CURLcode code, const char *url, struct error *e);

#endif
