"""A stand-in for the package ``spaces`` on a Space with ZeroGPU, as strict as the real one: only a
process that was forked for one call may touch CUDA, and all that crosses is pickled.

What it was asked is written to the file that ``ZEROGPU_LOG`` names, a JSON object a line.
"""

import json
import multiprocessing
import os
import sys
from functools import wraps
from multiprocessing.reduction import ForkingPickler

if "torch" in sys.modules:
    raise ImportError("CUDA has been initialised before spaces was imported")

import torch
from gradio.context import LocalContext

MAIN = os.getpid()
fork = multiprocessing.get_context("fork")


def log(**entry):
    with open(os.environ["ZEROGPU_LOG"], "a") as file:
        file.write(json.dumps(entry) + "\n")


def guarded(name, answer):
    def ask(*args, **kwargs):
        if os.getpid() == MAIN:
            log(touched=name)
            raise RuntimeError(f"torch.cuda.{name} in the main process")
        return answer

    return ask


for name, answer in {
    "is_available": False, "device_count": 0, "_lazy_init": None, "init": None,
    "current_device": 0, "get_device_properties": None, "empty_cache": None, "synchronize": None,
}.items():  # fmt: skip
    setattr(torch.cuda, name, guarded(name, answer))


def GPU(task=None, *, duration=60):  # noqa: N802 (its name)
    if task is None:
        return lambda found: GPU(found, duration=duration)
    log(decorated=task.__name__)

    @wraps(task)
    def lend(*args):
        request = LocalContext.request.get()
        seconds = duration(*args) if callable(duration) else duration
        log(seconds=seconds, visitor=request is not None)
        if os.environ.get("ZEROGPU_REFUSES"):
            raise RuntimeError("You have <b>exceeded</b> your quota")
        results, stop = fork.Queue(), fork.Event()
        sent = bytes(ForkingPickler.dumps(args))
        worker = fork.Process(target=work, args=(task, sent, results, stop), daemon=True)
        worker.start()
        try:
            while True:
                kind, value = ForkingPickler.loads(results.get())
                if kind == "end":
                    return
                if kind == "error":
                    raise RuntimeError(value)
                yield value
        finally:
            stop.set()
            worker.join(30)
            log(ended=worker.exitcode, pid=worker.pid)

    return lend


def work(task, sent, results, stop):
    def put(kind, value=None):
        results.put(bytes(ForkingPickler.dumps((kind, value))))

    items = task(*ForkingPickler.loads(sent))
    try:
        for item in items:
            if stop.is_set():
                items.close()
                break
            put("item", item)
    except Exception as error:
        put("error", type(error).__name__)
    put("end")
    results.close()
    results.join_thread()
    os._exit(0)  # what the main process would do at its end is not this one's to do
