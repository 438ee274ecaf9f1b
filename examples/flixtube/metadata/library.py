"""The library in PostgreSQL: one row for each video."""

import asyncio
import os
from contextlib import asynccontextmanager

import asyncpg

from service import Unavailable, log

SCHEMA = """
CREATE TABLE IF NOT EXISTS videos (
    id               text PRIMARY KEY,
    title            text NOT NULL,
    description      text NOT NULL DEFAULT '',
    content_type     text NOT NULL,
    size_bytes       bigint NOT NULL,
    duration_seconds real,
    width            integer,
    height           integer,
    has_poster       boolean NOT NULL DEFAULT false,
    created_at       timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX IF NOT EXISTS videos_newest ON videos (created_at DESC, id);
"""
SCHEMA_LOCK = 70_461  # replicas that start together create the schema one after the other
LIST_MAX = 200
SECONDS_MAX = 3
FIELDS = ("id", "title", "description", "contentType", "sizeBytes", "durationSeconds", "width", "height", "hasPoster")
COLUMNS = "id, title, description, content_type, size_bytes, duration_seconds, width, height, has_poster"

# What asyncpg raises when the database is away, starting or stopping.
_AWAY = (
    OSError,
    asyncio.TimeoutError,
    asyncpg.InterfaceError,
    asyncpg.PostgresConnectionError,
    asyncpg.CannotConnectNowError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.TooManyConnectionsError,
    asyncpg.InvalidCatalogNameError,  # a fresh server that has not made our database yet
)


class Library:
    def __init__(self):
        self._pool = None

    async def connect(self):
        """Connects, however long the database takes to appear, and creates the schema."""
        delay = 0.2
        while True:
            try:
                pool = await asyncpg.create_pool(
                    host=os.environ.get("DB_HOST", "db"),
                    port=int(os.environ.get("DB_PORT") or 5432),
                    user=os.environ.get("DB_USER", "flixtube"),
                    password=os.environ.get("DB_PASSWORD", "flixtube"),
                    database=os.environ.get("DB_NAME", "flixtube"),
                    min_size=1,
                    max_size=8,
                    timeout=SECONDS_MAX,
                    command_timeout=SECONDS_MAX,
                )
                async with pool.acquire() as connection, connection.transaction():
                    await connection.execute("SELECT pg_advisory_xact_lock($1)", SCHEMA_LOCK)
                    await connection.execute(SCHEMA)
                self._pool = pool
                log("database ready")
                return
            except (*_AWAY, asyncpg.PostgresError) as error:
                log("waiting for the database", error=str(error) or repr(error))
                await asyncio.sleep(delay)
                delay = min(delay * 2, 2)

    async def close(self):
        if self._pool:
            self._pool.terminate()

    async def ping(self):
        async with self._connection() as connection:
            await connection.execute("SELECT 1")

    async def newest(self):
        async with self._connection() as connection:
            rows = await connection.fetch(f"SELECT * FROM videos ORDER BY created_at DESC, id LIMIT {LIST_MAX}")
        return [_video(row) for row in rows]

    async def get(self, video_id):
        async with self._connection() as connection:
            row = await connection.fetchrow("SELECT * FROM videos WHERE id = $1", video_id)
        return row and _video(row)

    async def put(self, video):
        """Adds the video, or replaces what is known of it: saying it twice changes nothing."""
        columns = COLUMNS.split(", ")
        places = ", ".join(f"${n}" for n in range(1, len(columns) + 1))
        updates = ", ".join(f"{column} = excluded.{column}" for column in columns[1:])
        async with self._connection() as connection:
            row = await connection.fetchrow(
                f"INSERT INTO videos ({COLUMNS}) VALUES ({places}) ON CONFLICT (id) DO UPDATE SET {updates} RETURNING *",
                *(video[field] for field in FIELDS),
            )
        return _video(row)

    async def delete(self, video_id):
        async with self._connection() as connection:
            return await connection.execute("DELETE FROM videos WHERE id = $1", video_id) == "DELETE 1"

    @asynccontextmanager
    async def _connection(self):
        if not self._pool:
            raise Unavailable("the database is not available")
        try:
            async with self._pool.acquire(timeout=SECONDS_MAX) as connection:
                yield connection
        except _AWAY as error:
            log("database away", error=str(error) or repr(error))
            raise Unavailable("the database is not available") from error


def _video(row):
    video = dict(zip(FIELDS, (row[column] for column in COLUMNS.split(", "))))
    return video | {"createdAt": row["created_at"].isoformat().replace("+00:00", "Z")}
