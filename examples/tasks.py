"""Tasks that people and agents work on together."""

from typing import Literal

from ablo_pg import Model, define_schema


class Task(Model):
    title: str
    status: Literal["todo", "doing", "done"]


schema = define_schema(tasks=Task)
