create or replace function ablo.id_column(p_model ablo.model) returns text
language plpgsql stable
as $$
  -- The column that identifies a model's rows: `id`, unless its table existed before the model.
  -- Called by: the routines that look rows up in tables. Locks: none.
begin
  return coalesce((select f.column_name from ablo.field f where f.typename = p_model.typename and f.wire = 'id'), 'id');
end
$$;
