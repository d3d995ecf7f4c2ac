#!/usr/bin/env python3
"""DuckDB's, pyarrow's and Polars' side of ./bench parquet: jobs in, times out.

    bench_parquet_peers.py PEER THREADS
      <-- REPEAT JOB ARGUMENT...            a line of standard input
      --> ok SECONDS CPU-SECONDS ANSWER     of one of the repetitions, on average
      --> no TEXT                           the peer cannot do it

The jobs are those of bench_parquet.c. What each peer does for a full scan is the cheapest way found
in which every value of every column is decoded:

DuckDB   SELECT * ... LIMIT 1 OFFSET (beyond the end), without the optimizer rule that would read
         row numbers first. Nothing is done with the decoded vectors; columns with dictionaries come
         as codes and a dictionary. count() and max() are answered from statistics; results as Arrow
         or as Python objects cost more.
pyarrow  ParquetFile.iter_batches: each batch is dropped. Strings are values, not codes.
Polars   scan_parquet().collect(): the whole table in memory.
"""
import os
import sys
import time


class Refused(Exception):
    """The peer cannot do this job."""


class Duck:
    def __init__(self, threads):
        import duckdb
        self.name = "DuckDB " + duckdb.__version__
        self.con, self.scanner = duckdb.connect(), duckdb.connect()
        self.con.execute(f"SET threads={threads}")
        self.scanner.execute(f"SET threads={threads}")
        self.scanner.execute("SET preserve_insertion_order=false")  # else 2 threads are none
        self.scanner.execute("SET disabled_optimizers='late_materialization'")

    def rows(self, sql):
        return self.con.sql(sql).to_arrow_table().num_rows

    def scan(self, path, columns):
        sql = f"SELECT {columns} FROM '{path}' LIMIT 1 OFFSET 1000000000000"
        self.scanner.execute(sql).fetchall()
        return float("nan")  # it does not say how many rows it has seen

    def range(self, path, column, lo, hi):
        return self.rows(f"SELECT * FROM '{path}' WHERE \"{column}\" BETWEEN {lo} AND {hi}")

    def get(self, path, column, keys):
        return sum(self.rows(f"SELECT * FROM '{path}' WHERE \"{column}\" = '{key}'")
                   for key in keys.split(","))

    def open(self, _path):
        self.con.execute("SET parquet_metadata_cache=true")
        return 0

    def get_open(self, path, column, keys):
        return self.get(path, column, keys)

    def sum(self, path, column):
        field = column.split(".")
        value = f'"{column}"'
        if len(field) > 1:  # variant.typed_value.field.typed_value
            value = f"CAST(variant_extract(\"{field[0]}\", '{field[2]}') AS BIGINT)"
        return self.con.execute(f"SELECT sum({value}) FROM '{path}'").fetchall()[0][0]

    def check(self, path):
        about = self.con.execute(f"DESCRIBE SELECT * FROM '{path}'").fetchall()
        sums = []
        for column in about:
            if column[1] == "VARCHAR":
                sums.append(f'sum(strlen("{column[0]}"))')
            elif column[1].startswith("DECIMAL"):
                sums.append(f'100 * sum("{column[0]}")')
            elif column[1] == "DATE":
                sums.append(f"sum(\"{column[0]}\" - DATE '1970-01-01')")
            elif column[1].startswith("TIMESTAMP"):
                sums.append(f'sum(epoch_us("{column[0]}"))')
            elif column[1] != "DOUBLE":
                sums.append(f'sum("{column[0]}")')
        return sum(int(v) for v in self.con.execute(
            f"SELECT {', '.join(sums)} FROM '{path}'").fetchall()[0])

    def load(self, path):
        self.con.execute(f"CREATE OR REPLACE TABLE loaded AS SELECT * FROM '{path}'")
        return 0

    def drop(self):
        self.con.execute("DROP TABLE loaded")
        return 0

    def write(self, codec, path):
        return self.con.execute(f"COPY loaded TO '{path}' "
                                f"(FORMAT parquet, CODEC '{codec}')").fetchall()[0][0]

    def write_groups(self, codec, rows, path):
        return self.con.execute(f"COPY loaded TO '{path}' (FORMAT parquet, CODEC '{codec}', "
                                f"ROW_GROUP_SIZE {rows})").fetchall()[0][0]

    def shred(self, path, to):
        """Documents as a shredded VARIANT; through a struct, so that numbers have one type."""
        shape = ('{"number": "BIGINT", "title": "VARCHAR", "body": "VARCHAR", '
                 '"tags": ["VARCHAR"], "owner": {"name": "VARCHAR", "karma": "BIGINT"}, '
                 '"views": "BIGINT", "price": "DOUBLE", "active": "BOOLEAN", "url": "VARCHAR"}')
        return self.con.execute(f"COPY (SELECT from_json(data, '{shape}')::VARIANT AS v "
                                f"FROM '{path}') TO '{to}' (FORMAT parquet, CODEC 'zstd')"
                                ).fetchall()[0][0]


class Arrow:
    def __init__(self, threads):
        import pyarrow
        import pyarrow.compute
        import pyarrow.parquet
        self.name = "pyarrow " + pyarrow.__version__
        self.pa, self.pc, self.pq = pyarrow, pyarrow.compute, pyarrow.parquet
        self.is_threaded = threads > 1
        pyarrow.set_cpu_count(threads)
        pyarrow.set_io_thread_count(threads)
        self.table = None

    def scan(self, path, columns):
        names = None if columns == "*" else columns.split(",")
        with self.pq.ParquetFile(path) as file:
            return sum(b.num_rows for b in file.iter_batches(
                columns=names, use_threads=self.is_threaded))

    def value_of(self, path, column, text):
        kind = self.pq.read_schema(path).field(column).type
        if self.pa.types.is_integer(kind):
            return int(text)
        return text

    def range(self, path, column, lo, hi):
        lo, hi = self.value_of(path, column, lo), self.value_of(path, column, hi)
        return self.pq.read_table(path, use_threads=self.is_threaded,
                                  filters=[(column, ">=", lo), (column, "<=", hi)]).num_rows

    def get(self, path, column, keys):
        return sum(self.pq.read_table(path, use_threads=self.is_threaded,
                                      filters=[(column, "==", key)]).num_rows
                   for key in keys.split(","))

    def sum(self, path, column):
        with self.pq.ParquetFile(path) as file:
            table = file.read(columns=[column], use_threads=self.is_threaded)
        array = table.column(0)
        for name in column.split(".")[1:]:
            array = self.pc.struct_field(array, name)
        return self.pc.sum(array).as_py()

    def load(self, path):
        self.table = self.pq.read_table(path)
        return 0

    def drop(self):
        self.table = None
        return 0

    def write(self, codec, path):
        self.pq.write_table(self.table, path, compression=codec, row_group_size=122880)
        return self.table.num_rows

    def wide(self, columns, row_groups, path):
        column = self.pa.array([3, 1, 4, 1, 5, 9, 2, 6, 5, 3] * int(row_groups))
        table = self.pa.table({f"c{i}": column for i in range(int(columns))})
        self.pq.write_table(table, path, compression="zstd", row_group_size=10)
        return table.num_rows


class Polars:
    def __init__(self, threads):
        os.environ["POLARS_MAX_THREADS"] = str(threads)
        import polars
        self.name = "Polars " + polars.__version__
        self.pl, self.frame = polars, None

    def lazy(self, path):
        return self.pl.scan_parquet(path, glob=False)

    def collect(self, lazy):
        return lazy.collect(engine="in-memory")

    def scan(self, path, columns):
        lazy = self.lazy(path)
        return self.collect(lazy if columns == "*" else lazy.select(columns.split(","))).height

    def range(self, path, column, lo, hi):
        wanted = self.pl.col(column).is_between(int(lo), int(hi))
        return self.collect(self.lazy(path).filter(wanted)).height

    def get(self, path, column, keys):
        return sum(self.collect(self.lazy(path).filter(self.pl.col(column) == key)).height
                   for key in keys.split(","))

    def sum(self, path, column):
        field = column.split(".")
        value = self.pl.col(field[0])
        for name in field[1:]:
            value = value.struct.field(name)
        return self.collect(self.lazy(path).select(value.sum())).item()

    def load(self, path):
        self.frame = self.pl.read_parquet(path)
        return 0

    def drop(self):
        self.frame = None
        return 0

    def write(self, codec, path):
        self.frame.write_parquet(path, compression=codec, row_group_size=122880)
        return self.frame.height


PEERS = {"duckdb": Duck, "pyarrow": Arrow, "polars": Polars}


def run(peer, line):
    repeat, job, *arguments = line.split()
    action = getattr(peer, job, None)
    if action is None:
        return "no such job"
    start, start_cpu, answer = time.perf_counter(), time.process_time(), 0
    try:
        for _ in range(int(repeat)):
            answer = action(*arguments)
    except Exception as e:  # whatever a peer raises is its answer
        return "no " + " ".join(str(e).split())[:200]
    seconds = (time.perf_counter() - start) / int(repeat)
    cpu = (time.process_time() - start_cpu) / int(repeat)
    return f"ok {seconds:.9f} {cpu:.9f} {answer:.0f}"


def main():
    peer = PEERS[sys.argv[1]](int(sys.argv[2]))
    print("name " + peer.name, flush=True)
    for line in sys.stdin:
        print(run(peer, line), flush=True)


if __name__ == "__main__":
    main()
