/* SPDX-License-Identifier: MIT */
#ifndef A
