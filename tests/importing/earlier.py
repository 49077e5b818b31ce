"""Stores of the earlier assistant, made up: three versions of its schema, with rows as a life leaves them."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

# Version 1: what it began with. Columns that came later are missing, and nothing is unique.
V1 = """
CREATE TABLE facts (category TEXT, key TEXT, value TEXT);
CREATE TABLE decisions (id INTEGER PRIMARY KEY, title TEXT, description TEXT, status TEXT);
CREATE TABLE delegations (id INTEGER PRIMARY KEY, task TEXT, delegated_to TEXT, due_date TEXT, status TEXT);
CREATE TABLE alert_rules (id INTEGER PRIMARY KEY, name TEXT, alert_type TEXT, condition TEXT);
CREATE TABLE webhook_events (id INTEGER PRIMARY KEY, source TEXT, event_type TEXT, payload TEXT);
CREATE TABLE scheduled_tasks (id INTEGER PRIMARY KEY, name TEXT, schedule_type TEXT, schedule_config TEXT,
                              handler_type TEXT, handler_config TEXT, enabled INTEGER);
"""
# Version 2: as the issue has it.
V2 = """
CREATE TABLE facts (id INTEGER PRIMARY KEY AUTOINCREMENT, category TEXT, key TEXT, value TEXT,
                    confidence REAL DEFAULT 1.0, source TEXT, pinned INTEGER DEFAULT 0,
                    created_at TEXT, updated_at TEXT);
CREATE TABLE decisions (id INTEGER PRIMARY KEY AUTOINCREMENT, title TEXT, description TEXT, context TEXT,
                        alternatives_considered TEXT, decided_by TEXT, owner TEXT,
                        status TEXT DEFAULT 'pending_execution', follow_up_date TEXT, tags TEXT, source TEXT,
                        created_at TEXT, updated_at TEXT);
CREATE TABLE delegations (id INTEGER PRIMARY KEY AUTOINCREMENT, task TEXT, description TEXT, delegated_to TEXT,
                          delegated_by TEXT, due_date TEXT, priority TEXT DEFAULT 'medium',
                          status TEXT DEFAULT 'active', source TEXT, notes TEXT, created_at TEXT, updated_at TEXT);
CREATE TABLE alert_rules (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT, description TEXT, alert_type TEXT,
                          condition TEXT, enabled INTEGER DEFAULT 1, last_triggered_at TEXT, created_at TEXT);
CREATE TABLE webhook_events (id INTEGER PRIMARY KEY AUTOINCREMENT, source TEXT, event_type TEXT, payload TEXT,
                             status TEXT DEFAULT 'pending', received_at TEXT, processed_at TEXT);
CREATE TABLE scheduled_tasks (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT, description TEXT, schedule_type TEXT,
                              schedule_config TEXT, handler_type TEXT, handler_config TEXT, enabled INTEGER DEFAULT 1,
                              last_run_at TEXT, next_run_at TEXT, last_result TEXT, delivery_channel TEXT,
                              delivery_config TEXT, created_at TEXT, updated_at TEXT);
"""
# Version 3: a column and tables more than Jarvis knows, and names in capitals.
V3 = (
    V2.replace("tags TEXT", "TAGS TEXT").replace("delivery_config TEXT", "delivery_config TEXT, agent_name TEXT")
    + """
CREATE TABLE event_rules (id INTEGER PRIMARY KEY, name TEXT, event_source TEXT, agent_name TEXT, token TEXT);
CREATE TABLE documents (id INTEGER PRIMARY KEY, content TEXT);
CREATE TABLE "odd ""name" (x);
PRAGMA journal_mode = WAL;
"""
)
VERSIONS = {1: V1, 2: V2, 3: V3}

Rows = Mapping[str, Iterable[Mapping[str, Any]]]


def make(path: Path, schema: str, rows: Rows) -> Path:
    """A store of that schema. Columns that the schema does not have are left out of the rows."""
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.executescript(schema)
        for table, each in rows.items():
            for row in each:
                add(connection, table, row)
    return path


def add(connection: sqlite3.Connection, table: str, row: Mapping[str, Any]) -> None:
    there = {name.lower() for _, name, *_ in connection.execute(f"PRAGMA table_info({table})")}
    kept = {name: value for name, value in row.items() if name in there}
    if there:
        connection.execute(
            f"INSERT INTO {table} ({', '.join(kept)}) VALUES ({', '.join('?' * len(kept))})",  # noqa: S608
            list(kept.values()),
        )


def task(name: str | None, schedule_type: str | None, config: str | None, **more: Any) -> dict[str, Any]:
    """A row of scheduled_tasks that runs `true`."""
    row = {"handler_type": "custom", "handler_config": '{"command": "true"}', "enabled": 1}
    return {"name": name, "schedule_type": schedule_type, "schedule_config": config, **row, **more}


def cron(name: str, expression: str, **more: Any) -> dict[str, Any]:
    return task(name, "cron", f'{{"expression": "{expression}"}}', **more)
