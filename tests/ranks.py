"""Processes that work together, for tests: each has torchrun's variables, calls one function, and sends back what it returns or raises."""
import multiprocessing
import os
import pickle
import signal
import socket
import traceback
import warnings

PATIENCE = 300  # seconds, since the machine may do much else


def free_port():
    """A port that nobody listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def work(rank, size, port, action, options, pipe, variables):
    """What one process does."""
    os.environ.update({"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "OMP_NUM_THREADS": "1", "TQDM_DISABLE": "1"})
    if variables:
        os.environ.update({"RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": str(size)})
    import torch
    torch.set_num_threads(1)
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        try:
            result = action(rank, **options)
        except Exception as error:
            traceback.print_exc()
            result = error
            result.__cause__ = None
    pipe.send_bytes(pickle.dumps((result, [str(each.message) for each in warned])))  # tensors by value: their sender ends
    pipe.close()


def started(size, action, variables=True, **options):
    """The processes and the pipes that their results come through."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["torch", "vae_nb.scale", "tests.ranks", "tests.test_scale"])
    port, jobs = free_port(), []
    for rank in range(size):
        here, there = context.Pipe(duplex=False)
        process = context.Process(target=work, args=(rank, size, port, action, options, there, variables), daemon=True)
        process.start()
        there.close()
        jobs.append((process, here))
    return jobs


def ended(jobs):
    """What each process returned or raised (`None` for one that was killed), and its warnings."""
    found = []
    for _, pipe in jobs:
        try:
            found.append(pickle.loads(pipe.recv_bytes()) if pipe.poll(PATIENCE) else (TimeoutError("nothing came back"), []))
        except EOFError:
            found.append((None, []))
    for process, _ in jobs:
        process.join(20)
        if process.is_alive():
            os.kill(process.pid, signal.SIGKILL)
            process.join()
    return found


def together(size, action, variables=True, **options):
    """What `action(rank, **options)` returned or raised in each of `size` processes."""
    return [result for result, _ in ended(started(size, action, variables, **options))]
