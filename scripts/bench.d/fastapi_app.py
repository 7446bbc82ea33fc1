#!/usr/bin/python3
"""The usual implementation of a process tracker, for comparison: FastAPI on uvicorn with uvloop and
httptools, redis.asyncio, one worker. A creation is the same three-key transaction as proctrackd's.

Usage: fastapi_app.py REDIS_URL. Serves a free port of 127.0.0.1 until it is killed.
"""
import json
import re
import socket
import sys
import time
import uuid
from datetime import datetime, timezone
from typing import Any, Dict, Optional

import redis.asyncio as redis
import uvicorn
from fastapi import FastAPI, HTTPException, Response
from pydantic import BaseModel, Field

TYPE = re.compile(r"[A-Za-z0-9_.-]{1,64}\Z")

app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
store = redis.Redis.from_url(sys.argv[1], decode_responses=True)


class AnalyzeRequest(BaseModel, extra="forbid"):
    input: Any
    type: str = Field(min_length=1, max_length=64)
    metadata: Optional[Dict[str, Any]] = None
    group: Optional[str] = Field(None, max_length=128)
    priority: int = Field(0, ge=-100, le=100)
    timeout_seconds: Optional[int] = Field(None, ge=1, le=2592000)
    max_attempts: int = Field(3, ge=1, le=1000)


def when(seconds: float) -> str:
    moment = datetime.fromtimestamp(seconds, timezone.utc)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"


def resource(process_id: str, record: Dict[str, str]) -> Dict[str, Any]:
    return {
        "process_id": process_id,
        "type": record["type"],
        "status": record["status"],
        "done": record["status"] in ("completed", "failed", "canceled"),
        "reason": "no_worker" if record["status"] == "pending" else None,
        "progress": json.loads(record.get("progress", "null")),
        "result": json.loads(record.get("result", "null")),
        "error": json.loads(record.get("error", "null")),
        "metadata": json.loads(record.get("metadata", "null")),
        "group": record.get("group"),
        "priority": int(record["priority"]),
        "attempt": int(record["attempt"]),
        "max_attempts": int(record["max_attempts"]),
        "version": int(record["version"]),
        "worker": record.get("worker"),
        "created_at": record["created_at"],
        "run_at": record["run_at"],
        "started_at": record.get("started_at"),
        "updated_at": record["updated_at"],
        "completed_at": record.get("completed_at"),
        "expires_at": record.get("expires_at"),
        "links": {
            "self": f"/status/{process_id}",
            "result": f"/result/{process_id}",
            "cancel": f"/processes/{process_id}/cancel",
        },
    }


@app.post("/analyze", status_code=202)
async def analyze(body: AnalyzeRequest, response: Response):
    if not TYPE.match(body.type):
        raise HTTPException(422, "type")
    process_id = str(uuid.uuid4())
    seconds = time.time()
    now = when(seconds)
    record = {
        "type": body.type,
        "status": "pending",
        "input": json.dumps(body.input),
        "priority": str(body.priority),
        "attempt": "0",
        "max_attempts": str(body.max_attempts),
        "version": "1",
        "created_at": now,
        "run_at": now,
        "updated_at": now,
    }
    if body.metadata is not None:
        record["metadata"] = json.dumps(body.metadata)
    if body.group is not None:
        record["group"] = body.group
    async with store.pipeline(transaction=True) as transaction:
        transaction.hset(f"process:{process_id}", mapping=record)
        transaction.sadd("process_ids", process_id)
        transaction.zadd("process_times", {process_id: seconds})
        await transaction.execute()
    response.headers["Location"] = f"/status/{process_id}"
    response.headers["Retry-After"] = "1"
    return resource(process_id, record)


@app.get("/status/{process_id}")
async def status(process_id: uuid.UUID, response: Response):
    record = await store.hgetall(f"process:{process_id}")
    if not record:
        raise HTTPException(404, "no such process")
    response.headers["ETag"] = f'"{record["version"]}"'
    return resource(str(process_id), record)


def main():
    listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
    config = uvicorn.Config(app, loop="uvloop", http="httptools", lifespan="off",
                            access_log=False, log_level="warning")
    uvicorn.Server(config).run(sockets=[listener])


if __name__ == "__main__":
    main()
