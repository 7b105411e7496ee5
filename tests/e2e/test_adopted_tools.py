"""Migration tools go on over the tables that were adopted: Alembic and Django, the libraries."""

from __future__ import annotations

import runpy
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from alembic import command
from alembic.config import Config
from psycopg.conninfo import conninfo_to_dict

from ablo_pg import Ablo
from ablo_pg.cli.main import run
from ablo_pg.cluster import Server
from ablo_pg.schema import Schema
from ablo_pg.testing import DatabaseHandle, make_database

OWNER = "test_tool_owner"


@pytest.fixture
def site(cluster: Server, kernel_template: str) -> Iterator[DatabaseHandle]:
    """A database in which a login of a tool's may make tables."""
    with make_database(server=cluster, template=kernel_template) as handle:
        with psycopg.connect(handle.admin_url, autocommit=True) as conn:
            conn.execute(f"drop role if exists {OWNER}".encode())
            conn.execute(f"create role {OWNER} login".encode())
            conn.execute(f"grant create, usage on schema public to {OWNER}".encode())
        yield handle
        with psycopg.connect(handle.admin_url, autocommit=True) as conn:
            conn.execute(f"drop owned by {OWNER} cascade".encode())
            conn.execute(f"drop role {OWNER}".encode())


def adopt(site: DatabaseHandle, folder: Path, *flags: str) -> Schema:
    """Pull a schema and migrate to it."""
    written = str(folder / "schema.py")
    assert run(["pull", "--database-url", site.admin_url, "--out", written]) == 0
    assert run(["migrate", written, "--admin-url", site.admin_url, *flags]) == 0
    schema: Schema = runpy.run_path(written)["schema"]
    return schema


def client(site: DatabaseHandle, schema: Schema) -> Ablo:
    return Ablo(
        schema=schema,
        database_url=site.database_url,
        organization="acme",
        participant="user:ann",
    )


ENV = """
from alembic import context
from sqlalchemy import create_engine
engine = create_engine(context.config.get_main_option("url"))
with engine.connect() as connection:
    context.configure(connection=connection, transaction_per_migration=True)
    with context.begin_transaction():
        context.run_migrations()
engine.dispose()
"""
FIRST = """
import sqlalchemy as sa
from alembic import op
revision, down_revision = "one", None
def upgrade():
    kind = sa.Enum("small", "large", name="kind")
    op.create_table("things", sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("name", sa.String(20), nullable=False, server_default="x"),
        sa.Column("kind", kind), sa.Column("tags", sa.ARRAY(sa.Text)))
    op.execute("insert into things (name, kind, tags) values ('a', 'small', '{p,q}')")
"""
SECOND = """
import sqlalchemy as sa
from alembic import op
revision, down_revision = "two", "one"
def upgrade():
    op.add_column("things", sa.Column("price", sa.Numeric(10, 2)))
    op.execute("update things set price = 1.5")
    op.execute("set constraints all immediate")
    op.alter_column("things", "price", nullable=False, server_default="0")
    op.alter_column("things", "name", type_=sa.Text)
    op.create_index("things_price", "things", ["price"])
    op.create_check_constraint("cheap", "things", "price < 100")
    op.create_table("parts", sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("thing", sa.Integer, sa.ForeignKey("things.id")))
def downgrade():
    op.drop_table("parts")
    op.drop_column("things", "price")
"""


def test_alembic(site: DatabaseHandle, tmp_path: Path) -> None:
    scripts = tmp_path / "scripts"
    (scripts / "versions").mkdir(parents=True)
    (scripts / "env.py").write_text(ENV)
    (scripts / "versions" / "one.py").write_text(FIRST)
    config = Config()
    config.set_main_option("script_location", str(scripts))
    place = conninfo_to_dict(site.admin_url)
    url = f"postgresql+psycopg://{OWNER}@:{place['port']}/{place['dbname']}?host={place['host']}"
    config.set_main_option("url", url.replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    command.upgrade(config, "head")
    schema = adopt(site, tmp_path, "--backfill", "things.organizationId=acme")
    assert list(schema) == ["things"], "its own table of versions is left alone"
    (scripts / "versions" / "two.py").write_text(SECOND)
    command.upgrade(config, "head")
    with client(site, schema) as ablo:
        things = ablo.things
        made = things.create({"name": "by the API", "kind": "large", "tags": ["r"]})
        assert (made.id, made.kind, made.tags) == ("2", "large", ["r"])
        assert [row.id for row in things.list(where={"kind": "small"})] == ["1"]
        assert things.update("1", {"tags": ["s", "t"]}).tags == ["s", "t"]
        command.downgrade(config, "one")
        assert things.create({"name": "after"}).id == "3"


SETTINGS = """
import sys
import django
from django.conf import settings
sys.path.insert(0, {folder!r})
settings.configure(
    INSTALLED_APPS=["shop"], DEFAULT_AUTO_FIELD="django.db.models.BigAutoField", USE_TZ=True,
    DATABASES={{"default": {{"ENGINE": "django.db.backends.postgresql", "NAME": {dbname!r},
      "USER": {user!r}, "HOST": {host!r}, "PORT": {port!r}}}}})
django.setup()
from django.core.management import call_command
"""
MODELS = """
from django.db import models
class Item(models.Model):
    name = models.CharField(max_length=20, default="x")
    price = models.DecimalField(max_digits=8, decimal_places=2, null=True)
    class Meta:
        app_label = "shop"
"""
LATER = """
    sold = models.BooleanField(default=False)
    class Meta:
        app_label = "shop"
class Sale(models.Model):
    item = models.ForeignKey(Item, on_delete=models.CASCADE)
"""
CALLS = """
from shop.models import Item
item = Item.objects.create(name="made")
Item.objects.filter(pk=item.pk).update(price="2.50")
item.refresh_from_db()
assert str(item.price) == "2.50"
item.name = "saved"; item.save()
assert Item.objects.filter(name="saved").exists()
Item.objects.bulk_create([Item(name="b1"), Item(name="b2")])
Item.objects.filter(name="b1").delete()
print(Item.objects.count())
"""


def test_django(site: DatabaseHandle, tmp_path: Path) -> None:
    pytest.importorskip("django")
    app = tmp_path / "shop"
    (app / "migrations").mkdir(parents=True)
    for file in (app / "__init__.py", app / "migrations" / "__init__.py"):
        file.write_text("")
    (app / "models.py").write_text(MODELS)
    place = conninfo_to_dict(site.admin_url)
    head = SETTINGS.format(
        folder=str(tmp_path),
        dbname=place["dbname"],
        user=OWNER,
        host=place["host"],
        port=str(place["port"]),
    )

    def django(script: str) -> str:
        call = [sys.executable, "-c", head + script]
        done = subprocess.run(call, capture_output=True, text=True, check=False, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip().splitlines()[-1]

    migrations = 'call_command("makemigrations", "shop")\ncall_command("migrate")\n'
    assert django(migrations + CALLS) == "2"
    schema = adopt(site, tmp_path, "--backfill", "shop_item.organizationId=acme")
    assert list(schema) == ["shop_item"]
    assert django(CALLS) == "4"
    with client(site, schema) as ablo:
        assert ablo.shop_item.create({"name": "by the API"}).name == "by the API"
    (app / "models.py").write_text(MODELS.split("    class Meta")[0] + LATER)
    assert django(migrations + CALLS) == "7"
    with client(site, schema) as ablo:
        assert len(ablo.shop_item.list()) == 7
