/* SPDX-License-Identifier: MIT */
/* read_kafka() and read_files() as Spark's readers. Options keep their names where Spark has them. */
#include <string.h>
#include <strings.h>

#include "export/export_priv.h"
#include "kafka/options.h"

/* ---- read_kafka ---- */

/* Names that are Databricks' or librdkafka's. NULL: Spark's Kafka client has nothing like it. */
static const struct {
    const char *ours, *spark;
} renamed[] = {{"bootstrapServers", "kafka.bootstrap.servers"},
               {"kafka.sasl.mechanisms", "kafka.sasl.mechanism"},
               {"kafka.ssl.ca.location", "kafka.ssl.truststore.location"},
               {"kafka.socket.timeout.ms", "kafka.request.timeout.ms"},
               {"kafka.ssl.certificate.location", NULL},
               {"kafka.ssl.key.location", NULL}};

static const struct ast_expr *argument(const struct ast_expr *call, const char *name)
{
    for (int i = 0; i < call->n_args; i++)
        if (call->names && call->names[i] && strcasecmp(call->names[i], name) == 0)
            return call->args[i];
    return NULL;
}

/* A secret may come in by a parameter only, which then has no default in what is written. */
static bool secret(struct exporter *x, const char *name, const struct ast_expr *value)
{
    if (!kafka_setting_is_secret(name))
        return true;
    if (!rewrite_has_params(&x->source, value->place))
        return export__refuse(x, value->place, "write it as '${password}' and give --param password=..",
                              "%s would stand in the exported text", name);
    for (int i = 0; i < x->r->fills->n; i++) {
        struct place p = x->r->fills->items[i].place;
        if (p.at >= value->place.at && p.at + p.length <= value->place.at + value->place.length &&
            x->n_secret_params < 64)
            x->secret_params[x->n_secret_params++] = x->r->params->names[x->r->fills->items[i].param];
    }
    return true;
}

static bool plain_option(struct exporter *x, const char *name, const struct ast_expr *value, struct buf *out)
{
    const char *spark = name;
    for (size_t i = 0; i < sizeof renamed / sizeof renamed[0]; i++)
        if (strcasecmp(renamed[i].ours, name) == 0)
            spark = renamed[i].spark;
    if (!spark)
        return export__refuse(x, value->place, "give a PEM keystore: kafka.ssl.keystore.location",
                              "Spark's Kafka client has no option like %s", name);
    buf_puts(out, "    .option(");
    export__python_string(spark, out);
    buf_puts(out, ", ");
    if (!secret(x, name, value) || !export__python_argument(x, value, out))
        return false;
    buf_puts(out, ")\n");
    if (strcasecmp(name, "kafka.ssl.ca.location") == 0)
        buf_puts(out, "    .option(\"kafka.ssl.truststore.type\", \"PEM\")\n");
    return true;
}

/* User and password are one option of the Java client. */
static bool login(struct exporter *x, const struct ast_expr *call, struct buf *out)
{
    const struct ast_expr *user = argument(call, "kafka.sasl.username"),
                          *password = argument(call, "kafka.sasl.password"),
                          *mechanism = argument(call, "kafka.sasl.mechanism");
    if (!user && !password)
        return true;
    if (!user || !password)
        return export__refuse(x, call->place, "give both", "a user and a password belong together");
    if (!mechanism)
        mechanism = argument(call, "kafka.sasl.mechanisms");
    bool scram = mechanism && mechanism->kind == AST_STRING && strncasecmp(mechanism->text, "SCRAM", 5) == 0;
    buf_printf(out,
               "    .option(\"kafka.sasl.jaas.config\",\n"
               "            'org.apache.kafka.common.security.%sLoginModule required username=\"' + ",
               scram ? "scram.Scram" : "plain.Plain");
    if (!export__python_argument(x, user, out))
        return false;
    buf_puts(out, "\n            + '\" password=\"' + ");
    if (!secret(x, "kafka.sasl.password", password) || !export__python_argument(x, password, out))
        return false;
    buf_puts(out, " + '\";')\n");
    return true;
}

/* The positions of the hand-over for the topics of this call, in Spark's JSON. */
static void handed_over(struct exporter *x, const struct ast_expr *call, struct buf *out)
{
    const struct export_handover *h = x->r->handover;
    const struct ast_expr        *subscribe = argument(call, "subscribe");
    const char                   *topic = NULL;
    buf_puts(out, "    .option(\"startingOffsets\", '{");
    for (int i = 0; i < h->n; i++) {
        const struct export_position *p = &h->positions[i];
        if (subscribe && subscribe->kind == AST_STRING && !export__in_list(subscribe->text, p->topic))
            continue;
        bool again = topic && strcmp(topic, p->topic) == 0;
        buf_printf(out, "%s%s%s%s\"%d\": %lld",
                   again   ? ", "
                   : topic ? "}, \""
                           : "\"",
                   again ? "" : p->topic, again ? "" : "\": {", "", (int)p->partition, (long long)p->offset);
        topic = p->topic;
    }
    buf_printf(out, "%s}')\n", topic ? "}" : "");
}

bool export__kafka_reader(struct exporter *x, const struct ast_expr *call, struct buf *out)
{
    buf_puts(out, "(spark.readStream.format(\"kafka\")\n");
    for (int i = 0; i < call->n_args; i++) {
        const char *name = call->names[i];
        bool        start = strncasecmp(name, "starting", 8) == 0;
        if (strcasecmp(name, "kafka.sasl.username") == 0 || strcasecmp(name, "kafka.sasl.password") == 0 ||
            (start && x->r->handover))
            continue;
        if (!plain_option(x, name, call->args[i], out))
            return false;
    }
    if (!login(x, call, out))
        return false;
    if (x->r->handover)
        handed_over(x, call, out);
    if (!argument(call, "kafka.isolation.level")) /* Spark's default reads aborted transactions too */
        buf_puts(out, "    .option(\"kafka.isolation.level\", \"read_committed\")\n");
    buf_puts(out, "    .load())");
    return true;
}

/* ---- read_files ---- */

static bool file_path(struct exporter *x, const struct ast_expr *path, struct buf *out)
{
    bool relative = path->kind != AST_STRING || path->text[0] != '/';
    if (!relative)
        return export__python_argument(x, path, out);
    buf_puts(out, "os.path.join(files, ");
    if (!export__python_argument(x, path, out))
        return false;
    buf_puts(out, ")");
    return true;
}

static bool is_true(const struct ast_expr *v)
{
    return v->kind == AST_BOOLEAN ? v->integer != 0 : v->text && strcasecmp(v->text, "true") == 0;
}

bool export__files_reader(struct exporter *x, const struct ast_expr *call, struct buf *out)
{
    const struct ast_expr *format = argument(call, "format"), *path = NULL, *schema = argument(call, "schema"),
                          *header = argument(call, "header"), *separator = argument(call, "sep");
    for (int i = 0; i < call->n_args && !path; i++)
        if (!call->names || !call->names[i])
            path = call->args[i];
    bool json = format ? format->text && strcasecmp(format->text, "json") == 0
                       : path->text && (strstr(path->text, ".json") || strstr(path->text, ".ndjson"));
    if (!separator)
        separator = argument(call, "delimiter");
    buf_printf(out, "spark.read.%s(", json ? "json" : "csv");
    if (!file_path(x, path, out))
        return false;
    buf_puts(out, ", schema=");
    if (!export__python_argument(x, schema, out))
        return false;
    if (!json && header && is_true(header))
        buf_puts(out, ", header=True");
    if (!json && separator) {
        buf_puts(out, ", sep=");
        if (!export__python_argument(x, separator, out))
            return false;
    }
    buf_puts(out, ")");
    return true;
}
