/* SPDX-License-Identifier: MIT */
#include "sql/ast.h"
#include "sql/lexer.h"
#include "base/a_priv.h"
#include "nowhere/n.h"
#include "e.h"
#include "text/t.h"
