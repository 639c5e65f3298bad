# SPDX-License-Identifier: MIT
"""Spark with Kafka and Delta, twice: `session` inside a script that Spark's own interpreter runs, `run` to run one.

    done = run(spark_python, script, "--what", "it takes")       the fixture spark_python; script is a Path
    spark = session(driver="1g", shuffles=2, **{"spark.sql.x": "y"})
"""
import glob
import os
import pathlib
import subprocess


def session(driver="1g", shuffles=1, **conf):
    from pyspark.sql import SparkSession
    builder = (SparkSession.builder.master("local[2]").config("spark.jars", os.environ["SPARK_SESSION_JARS"])
               .config("spark.ui.enabled", "false").config("spark.ui.showConsoleProgress", "false")
               .config("spark.sql.session.timeZone", "UTC").config("spark.driver.memory", driver)
               .config("spark.sql.shuffle.partitions", str(shuffles))
               .config("spark.sql.extensions", "io.delta.sql.DeltaSparkSessionExtension")
               .config("spark.sql.catalog.spark_catalog", "org.apache.spark.sql.delta.catalog.DeltaCatalog"))
    for key, value in conf.items():
        builder = builder.config(key, value)
    spark = builder.getOrCreate()
    spark.sparkContext.setLogLevel("OFF")
    return spark


def run(spark_python, script, *args, timeout=280):
    """CompletedProcess of the script, text captured."""
    python, folder = spark_python
    env = {**os.environ, "SPARK_SESSION_JARS": ",".join(glob.glob(os.path.join(folder, "*.jar"))),
           "PYTHONPATH": str(pathlib.Path(__file__).parent)}
    return subprocess.run([python, "-B", str(script), *map(str, args)], capture_output=True, text=True,
                          timeout=timeout, env=env)
