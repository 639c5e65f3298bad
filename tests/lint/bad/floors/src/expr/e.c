/* SPDX-License-Identifier: MIT */
#include "e.h"
#include "base/a_priv.h"
#include "nowhere/n.h"
#include "sql/ast.h"
#include "sql/parse.h"
#include "text/t.h"
