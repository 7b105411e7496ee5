alter table ablo.field add column if not exists column_type text;
