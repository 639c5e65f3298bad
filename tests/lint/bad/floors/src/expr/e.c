/* SPDX-License-Identifier: MIT */
#include "sql/ast.h"
#include "sql/parse.h"
#include "base/a_priv.h"
#include "nowhere/n.h"
#include "e.h"
#include "text/t.h"
