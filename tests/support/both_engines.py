# SPDX-License-Identifier: MIT
"""One SELECT over one topic through Spark and through millrace: both tables.

    engines = BothEngines(kafka, spark_python, folder)
    engines.spark({name: (SELECT, records or lists of them per partition, maxOffsetsPerTrigger or None)})
    ours, theirs, differ = engines.compare(name, tmp_path)

`src` is the Kafka source, `dim` a static table. Spark runs all cases of a call in one script, some at a time: most of
an epoch is waiting for one thread. Its rows are kept in memory and written to Delta once, which costs a second less
for every epoch (that Spark's and our commits go together is tests/parity/test_delta_files.py).
"""
import json
import shutil

import delta_read
import spark_session
from millrace import Millrace

AT_ONCE = 3
DIM = "k,name\na,Anna\nb,Bert\nb,Bianca\n,Nobody\n"
SCRIPT = r'''
import json, sys
from spark_session import session
job = json.load(open(sys.argv[1]))
spark = session(**{"spark.sql.parquet.outputTimestampType": "TIMESTAMP_MICROS",
                         "spark.databricks.delta.snapshotPartitions": "1"})
spark.read.csv(job["dim"], header=True, schema="k STRING, name STRING").createOrReplaceTempView("dim")


def start(name, case):
    stream = (spark.readStream.format("kafka").option("kafka.bootstrap.servers", job["server"])
              .option("subscribe", case["topic"]).option("startingOffsets", "earliest"))
    if case["cap"]:
        stream = stream.option("maxOffsetsPerTrigger", case["cap"])
    stream.load().createOrReplaceTempView("src")
    return (spark.sql(case["sql"]).writeStream.format("memory").queryName(name).outputMode("append")
            .trigger(availableNow=True).start())


def finish(name, query, case):
    query.awaitTermination()
    spark.table(name).coalesce(1).write.format("delta").save(case["out"])
    spark.catalog.dropTempView(name)


def tell(case, error=None):
    print("DONE", json.dumps([case["name"], error and str(error)[:2000]]), flush=True)


running, waiting = [], list(enumerate(job["cases"]))
while running or waiting:
    if waiting and len(running) < job["at_once"]:
        n, case = waiting.pop(0)
        try:
            running.append((f"case_{n}", start(f"case_{n}", case), case))
        except Exception as error:
            tell(case, error)
    else:
        name, query, case = running.pop(0)
        try:
            finish(name, query, case)
            tell(case)
        except Exception as error:
            tell(case, error)
'''


class BothEngines:
    made = 0

    def __init__(self, kafka, spark_python, folder):
        self.kafka, self.spark_python, self.folder = kafka, spark_python, folder
        (folder / "dim.csv").write_text(DIM)
        (folder / "script.py").write_text(SCRIPT)
        self.cases, self.ends = {}, {}

    def spark(self, cases, timeout=900):
        """Topics and Spark's tables; a case of the same name is replaced."""
        job = {"server": self.kafka.address, "dim": str(self.folder / "dim.csv"), "cases": [], "at_once": AT_ONCE}
        for name, (sql, records, cap) in cases.items():
            BothEngines.made += 1
            topic = f"parity-{BothEngines.made}"
            lists = records if records and isinstance(records[0], list) else [records]
            self.kafka.create_topic(topic, len(lists))
            self.kafka.produce(topic, [(p, f"key{n}" if n % 3 else None, r, 1_700_000_000_000 + n)
                                       for p, values in enumerate(lists) for n, r in enumerate(values)])
            self.cases[name] = {"name": name, "sql": sql, "topic": topic, "cap": cap,
                                "out": str(self.folder / f"spark-{BothEngines.made}")}
            job["cases"].append(self.cases[name])
        (self.folder / "job.json").write_text(json.dumps(job))
        done = spark_session.run(self.spark_python, self.folder / "script.py", self.folder / "job.json",
                                 timeout=timeout)
        ends = dict(json.loads(line[5:]) for line in done.stdout.splitlines() if line.startswith("DONE "))
        assert ends.keys() == cases.keys(), done.stderr[-3000:]
        self.ends |= ends

    def compare(self, name, folder):
        """(our rows, Spark's rows, what differs or None)"""
        case = self.cases[name]
        if self.ends[name] is not None:
            return [], [], f"Spark fails: {self.ends[name]}"
        shutil.copy(self.folder / "dim.csv", folder)
        cap = f", maxOffsetsPerTrigger => {case['cap']}" if case["cap"] else ""
        (folder / "job.sql").write_text(f"""
CREATE TEMPORARY VIEW src AS SELECT * FROM STREAM read_kafka(bootstrapServers => '{self.kafka.address}',
    subscribe => '{case["topic"]}', startingOffsets => 'earliest'{cap});
CREATE TEMPORARY VIEW dim AS SELECT * FROM read_files('dim.csv', format => 'csv', header => true,
    schema => 'k STRING, name STRING');
CREATE STREAMING TABLE t AS {case["sql"]};
""")
        millrace = Millrace(folder)
        if millrace.run("run", "job.sql", "--available-now", "--summary", timeout=120) != 0:
            return [], [], f"millrace fails: {millrace.output()[-2000:]}"
        if not millrace.summary()["ledger"]["balanced"]:
            return [], [], f"the ledger does not balance: {millrace.summary()['ledger']}"
        theirs = delta_read.read_pyarrow(case["out"])
        ours = delta_read.read(folder / "lake/t") if delta_read.Log(folder / "lake/t").metadata else []
        if theirs and ours and types(folder / "lake/t") != types(case["out"]):
            return ours, theirs, f"types {types(folder / 'lake/t')}, Spark {types(case['out'])}"
        return ours, theirs, delta_read.difference(ours, theirs, ("millrace", "Spark"))


def types(table):
    return [(field["name"], field["type"]) for field in delta_read.Log(table).schema()["fields"]]
