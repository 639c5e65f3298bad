/* SPDX-License-Identifier: MIT */
#include <uv.h>
#include <sqlite3.h>
