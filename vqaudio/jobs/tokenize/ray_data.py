"""Tokenizing on a Ray cluster: Ray Data hands the files out, an actor with a codec tokenizes a batch, rows come back.

    sources -> blocks of a few files -> actors: the readers and encoders of `LocalRun` -> outcomes, in order

A worker that dies is started again, and its block with it: what it had not handed over, nobody has seen.  Recordings
and a codec's folder are read where the workers are, under the same paths as here.
"""

import json
import logging
import os
import queue
import socket
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from vqaudio.codec.locate import FOREIGN_PREFIX, UNITS_PREFIX
from vqaudio.codec.units.naming import UnitsName
from vqaudio.core.errors import VqaudioError
from vqaudio.jobs.containers.part import Part
from vqaudio.jobs.sources import Source
from vqaudio.jobs.tokenize.file_tokenizer import Outcome
from vqaudio.jobs.tokenize.readers import AudioFileReader, ProcessReader
from vqaudio.jobs.worker_process import POLL_S
from vqaudio.tokens.schema import CodecStamp

FILES_PER_BLOCK = 16  # a minute of work is lost at most with a worker
MAX_BLOCKS = 20_000  # Ray's own bookkeeping grows with them
CONNECT_S = 20.0
IN_FLIGHT = 32  # files, in a worker
MAX_RESTARTS = 16  # of a worker, and of a block: one that kills every worker ends the run in place of going on for ever


class RayRun:
    """A run over the sources on a Ray cluster; iterate over `outcomes()` once.  The same as `LocalRun` to its caller.

    codec: name or folder, as the workers see it; they refuse one that is not the stamp's.  num_workers: actors, each
    with a CPU or, on the device cuda, with a GPU of its own; as many as the cluster has, if None.  address: of a
    cluster that runs; None for one on this machine, which ends with the run.  stop: as for `LocalRun`.
    """

    def __init__(
        self,
        sources: Sequence[Source],
        codec: str,
        stamp: CodecStamp,
        *,
        device: str = "cpu",
        num_workers: int | None = None,
        address: str | None = None,
        stop: threading.Event | None = None,
    ) -> None:
        self.sources, self.num_samples_fed = sources, 0
        self._settings = (whole_name(codec), stamp.to_json(), device)
        self._num_workers, self._address = num_workers, address
        self._stop_asked = stop or threading.Event()

    def outcomes(self, on_wait: Callable[[], None] = lambda: None) -> Iterator[Outcome]:
        """Yield every source's outcome, in the order of the sources; `on_wait` is called several times a second.

        Raises VqaudioError if Ray is not installed, the cluster cannot be reached, or its workers cannot start.
        """
        if not self.sources:
            return
        empty = tempfile.TemporaryDirectory()
        ray = connect(self._address, empty.name)
        results: queue.Queue[pa.Table | BaseException | None] = queue.Queue(8)
        is_over = threading.Event()
        thread = threading.Thread(target=self._fetch, args=(ray, results, is_over), daemon=True)
        thread.start()
        try:
            while not self._stop_asked.is_set():
                on_wait()
                try:
                    result = results.get(timeout=POLL_S)
                except queue.Empty:
                    continue
                if result is None:
                    return
                if isinstance(result, BaseException):
                    raise result
                for outcome in self._outcomes_of(result):
                    yield outcome
                    if self._stop_asked.is_set():
                        return
        finally:
            is_over.set()
            ray.shutdown()
            thread.join()
            empty.cleanup()

    def _outcomes_of(self, table: pa.Table) -> Iterator[Outcome]:
        num_codebooks = int(self._settings[1]["num_codebooks"])
        for row in table.to_pylist():
            codes, pitch = (
                None if row[name] is None else np.frombuffer(row[name], dtype="<u2") for name in ("codes", "pitch")
            )
            if codes is not None:
                codes = codes.reshape(num_codebooks, -1)
            facts = json.loads(row["facts"]) | {"pitch": pitch}
            self.num_samples_fed += facts["num_samples"]
            yield Outcome(self.sources[row["index"]], codes, **facts | {"warnings": tuple(facts["warnings"])})

    def _fetch(self, ray: Any, results: queue.Queue, is_over: threading.Event) -> None:
        """Put the tables of outcomes into a queue as they come, then None, or what went wrong."""

        def put(item: pa.Table | BaseException | None) -> None:
            while not is_over.is_set():
                try:
                    return results.put(item, timeout=POLL_S)
                except queue.Full:
                    continue

        try:
            for table in self._dataset(ray).iter_batches(batch_size=None, batch_format="pyarrow"):
                put(table)
                if is_over.is_set():
                    return
            put(None)
        except VqaudioError as error:
            put(error)
        except Exception as error:  # whatever Ray or a worker's codec raises: it ends the run with its reason
            put(VqaudioError(f"the run on Ray failed: {reason_of(error)}"))

    def _dataset(self, ray: Any) -> Any:
        """Lay out the work; Ray starts it when the result is asked for."""
        context = ray.data.DataContext.get_current()
        context.enable_progress_bars = False
        context.execution_options.preserve_order = True
        kind = "CPU" if self._settings[2] == "cpu" else "GPU"
        there = int(ray.cluster_resources().get(kind, 0))
        if there == 0:
            raise VqaudioError(f"the Ray cluster has no {kind}; --device {self._settings[2]} needs one for each worker")
        num_blocks = min(-(-len(self.sources) // FILES_PER_BLOCK), MAX_BLOCKS)
        num_workers = min(self._num_workers or there, num_blocks)
        if num_workers > there:
            raise VqaudioError(f"--workers {num_workers} wants {num_workers} {kind}s, the Ray cluster has {there}")
        rows = [{"index": index, "source": packed(source)} for index, source in enumerate(self.sources)]
        return ray.data.from_items(rows, override_num_blocks=num_blocks).map_batches(
            BatchTokenizer,
            fn_constructor_args=self._settings,
            batch_format="pyarrow",
            batch_size=None,
            compute=ray.data.ActorPoolStrategy(size=num_workers),
            num_cpus=1,
            num_gpus=0 if kind == "CPU" else 1,
            ray_remote_args_fn=lambda: {"max_restarts": MAX_RESTARTS, "max_task_retries": MAX_RESTARTS},
        )


def packed(source: Source) -> str:
    """Pack a source as JSON, with its whole path: workers have another current folder."""
    return json.dumps(asdict(replace(source, path=os.path.abspath(source.path))))


def unpacked(text: str) -> Source:
    """Unpack what `packed` made."""
    fields = json.loads(text)
    part = fields.pop("part")
    return Source(**fields, part=None if part is None else Part(*part))


def whole_name(codec: str) -> str:
    """Make the path in a codec's name absolute, where it has one."""
    if codec.startswith(UNITS_PREFIX):
        return UnitsName.parse(codec).whole
    where = Path(codec.removeprefix(FOREIGN_PREFIX))
    before = FOREIGN_PREFIX if codec.startswith(FOREIGN_PREFIX) else ""
    return f"{before}{where.resolve()}" if where.exists() else codec


class BatchTokenizer:
    """A worker's codec and reader, which stay from batch to batch."""

    def __init__(self, codec: str, stamp: dict[str, Any], device: str) -> None:
        from vqaudio.codec.saving import open_tokenizer
        from vqaudio.jobs.codec_streams import tokenizer_of
        from vqaudio.jobs.stamps import stamp_of

        opened = open_tokenizer(codec, device)
        wanted = CodecStamp.from_json(stamp)
        wanted.require_same(stamp_of(opened, wanted.num_codebooks))
        beside = {"segments": wanted.segments, "pitch_steps": wanted.pitch_steps}
        self.tokenizer, self.num_threads = tokenizer_of(opened, wanted.num_codebooks, **beside)
        num_readers = 1 if device == "cpu" else 4
        self.readers: list[AudioFileReader] = [KeptReader(ProcessReader()) for _ in range(num_readers)]

    def __call__(self, batch: pa.Table) -> pa.Table:
        """Tokenize sources (columns index, source); returns columns index, codes, pitch (both as bytes) and facts."""
        from vqaudio.jobs.tokenize.local import LocalRun

        sources = [unpacked(source) for source in batch["source"].to_pylist()]
        run = LocalRun(sources, self.tokenizer, self.readers, num_threads=self.num_threads, num_in_flight=IN_FLIGHT)
        outcomes = list(run.outcomes())
        codes, pitch = (
            pa.array([None if one is None else one.astype("<u2").tobytes() for one in numbers], pa.large_binary())
            for numbers in ([found.codes for found in outcomes], [found.pitch for found in outcomes])
        )
        names = ("num_samples", "source_rate_hz", "warnings", "reason", "pitch_median_hz")
        facts = [json.dumps({name: getattr(outcome, name) for name in names}) for outcome in outcomes]
        return pa.table({"index": batch["index"], "codes": codes, "pitch": pitch, "facts": pa.array(facts)})


class KeptReader:
    """A reader that stays open when a run ends, for the next one."""

    def __init__(self, reader: AudioFileReader) -> None:
        self.read = reader.read

    def abort(self) -> None:
        """Do nothing: a batch is read to its end."""

    def close(self) -> None:
        """Do nothing: the reader ends with its process."""


def connect(address: str | None, empty_folder: str) -> Any:
    """Connect to a Ray cluster, or start one on this machine; returns the module `ray`.

    Ray sends no statistics.  It puts the current folder on its workers' paths and makes it theirs, where code beside
    recordings would run: so that is an empty folder meanwhile, which must be there as long as the workers.
    Raises VqaudioError if Ray is not installed or the cluster cannot be reached.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    try:
        import ray
        import ray.data
    except ImportError as error:
        raise VqaudioError(f"--engine ray needs Ray: pip install 'vqaudio[ray]' ({error})") from None
    for name in ("ray", "ray.data"):
        logging.getLogger(name).setLevel(logging.CRITICAL)  # an error is raised, and printed once
    here = os.getcwd()
    os.chdir(empty_folder)
    try:
        _require_listener(address)
        ray.init(
            address=address or "local",
            include_dashboard=None if address else False,
            log_to_driver=False,
            logging_level=logging.ERROR,
        )
    except Exception as error:  # ConnectionError, RuntimeError, ValueError, TimeoutError, its own ...
        whom = f"the Ray cluster {address}" if address else "a Ray cluster on this machine"
        raise VqaudioError(f"{whom} cannot be reached: {reason_of(error)}") from None
    finally:
        os.chdir(here)
    return ray


def _require_listener(address: str | None) -> None:
    """Check that somebody listens at HOST:PORT, for Ray tries for minutes.  Raises OSError."""
    host, colon, port = (address or "").removeprefix("ray://").rpartition(":")
    if colon and port.isdigit():
        socket.create_connection((host.strip("[]"), int(port)), timeout=CONNECT_S).close()


def reason_of(error: BaseException) -> str:
    """Find what an error of Ray's says that is nearest to its cause, in a line."""
    reasons: list[str] = []
    found: BaseException | None = error
    while found is not None and len(reasons) < 10:
        lines = [line.strip() for line in str(found).splitlines() if line.strip()]
        reasons.append(lines[-1] if lines else type(found).__name__)
        found = getattr(found, "cause", None) or found.__cause__
    return max(reasons, key=len)
