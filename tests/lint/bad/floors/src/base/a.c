/* SPDX-License-Identifier: MIT */
#include "base/a.h"
#include "text/t.h"
