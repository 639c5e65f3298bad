/* SPDX-License-Identifier: MIT */
/* pipeline/relations: what SQL can read: read_kafka (a stream) and read_files (a static table). Any thread. */
#ifndef PIPELINE_RELATIONS_H
#define PIPELINE_RELATIONS_H

#include "decode/files.h"
#include "kafka/options.h"
#include "plan/plan.h"

/* The handles of relations, as a query builds from them. */
struct kafka_relation {
    struct kafka_options options;
};
struct files_relation {
    struct files_spec spec;
};

#define RELATION_KINDS 2
/* base_dir: what relative file paths are relative to. Fills kinds[RELATION_KINDS]. */
void relations_fill(struct plan_relation_kind kinds[RELATION_KINDS], const char *base_dir);

#endif
