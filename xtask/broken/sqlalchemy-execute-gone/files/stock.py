"""Counts what is in stock."""
import sqlalchemy

engine = sqlalchemy.create_engine("sqlite://", poolclass=sqlalchemy.pool.StaticPool)
engine.execute("create table stock (name text, pieces int)")
engine.execute("insert into stock values ('nut', 5), ('bolt', 7)")
print("pieces:", engine.execute("select sum(pieces) from stock").scalar())
