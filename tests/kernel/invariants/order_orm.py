"""The ORM writer of I1: a SQLAlchemy session on the tables that the compiler made."""

from __future__ import annotations

from typing import TYPE_CHECKING

import psycopg
from sqlalchemy import String, create_engine, select
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

if TYPE_CHECKING:
    from .order_writers import Work


class Base(DeclarativeBase):
    pass


class TaskRow(Base):
    """A task, as somebody maps it who has never heard of the log."""

    __tablename__ = "tasks"

    organization_id: Mapped[str] = mapped_column(String, primary_key=True)
    id: Mapped[str] = mapped_column(String, primary_key=True)
    title: Mapped[str]
    count: Mapped[int] = mapped_column(default=0)


def orm(work: Work) -> None:
    """Units of work with a nested one; every fourth is rolled back."""
    url = work.site.handle.admin_url
    engine = create_engine(
        "postgresql+psycopg://",
        creator=lambda: psycopg.connect(url),
        isolation_level=work.level.name.replace("_", " "),
    )
    try:
        for number in range(work.rounds):
            try:
                with Session(engine) as session:
                    _unit_of_work(work, session, keep=number % 4 != 3)
            except OperationalError as exc:
                if getattr(exc.orig, "sqlstate", None) not in ("40001", "40P01"):
                    raise
    finally:
        engine.dispose()


def _unit_of_work(work: Work, session: Session, *, keep: bool) -> None:
    organization, task = work.place()
    row = session.scalars(
        select(TaskRow).where(TaskRow.organization_id == organization, TaskRow.id == task)
    ).one()
    row.count += 1
    session.flush()
    session.add(TaskRow(organization_id=organization, id=work.new(), title="orm"))
    with session.begin_nested() as nested:
        session.add(TaskRow(organization_id=work.organization(), id=work.new(), title="undone"))
        session.flush()
        nested.rollback()
    if keep:
        session.commit()
        work.landed += 1
    else:
        session.rollback()
