/* SPDX-License-Identifier: MIT */
#include "expr/e.h"
#include "missing.h"
