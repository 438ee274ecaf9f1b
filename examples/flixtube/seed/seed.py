"""Puts the sample films into the library, once: what is there already is left alone."""

import json
import os
import sys
import time
from datetime import datetime, timezone
from http.client import HTTPException
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

CLIPS = Path(__file__).parent / "clips"
METADATA = os.environ.get("METADATA_URL", "http://metadata").rstrip("/")
STORAGE = os.environ.get("VIDEO_STORAGE_URL", "http://video-storage").rstrip("/")
PATIENCE_SECONDS = 120


def log(event, **fields):
    now = datetime.now(timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    print(json.dumps({"time": now, "service": "seed", "event": event} | fields), flush=True)


def ask(method, url, body=None, content_type="application/json", fine=()):
    """The status, once the service answers: one that is still starting is waited for."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            request = Request(url, data=body, method=method, headers={"Content-Type": content_type})
            with urlopen(request, timeout=10) as response:
                return response.status
        except HTTPError as error:
            if error.code in fine:
                return error.code
            if error.code < 500:
                raise
            why = f"status {error.code}"
        except (OSError, HTTPException) as error:
            why = str(error) or repr(error)
        if time.monotonic() > deadline:
            sys.exit(f"{method} {url}: {why}")
        log("waiting", url=url, error=why)
        time.sleep(1)


def main():
    films = json.loads((CLIPS / "films.json").read_text())
    for film in films:
        name = film.pop("id")
        if ask("GET", f"{METADATA}/api/videos/{name}", fine=(404,)) == 200:
            log("already there", video=name)
            continue
        content = (CLIPS / f"{name}.webm").read_bytes()
        poster = (CLIPS / f"{name}.jpg").read_bytes()
        ask("PUT", f"{STORAGE}/blobs/{name}-poster", poster, "image/jpeg", fine=(409,))
        ask("PUT", f"{STORAGE}/blobs/{name}", content, "video/webm", fine=(409,))
        about = film | {"contentType": "video/webm", "sizeBytes": len(content), "hasPoster": True}
        ask("PUT", f"{METADATA}/internal/videos/{name}", json.dumps(about).encode())
        log("added", video=name)


if __name__ == "__main__":
    main()
