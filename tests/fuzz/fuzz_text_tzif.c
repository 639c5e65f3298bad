/* SPDX-License-Identifier: MIT */
/* A time zone file of anybody's making: rules whose every moment has an offset, or a refusal. */
#include "base/alloc.h"
#include "text/zone.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct zone_rules *rules;
    struct error       e;
    if (tzif_parse(data, size, &rules, &e) != OK)
        return 0;
    const struct zone z = {rules, 0};
    const int64_t     moments[] = {INT64_MIN, 0, (int64_t)4102444800 * 1000000, INT64_MAX};
    for (int i = 0; i < 4; i++) {
        struct zone_span at = zone_at(&z, moments[i]), local = zone_at_local(&z, moments[i]);
        CHECK(at.from_us <= moments[i] && moments[i] <= at.to_us);
        CHECK(local.from_us <= moments[i] && moments[i] <= local.to_us);
    }
    for (uint32_t i = 1; i < rules->n; i++)
        CHECK(rules->at_us[i - 1] < rules->at_us[i] && rules->local_us[i - 1] <= rules->local_us[i]);
    mem_free(rules);
    return 0;
}
