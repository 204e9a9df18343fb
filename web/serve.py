"""Serve a folder at a printed local address."""
import argparse
import functools
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer


class Quiet(SimpleHTTPRequestHandler):
    """Serves files without a line for each request."""

    def log_message(self, *arguments):
        """Say nothing."""


def server(handler, port):
    """A server for this machine alone; on a free port if `port` is in use."""
    try:
        made = ThreadingHTTPServer(("127.0.0.1", port), handler)
    except OSError:
        made = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    made.daemon_threads = True
    return made


def serve(folder, port):
    """Serve `folder` until interrupted."""
    serving = server(functools.partial(Quiet, directory=folder), port)
    print(f"Read the course at http://127.0.0.1:{serving.server_port}/ (stop with Ctrl-C)", flush=True)
    try:
        serving.serve_forever()
    except KeyboardInterrupt:
        print()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder")
    parser.add_argument("--port", type=int, default=8000)
    arguments = parser.parse_args()
    serve(arguments.folder, arguments.port)
