/* SPDX-License-Identifier: MIT */
#include <leveldb/c.h>
#include <pthread.h>
#include <stdio.h>
#include <zstd.h>
