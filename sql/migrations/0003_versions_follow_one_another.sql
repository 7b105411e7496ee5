-- The version of a schema is one more than the last: a sequence gives numbers to dry runs, too, and to
-- pushes that fail, and has them missing afterwards.
alter table ablo.schema_version alter column version drop identity if exists;
