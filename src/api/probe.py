"""Probe: is the API of this container ready? Exit code 0 or 1, for the image's HEALTHCHECK."""

import http.client
import os
import sys


def main() -> int:
    port = int(os.environ.get("REVIEWS_API_PORT") or 8000)
    try:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=3)
        connection.request("GET", "/health/ready")
        answer = connection.getresponse()
    except OSError as error:
        sys.stdout.write(f"no answer: {error}\n")
        return 1
    sys.stdout.write(answer.read().decode() + "\n")
    return 0 if answer.status == http.client.OK else 1


if __name__ == "__main__":
    sys.exit(main())
