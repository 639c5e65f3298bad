/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <zstd.h>
#include <leveldb/c.h>
#include <pthread.h>
