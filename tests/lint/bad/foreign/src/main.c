/* SPDX-License-Identifier: MIT */
#include <sqlite3.h>
#include <uv.h>
