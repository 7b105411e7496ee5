create or replace function ablo.row_as_is(p_model text, p_id text) returns json
language sql stable
as $$
  -- A row as it is, for ablo_model.sees; null if it is missing, or if no model of the active schema has this typename.
  -- Called by: whatever judges claims and activities of rows, which outlast their model. Locks: none.
  select ablo_model.read(m.typename, p_id) from ablo.model m where m.typename = p_model
$$;
